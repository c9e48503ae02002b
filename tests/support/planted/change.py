"""How one thing in an exchange is made wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from tests.support.specs import Exchange

Change: TypeAlias = Callable[[Exchange], Exchange]


class Planted(NamedTuple):
    """A defect: the operation whose exchange it is put into, and words of its sentence."""

    operation: str
    change: Change
    said: str


def sent(change: Callable[[Any], object]) -> Change:
    """Another body of JSON in the request."""
    return lambda exchange: replace(exchange, sent=changed(exchange.sent, change))


def told(change: Callable[[Any], object]) -> Change:
    """Another body of JSON in the answer."""
    return lambda exchange: replace(exchange, told=changed(exchange.told, change))


def changed(body: bytes, change: Callable[[Any], object]) -> bytes:
    value = json.loads(body)
    change(value)
    return json.dumps(value).encode()


def form(old: str, new: str) -> Change:
    """Other words in a request that is a form."""
    return lambda exchange: replace(exchange, sent=other(exchange.sent, old, new))


def xml(old: str, new: str) -> Change:
    """Other words in an answer that is XML."""
    return lambda exchange: replace(exchange, told=other(exchange.told, old, new))


def other(body: bytes, old: str, new: str) -> bytes:
    assert old.encode() in body
    return body.replace(old.encode(), new.encode(), 1)


def target(old: str, new: str) -> Change:
    def change(exchange: Exchange) -> Exchange:
        assert old in exchange.target
        return replace(exchange, target=exchange.target.replace(old, new, 1))

    return change


def without(name: str) -> Change:
    """A header of the answer is missing."""

    def change(exchange: Exchange) -> Exchange:
        assert name in exchange.headers
        kept = {key: value for key, value in exchange.headers.items() if key != name}
        return replace(exchange, headers=kept)

    return change


def header(name: str, value: str) -> Change:
    return lambda exchange: replace(exchange, headers={**exchange.headers, name: value})


def refused(status: int, body: bytes) -> Change:
    return lambda exchange: replace(exchange, status=status, told=body)
