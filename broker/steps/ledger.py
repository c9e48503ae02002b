"""Accounts kept in the process: they follow the log by position, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Final

from broker.domain.chain import Fact
from broker.domain.values import instant
from broker.ports import Store

_PAGE: Final = 1000
AT_ONCE: Final = 50_000
"""The most facts that are read in one go, some two seconds of work."""


class Ledger:
    """Gives every sealed fact to its readers, each once and in order."""

    def __init__(self, *readers: Callable[[Fact], None], after: int = 0) -> None:
        self._readers, self.position = readers, after
        self.lock = Lock()
        """To be held while what the readers keep is looked at."""

    def catch_up(self, store: Store, most: int = AT_ONCE) -> bool:
        """Read on, at most so many facts; whether nothing is left that was sealed."""
        with self.lock:
            end = self.position + most
            while self.position < end:
                page = store.facts(self.position, min(_PAGE, end - self.position))
                for fact in page:
                    for read in self._readers:
                        read(fact)
                    self.position = fact.position
                if len(page) < _PAGE:
                    return not store.facts(self.position, 1)
        return not store.facts(self.position, 1)


def begins(store: Store, at: datetime) -> int:
    """The position before the first fact of an instant, or of one shortly before it.

    Positions leave no gap, so it is found in a few looks, without an index over instants.
    """
    low, high = 0, 1
    while _before(store, high, at):
        low, high = high, high * 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if _before(store, middle, at) else (low, middle)
    return low


def _before(store: Store, position: int, at: datetime) -> bool:
    """Whether a fact has this position and happened before the instant."""
    found = store.facts(position - 1, 1)
    return bool(found) and found[0].position == position and instant(found[0].at) < at
