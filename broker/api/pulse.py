"""Wakes those who wait for something to happen to a job, soon and cheaply.

While anybody waits, one loop reads the newest facts for all of them. What is heard in this process
is passed on at once; whoever waits still looks again by himself, for a hint may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from starlette.concurrency import run_in_threadpool

from broker.domain.chain import Fact
from broker.ports import Store

EVERYTHING: Final = ""
"""What to listen to for the facts of all streams."""
EVERY_S: Final = 0.02
AFTER_A_FAULT_S: Final = 0.5
_BATCH: Final = 1000
_JOB: Final = "job/"

_log: Final = logging.getLogger(__name__)


class Bell:
    """Rings in the event loop that made it, from whichever thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        with suppress(RuntimeError):  # its loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._event.set)

    async def rings_within(self, seconds: float) -> bool:
        """Wait for a ring and take it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        rang = self._event.is_set()
        self._event.clear()
        return rang


class Pulse:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self._watches: dict[asyncio.AbstractEventLoop, tuple[Bell, asyncio.Task[None]]] = {}
        self.closed = False

    def nudge(self) -> None:
        """New facts are sealed: look at once. From any thread."""
        with self._lock:
            nudges = [nudge for nudge, _ in self._watches.values()]
        for nudge in nudges:
            nudge.ring()

    def ring(self, job: str) -> None:
        """Something of this job is new. From any thread."""
        with self._lock:
            bells = list(self._bells.get(job, ()))
        for bell in bells:
            bell.ring()

    def close(self) -> None:
        """The server is told to stop: whoever waits is let go."""
        self.closed = True
        with self._lock:
            bells = [bell for bells in self._bells.values() for bell in bells]
        for bell in bells:
            bell.ring()

    @contextmanager
    def listening(self, job: str) -> Iterator[Bell]:
        """A bell for the news of a job, while the block lasts."""
        bell = Bell()
        with self._lock:
            self._bells[job].add(bell)
        self._watch()
        try:
            yield bell
        finally:
            with self._lock:
                self._bells[job].discard(bell)
                if not self._bells[job]:
                    del self._bells[job]

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            known = self._watches.get(loop)
            if known is None or known[1].done():
                nudge = Bell()
                self._watches[loop] = (nudge, loop.create_task(self._read(nudge)))

    async def _read(self, nudge: Bell) -> None:
        """Read what is new until nobody waits."""
        loop = asyncio.get_running_loop()
        position: int | None = None
        while True:
            with self._lock:
                if not self._bells or self.closed:
                    self._watches.pop(loop, None)
                    return
            pause = EVERY_S
            try:
                if position is None:
                    position = await run_in_threadpool(head, self._store.facts)
                    self._ring_all()
                facts = await run_in_threadpool(self._store.facts, position, _BATCH)
            except Exception:  # noqa: BLE001 - a database that was away comes back
                _log.exception("the log cannot be read; trying again")
                facts, pause = [], AFTER_A_FAULT_S
            if facts:
                position = facts[-1].position
                for job in {fact.stream.removeprefix(_JOB) for fact in facts}:
                    self.ring(job)
                self.ring(EVERYTHING)
            if len(facts) < _BATCH:
                await nudge.rings_within(pause)

    def _ring_all(self) -> None:
        with self._lock:
            jobs = list(self._bells)
        for job in jobs:
            self.ring(job)


def head(facts: Callable[[int, int], list[Fact]]) -> int:
    """The position of the newest fact. Positions are dense, so it is found by halving."""
    if not facts(0, 1):
        return 0
    low, step = 1, 1
    while facts(low + step - 1, 1):
        low, step = low + step, step * 2
    high = low + step  # low is there, high is not
    while high - low > 1:
        middle = (low + high) // 2
        if facts(middle - 1, 1):
            low = middle
        else:
            high = middle
    return low
