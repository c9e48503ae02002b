"""What is due when, in memory: two heaps, with entries that a later put makes void."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class DueQueue(Generic[Item]):
    """Items by the instant they are due; those due at once by their rank."""

    def __init__(self) -> None:
        self._current: dict[Item, tuple[datetime, int]] = {}
        self._later: list[tuple[datetime, int, tuple[Any, ...], Item]] = []
        self._ready: list[tuple[tuple[Any, ...], int, Item]] = []
        self._count = 0

    def put(self, item: Item, due_at: datetime | None, rank: tuple[Any, ...]) -> None:
        """Set when an item is due; None: not before it is put again."""
        if due_at is None:
            self._current.pop(item, None)
            return
        known = self._current.get(item)
        if known is not None and known[0] == due_at:
            return
        self._count += 1
        self._current[item] = (due_at, self._count)
        heappush(self._later, (due_at, self._count, rank, item))

    def first(self) -> datetime | None:
        """When the first item is due."""
        current, ready, later = self._current, self._ready, self._later
        if not current:
            ready.clear()
            later.clear()
            return None
        while ready:
            _, count, item = ready[0]
            found = current.get(item)
            if found is not None and found[1] == count:
                return found[0]
            heappop(ready)
        while later:
            at, count, _, item = later[0]
            found = current.get(item)
            if found is not None and found[1] == count:
                return at
            heappop(later)
        return None

    def is_due(self, now: datetime) -> bool:
        """Whether any item is due at an instant."""
        if not self._ready and (not self._later or self._later[0][0] > now):
            return False
        first = self.first()
        return first is not None and first <= now

    def due(self, now: datetime, limit: int) -> list[Item]:
        """The items due at an instant, best rank first. They stay due until they are put again."""
        while self._later and self._later[0][0] <= now:
            _, count, rank, item = heappop(self._later)
            if self._valid(item, count):
                heappush(self._ready, (rank, count, item))
        taken: list[tuple[tuple[Any, ...], int, Item]] = []
        while self._ready and len(taken) < limit:
            entry = heappop(self._ready)
            if self._valid(entry[2], entry[1]):
                taken.append(entry)
        for entry in taken:
            heappush(self._ready, entry)
        return [item for _, _, item in taken]

    def _valid(self, item: Item, count: int) -> bool:
        current = self._current.get(item)
        return current is not None and current[1] == count
