"""One request and its answer, and what a cloud's specification has against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.emulators.wire import Reply, Request


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its answer, as they stood on the wire."""

    cloud: str
    method: str
    target: str
    """What stood in the request line: the path, still encoded, and the query."""
    sent_headers: Mapping[str, str]
    """Names in lower case, here and in `headers`."""
    sent: bytes
    status: int
    headers: Mapping[str, str]
    told: bytes

    @classmethod
    def of(cls, cloud: str, request: Request, reply: Reply) -> Self:
        return cls(
            cloud=cloud,
            method=request.method,
            target=request.target,
            sent_headers=request.headers,
            sent=request.body,
            status=reply.status,
            headers={name.lower(): value for name, value in reply.headers.items()},
            told=reply.body,
        )

    @cached_property
    def path(self) -> tuple[str, ...]:
        """The decoded segments, without an empty one at the end."""
        parts = urlsplit(self.target).path.strip("/").split("/")
        return tuple(unquote(part) for part in parts)

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


def query_complaints(exchange: Exchange, known: Mapping[str, bool]) -> Iterator[str]:
    """What an operation does not know, and what it must know; `known` says which must be there."""
    told = Counter(name for name, _ in exchange.query)
    for name, times in told.items():
        if name not in known:
            yield f"the query's {name} is unknown"
        elif times > 1:
            yield f"the query's {name} is given {times} times"
    for name, required in known.items():
        if required and name not in told:
            yield f"the query's {name} is missing"


def wait_complaints(exchange: Exchange) -> Iterator[str]:
    wait = exchange.headers.get("retry-after", "0")
    if not wait.isdigit():
        yield f"the header Retry-After is {wait!r} and no whole number of seconds"


def operation_of(exchange: Exchange) -> str | None:
    """The operation by its specification's name; None if it is none."""
    asked: str | None = _spec(exchange).operation_of(exchange)
    return asked


def complaints(exchange: Exchange) -> Iterator[str]:
    """One sentence each: cloud, operation, direction, field, and what is wrong with it."""
    for complaint in _spec(exchange).complaints(exchange):
        yield f"{exchange.cloud}: {complaint}"


def _spec(exchange: Exchange) -> ModuleType:
    return import_module(f"tests.support.specs.{exchange.cloud}")
