"""How far each stream has come: open ones in full, closed ones in twenty-four bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from struct import Struct
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CLOSED: Final = Struct(">12sIq")
"""A digest of the stream's name, its version, its last instant in microseconds."""


class Tail(NamedTuple):
    version: int
    at: datetime
    position: int
    """0 where the stream was closed since."""


class Streams:
    """The last version and instant of every stream there was.

    A job that is over and holds no lease closes its stream. What is still told of it then, such as
    a late answer, is held to the same order; only that a closed stream does not begin anew is left
    to the chain. So an audit of any length stays small.
    """

    def __init__(self) -> None:
        self._open: dict[str, Tail] = {}
        self._closed = bytearray()

    def tail(self, stream: str, version: int) -> Tail | None:
        """Where a stream stands that a fact of this version is about to be added to."""
        found = self._open.get(stream)
        if found is None and version > 1:
            return self._reopened(stream)
        return found

    def note(self, stream: str, version: int, at: datetime, position: int) -> None:
        """A fact was read: its stream is at least so long now."""
        last = self._open.get(stream)
        self._open[stream] = Tail(max(version, last.version) if last else version, at, position)

    def close(self, stream: str) -> None:
        tail = self._open.pop(stream, None)
        if tail is not None:
            since = (tail.at - _EPOCH) // _MICROSECOND
            self._closed += _CLOSED.pack(_digest(stream), tail.version, since)

    def _reopened(self, stream: str) -> Tail | None:
        """The last that was known of a closed stream: the newest record has it."""
        digest, end = _digest(stream), len(self._closed)
        while (start := self._closed.rfind(digest, 0, end)) >= 0:
            if start % _CLOSED.size == 0:
                _, version, since = _CLOSED.unpack_from(self._closed, start)
                return Tail(version, _EPOCH + since * _MICROSECOND, 0)
            end = start + len(digest) - 1
        return None


def _digest(stream: str) -> bytes:
    return blake2s(stream.encode(), digest_size=12).digest()
