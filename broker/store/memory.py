"""The store in memory, held to the same contract as the others; replays and tests run on it.

Transactions come one at a time. What a transaction writes is applied when its block ends well.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from broker.domain.chain import Fact
from broker.domain.commitment import Commitment
from broker.domain.job import Job
from broker.domain.line import Rank
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.offer import Offer
from broker.domain.places import PlaceRecord
from broker.domain.values import CommitmentId, JobId, MachineName, OfferId, ProviderName
from broker.ports import Clock, Ids, LogChunk, Transaction
from broker.store.memory_log import MemoryLog
from broker.store.memory_queue import DueQueue
from broker.store.memory_transaction import MemoryTransaction


class MemoryStore:
    """`forget` drops what has ended, so that a long replay stays small."""

    def __init__(
        self, clock: Clock, ids: Ids, *, log: MemoryLog | None = None, forget: bool = False
    ) -> None:
        self.clock, self.ids, self.forget = clock, ids, forget
        self.log = log or MemoryLog()
        self.jobs: dict[JobId, Job] = {}
        self.keys: dict[tuple[str, str], JobId] = {}
        self.offers: defaultdict[JobId, dict[OfferId, Offer]] = defaultdict(dict)
        self.commitments: defaultdict[JobId, dict[CommitmentId, Commitment]] = defaultdict(dict)
        self.live: defaultdict[JobId, dict[MachineName, Machine]] = defaultdict(dict)
        self.all_machines: dict[MachineName, Machine] = {}
        self.past_offers: dict[OfferId, Offer] = {}
        self.place_records: dict[Place, PlaceRecord] = {}
        self.sessions: dict[str, MachineName] = {}
        self.heard: dict[MachineName, datetime] = {}
        self.asked: Counter[Place] = Counter()
        self.tried: Counter[Place] = Counter()
        self.wanted: defaultdict[Place, set[MachineName]] = defaultdict(set)
        self.chunks: dict[tuple[str, int], LogChunk] = {}
        self.due_jobs: DueQueue[JobId] = DueQueue()
        self.due_offers: DueQueue[tuple[JobId, OfferId]] = DueQueue()
        self.due_machines: dict[ProviderName, DueQueue[MachineName]] = {
            name: DueQueue() for name in ProviderName
        }
        self.stuck: dict[str, dict[JobId, Rank]] = {}
        self.in_line: dict[str, dict[JobId, Rank]] = {}
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._lock:
            work = MemoryTransaction(self)
            yield work
            work.commit()

    def next_due(self) -> datetime | None:
        with self._lock:
            instants = [self.due_jobs.first(), self.due_offers.first()]
            instants += [queue.first() for queue in self.due_machines.values()]
            return min((at for at in instants if at is not None), default=None)

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
