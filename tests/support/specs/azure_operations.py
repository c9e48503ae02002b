"""The operations of Azure's SDK: what its generated code sends and awaits, read from its text.

The code is generated from the specification with one builder for each operation, so its text is
regular; a builder that does not read as the others do raises ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from tests.support.specs.shapes import Schema, listed, named
from tests.support.specs.sources import folder_of

_BUILDER: Final = re.compile(r"^def build_(\w+)_request\(", re.MULTILINE)
_URL: Final = re.compile(r'_url = \(?\s*"([^"]+)"')
_METHOD: Final = re.compile(r'HttpRequest\(method="(\w+)"')
_VERSION: Final = re.compile(r'"api-version", "([^"]+)"')
_QUERY: Final = re.compile(r'^( +)_params\["([^"]+)"\] =', re.MULTILINE)
_CALL: Final = re.compile(r"_request = (?:\(\s*)?build_\w+_request\(")
_DEF: Final = "\n    def "
_BODY: Final = re.compile(r"_types\.(\w+), IO\[bytes\]|_models\.(\w+), \w+\.?\w*, IO\[bytes\]")
_STATUSES: Final = re.compile(r"status_code not in \[([\d, ]+)\]")
_ANSWER: Final = re.compile(r"[^_]_deserialize\((List\[)?_models\.(\w+)\]?, response\.json\(\)\)")
_PAGE: Final = re.compile(r"_deserialize\(\s+List\[_models\.(\w+)\],\s+deserialized\.get\(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    name: str
    package: str
    method: str
    path: str
    version: str
    query: Mapping[str, bool]
    """By name, whether it must be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What the SDK sends with an operation, and what it awaits."""

    statuses: tuple[int, ...]
    """Those that are no error."""
    body: str | None
    answer: Schema | None
    page: Schema | None
    """What an answer lists, if it lists something page by page."""
    lasts: bool
    """Whether it goes on after its answer."""


def operations(package: str) -> Iterator[Operation]:
    """Every operation of `azure.mgmt.<package>`."""
    text = _text(package)
    for found in _BUILDER.finditer(text):
        name, builder = found[1], text[found.start() : text.index("\n\n\n", found.start())]
        url, method, version = (one.search(builder) for one in (_URL, _METHOD, _VERSION))
        if url is None or method is None or version is None:
            raise ValueError(f"azure.mgmt.{package}: {name} does not read as the others do")
        yield Operation(
            name=name,
            package=package,
            method=method[1],
            path=url[1],
            version=version[1],
            query={key: len(indent) == len("    ") for indent, key in _QUERY.findall(builder)},
        )


@cache
def use(package: str, name: str) -> Use:
    """By the method that calls the operation's builder."""
    text = _text(package)
    called = re.search(rf"_request = (?:\(\s*)?build_{name}_request\(", text)
    if called is None:
        raise ValueError(f"azure.mgmt.{package}: nothing calls {name}")
    start = text.rindex(_DEF, 0, called.start())
    end = _end(text, called.end())
    method = text[start:end]
    lasts = "_initial(" in method[: method.index("(") + 1]
    # The methods after the first step of a long one are its overloads, and then itself.
    after = _CALL.search(text, called.end())
    later = text[start : after.start() if after else len(text)] if lasts else method
    body = _BODY.search(method.partition(") ->")[0])
    statuses, answer, page = (one.search(later) for one in (_STATUSES, _ANSWER, _PAGE))
    return Use(
        statuses=tuple(int(one) for one in statuses[1].split(",")) if statuses else (),
        body=(body[1] or body[2]) if body else None,
        answer=_shape(answer) if answer else None,
        page=named(page[1]) if page else None,
        lasts=lasts,
    )


def _end(text: str, start: int) -> int:
    """Of the method around a position, which has functions of its own inside."""
    ends = [text.find(word, start) for word in (_DEF, "\n    @", "\nclass ")]
    return min((end for end in ends if end >= 0), default=len(text))


def _shape(answer: re.Match[str]) -> Schema:
    return listed(named(answer[2])) if answer[1] else named(answer[2])


@cache
def _text(package: str) -> str:
    folder = folder_of(f"azure.mgmt.{package}") / "operations"
    return (folder / "_operations.py").read_text("utf-8")
