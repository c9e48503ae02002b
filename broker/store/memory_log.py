"""The log in memory: facts are appended, sealed into the chain, and kept or handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from broker.domain.chain import GENESIS, Fact, line, seal
from broker.domain.event import Event
from broker.domain.events import EditionRecorded
from broker.domain.values import instant_text


class MemoryLog:
    """With a `sink`, every fact is sealed as it is appended and its exported line handed on.

    An `ear` hears each event and its instant before it is sealed. Without a sink, and not kept,
    nothing is sealed at all.
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

    def also_tell(self, ear: Callable[[Event, datetime], object]) -> None:
        """Another that hears each event from now on, after the one there is."""
        first = self._ear

        def both(event: Event, at: datetime) -> None:
            if first is not None:
                first(event, at)
            ear(event, at)

        self._ear = both

    def append(self, stream: str, version: int, events: Sequence[Event], at: datetime) -> None:
        if self._ear is not None:
            for event in events:
                self._ear(event, at)
        if not stream.startswith("job/"):
            self._versions[stream] = version + len(events)
            for event in events:
                if isinstance(event, EditionRecorded):
                    self._editions.add((event.agreement, event.edition))
        if self._sink is None and not self._kept:
            return
        text = instant_text(at)
        for number, event in enumerate(events, start=version + 1):
            self._waiting.append((text, stream, number, event))
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
            data, previous = event.text(), self.head
            told = self.count, at, stream, version, type(event).__name__
            self.head = seal(*told, data, previous)
            if self._sink is not None:
                self._sink(line(*told, data, previous, self.head))
            if self._kept:
                self._sealed.append(Fact(*told, event.payload(), previous, self.head))
        return len(batch)

    def facts(self, after: int, limit: int, stream: str | None) -> list[Fact]:
        if stream is None:
            return self._sealed[after : after + limit]
        return [f for f in self._sealed[after:] if f.stream == stream][:limit]
