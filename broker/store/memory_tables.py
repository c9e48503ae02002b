"""What the store in memory keeps: one dictionary for each kind of thing, and what is due when."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime

from broker.domain.commitment import Commitment
from broker.domain.job import Job
from broker.domain.line import Rank
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.offer import Offer
from broker.domain.places import PlaceRecord
from broker.domain.register import Register
from broker.domain.values import CommitmentId, JobId, MachineName, OfferId, ProviderName
from broker.ports import Clock, Ids, LogChunk
from broker.store.memory_log import MemoryLog
from broker.store.memory_queue import DueQueue


class MemoryTables:
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
        self.registers: dict[str, Register] = {}
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
