"""The log in memory: facts are appended, sealed into the chain, and kept or handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from broker.domain.chain import GENESIS, Fact, canonical_plain, line, seal
from broker.domain.event import Event
from broker.domain.events import EditionRecorded
from broker.domain.values import instant_text


class MemoryLog:
    """With a `sink`, every fact is sealed as it is appended and its exported line handed on.

    An `ear` hears each event and its instant before it is sealed.
    """

    def __init__(
        self,
        sink: Callable[[str], object] | None = None,
        *,
        kept: bool = True,
        ear: Callable[[Event, datetime], object] | None = None,
    ) -> None:
        self.count = 0
        self.head = GENESIS
        self._sink, self._kept, self._ear = sink, kept, ear
        self._waiting: list[tuple[str, str, int, Event]] = []
        self._sealed: list[Fact] = []
        self._versions: dict[str, int] = {}
        self._editions: set[tuple[str, str]] = set()

    def append(self, stream: str, version: int, events: Sequence[Event], at: datetime) -> None:
        text = instant_text(at)
        for event in events:
            version += 1
            if self._ear is not None:
                self._ear(event, at)
            self._waiting.append((text, stream, version, event))
            if isinstance(event, EditionRecorded):
                self._editions.add((event.agreement, event.edition))
        if not stream.startswith("job/"):
            self._versions[stream] = version
        if self._sink is not None:
            self.seal(len(self._waiting))

    def version(self, stream: str) -> int:
        return self._versions.get(stream, 0)

    def editions(self) -> set[tuple[str, str]]:
        return self._editions

    def seal(self, limit: int) -> int:
        batch, self._waiting = self._waiting[:limit], self._waiting[limit:]
        for at, stream, version, event in batch:
            self.count += 1
            payload = event.payload()
            data = canonical_plain(payload)
            kind = type(event).__name__
            previous, self.head = (
                self.head,
                seal(self.count, at, stream, version, kind, data, self.head),
            )
            if self._sink is not None:
                self._sink(line(self.count, at, stream, version, kind, data, previous, self.head))
            if self._kept:
                self._sealed.append(
                    Fact(self.count, at, stream, version, kind, payload, previous, self.head)
                )
        return len(batch)

    def facts(self, after: int, limit: int, stream: str | None) -> list[Fact]:
        if stream is None:
            return self._sealed[after : after + limit]
        return [f for f in self._sealed[after:] if f.stream == stream][:limit]
