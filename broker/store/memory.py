"""The store in memory, held to the same contract as the others; replays and tests run on it.

Transactions come one at a time. What a transaction writes is applied when its block ends well.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from broker.domain.chain import Fact
from broker.domain.values import JobId
from broker.ports import Clock, Ids, LogChunk, Upcoming
from broker.store.memory_log import MemoryLog
from broker.store.memory_queue import DueQueue
from broker.store.memory_tables import MemoryTables
from broker.store.memory_transaction import MemoryTransaction


class MemoryStore(MemoryTables):
    """`forget` drops what has ended, so that a long replay stays small."""

    def __init__(
        self, clock: Clock, ids: Ids, *, log: MemoryLog | None = None, forget: bool = False
    ) -> None:
        super().__init__(clock, ids, log=log, forget=forget)
        self._lock = threading.RLock()
        self._queues: tuple[DueQueue[Any], ...] = (
            self.due_jobs,
            self.due_offers,
            self.due_notices,
            *self.due_machines.values(),
        )

    def transaction(self) -> MemoryTransaction:
        return MemoryTransaction(self, self._lock)

    def upcoming(self) -> Upcoming:
        with self._lock:
            firsts = {name: queue.first() for name, queue in self.due_machines.items()}
            return Upcoming(
                jobs=self.due_jobs.first(),
                offers=self.due_offers.first(),
                notices=self.due_notices.first(),
                machines={name: at for name, at in firsts.items() if at is not None},
            )

    def next_due(self) -> datetime | None:
        with self._lock:
            soonest: datetime | None = None
            for queue in self._queues:
                at = queue.first()
                if at is not None and (soonest is None or at < soonest):
                    soonest = at
            return soonest

    def seal(self, limit: int = 1000) -> int:
        with self._lock:
            return self.log.seal(limit)

    def facts(self, after: int = 0, limit: int = 1000, stream: str | None = None) -> list[Fact]:
        return self.log.facts(after, limit, stream)

    def logs(self, job: JobId, after: int = 0, limit: int = 1000) -> list[tuple[int, LogChunk]]:
        numbered = enumerate(self.chunks.values(), start=1)
        found = [(n, chunk) for n, chunk in numbered if n > after and chunk.job == job]
        return found[:limit]

    def close(self) -> None:
        """Nothing to let go of."""
