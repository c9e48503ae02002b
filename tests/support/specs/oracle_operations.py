"""The operations of Oracle's SDK: what its generated code sends and awaits, read from its text.

Each call of a client is generated in one form: path, method and parameters in front, then the
call with its body and the name of the answer's type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tests.support.specs.sources import folder_of

SERVICES: Final = ("core", "work_requests", "limits", "identity", "resource_search")
"""Those that a broker has to do with; a call of another one is no operation here."""

_BASE: Final = re.compile(r"'base_path': '([^']*)'")
_CALL: Final = re.compile(r"^    def ([a-z]\w+)\(self", re.MULTILINE)
_PATH: Final = re.compile(r'resource_path = "([^"]+)"')
_METHOD: Final = re.compile(r'method = "(\w+)"')
_QUERY: Final = re.compile(r"query_params = \{(.*?)\n        \}", re.DOTALL)
_HEADERS: Final = re.compile(r"header_params = \{(.*?)\n        \}", re.DOTALL)
_ENTRY: Final = re.compile(r'^\s+"([^"]+)": (.*?),?$', re.MULTILINE)
_BODY: Final = re.compile(r"^\s+body=(?:kwargs\.get\(['\"])?(\w+)", re.MULTILINE)
_ANSWER: Final = re.compile(r'response_type="([^"]+)"')
_VALUES: Final = re.compile(r"\b(\w+)_allowed_values = \[(.*?)\]", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Operation:
    name: str
    service: str
    method: str
    path: str
    text: str = field(repr=False)

    @cached_property
    def query(self) -> Mapping[str, bool]:
        """By name, whether it must be there."""
        entries = _entries(_QUERY, self.text)
        return {name: "kwargs.get" not in value for name, value in entries.items()}

    @cached_property
    def values(self) -> Mapping[str, tuple[str, ...]]:
        """By name of a query's parameter, what it may be; a parameter that is not here is free."""
        listed = {
            name: tuple(re.findall(r'"([^"]+)"', values))
            for name, values in _VALUES.findall(self.text)
        }
        return {
            name: listed[own]
            for name, value in _entries(_QUERY, self.text).items()
            for own in re.findall(r'kwargs\.get\("(\w+)"', value)
            if own in listed
        }

    @cached_property
    def headers(self) -> frozenset[str]:
        return frozenset(_entries(_HEADERS, self.text))

    @cached_property
    def body(self) -> str | None:
        """The type of the body, by the SDK's own notation, as in `answer`."""
        body = _BODY.search(self.text)
        if body is None:
            return None
        typed = re.search(rf":param (.+?) {body[1]}: ", self.text)
        if typed is None:
            raise ValueError(f"oci.{self.service}: {body[1]} has no type")
        return typed[1].replace(f"oci.{self.service}.models.", "")

    @cached_property
    def answer(self) -> str | None:
        answer = _ANSWER.search(self.text)
        return answer[1] if answer else None


def operations() -> Iterator[Operation]:
    """Every operation of the services above."""
    for service in SERVICES:
        for client in sorted(folder_of(f"oci.{service}").glob("*_client.py")):
            yield from _of_client(service, client.read_text("utf-8"))


def _of_client(service: str, text: str) -> Iterator[Operation]:
    base = _BASE.search(text)
    starts = [(found.start(), found[1]) for found in _CALL.finditer(text)]
    ends = [*(start for start, _ in starts[1:]), len(text)]
    for (start, name), end in zip(starts, ends, strict=True):
        call = text[start:end]
        path, method = _PATH.search(call), _METHOD.search(call)
        if base is None or path is None or method is None:
            continue  # not a call, but a part of the client's own machinery
        yield Operation(
            name=name,
            service=service,
            method=method[1],
            path=f"{base[1].rstrip('/')}{path[1]}",
            text=call,
        )


def _entries(form: re.Pattern[str], call: str) -> dict[str, str]:
    found = form.search(call)
    return dict(_ENTRY.findall(found[1])) if found else {}
