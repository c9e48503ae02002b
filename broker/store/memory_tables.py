"""What the store in memory keeps: one dictionary for each kind of thing, and what is due when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime

from broker.domain.altered import altered
from broker.domain.caps import Spend, Spending, spend_of
from broker.domain.commitment import Commitment
from broker.domain.job import Job
from broker.domain.key import Key
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Advised, Place
from broker.domain.notice import Notice
from broker.domain.offer import Offer
from broker.domain.place import areas, is_area
from broker.domain.places import PlaceRecord
from broker.domain.register import Register
from broker.domain.values import (
    CommitmentId,
    JobId,
    KeyId,
    MachineName,
    NoticeId,
    OfferId,
    ProviderName,
    Usd,
)
from broker.ports import Clock, Ids, LogChunk
from broker.store.memory_lines import Lines
from broker.store.memory_log import MemoryLog
from broker.store.memory_queue import DueQueue


class _Registers(dict[str, Register]):
    """By agreement; what nothing was put on record of has an empty one."""

    def __missing__(self, agreement: str) -> Register:
        empty = self[agreement] = Register(agreement=agreement)
        return empty


class MemoryTables:
    """`forget` drops what has ended, so that a long replay stays small."""

    def __init__(
        self, clock: Clock, ids: Ids, *, log: MemoryLog | None = None, forget: bool = False
    ) -> None:
        self.clock, self.ids, self.forget = clock, ids, forget
        self.log = log or MemoryLog()
        self.jobs: dict[JobId, Job] = {}
        self.keys: dict[tuple[str, str], tuple[JobId, str]] = {}
        """Tenant and key to the job they name, and the digest of what was submitted."""
        self.offers: defaultdict[JobId, dict[OfferId, Offer]] = defaultdict(dict)
        self.commitments: defaultdict[JobId, dict[CommitmentId, Commitment]] = defaultdict(dict)
        self.live: defaultdict[JobId, dict[MachineName, Machine]] = defaultdict(dict)
        self.all_machines: dict[MachineName, Machine] = {}
        self.past_offers: dict[OfferId, Offer] = {}
        self.place_records: dict[Place, PlaceRecord] = {}
        self.advice: dict[Place, Advised] = {}
        self.notices: dict[NoticeId, Notice] = {}
        self.party_keys: dict[KeyId, Key] = {}
        self.registers = _Registers()
        self.sessions: dict[str, MachineName] = {}
        self.heard: dict[MachineName, datetime] = {}
        self.asked: Counter[Place] = Counter()
        self.tried: Counter[Place] = Counter()
        self.wanted: defaultdict[Place, set[MachineName]] = defaultdict(set)
        self.chunks: dict[tuple[str, int], LogChunk] = {}
        self.due_jobs: DueQueue[JobId] = DueQueue()
        self.due_offers: DueQueue[tuple[JobId, OfferId]] = DueQueue()
        self.due_notices: DueQueue[NoticeId] = DueQueue()
        self.due_machines: dict[ProviderName, DueQueue[MachineName]] = {
            name: DueQueue() for name in ProviderName
        }
        self.spent: defaultdict[tuple[ProviderName, str], Usd] = defaultdict(Usd)
        self.beats: dict[str, datetime] = {}
        self.stuck, self.in_line = Lines(), Lines()

    def set_job(self, job: Job) -> None:
        before = self.jobs.get(job.id)
        self.due_jobs.put(job.id, job.due_at, job.rank)
        if job.stuck or job.in_line or (before and (before.stuck or before.in_line)):
            self._stand(before, job)
        if job.state.over and self.forget and not self.live.get(job.id):
            self.jobs.pop(job.id, None)
            self.offers.pop(job.id, None)
            self.commitments.pop(job.id, None)
            self.live.pop(job.id, None)
        else:
            self.jobs[job.id] = job

    def _stand(self, before: Job | None, job: Job) -> None:
        """Where it stands in its line, or heads it; nowhere once it is over."""
        if before is not None and before.line != job.line:
            self.stuck.note(before.line, job.id, None)
            self.in_line.note(before.line, job.id, None)
        rank, over = job.rank, job.state.over
        self.stuck.note(job.line, job.id, rank if job.stuck and not over else None)
        self.in_line.note(job.line, job.id, rank if job.in_line and not over else None)

    def set_place(self, record: PlaceRecord, now: datetime) -> None:
        """Remember it; machines that are wanted there and were never asked for become due."""
        place = record.place
        self.place_records[place] = record
        woken = [place]
        if is_area(place):
            woken = [] if record.shuts(now) else [p for p in self.wanted if place in areas(p)]
        for name in sorted(name for one in woken for name in self.wanted.get(one, ())):
            machine = self.all_machines[name]
            if machine.tries == 0 and (machine.due_at is None or machine.due_at > now):
                self.set_machine(altered(machine, due_at=now))

    def put_off(self, machines: Iterable[MachineName], now: datetime, until: datetime) -> None:
        """Those that are not due yet are due then."""
        for machine in [self.all_machines[name] for name in machines if name in self.all_machines]:
            if machine.due_at is not None and machine.due_at > now:
                self.set_machine(altered(machine, due_at=until))

    def spend(self, job: Job, spent: Iterable[tuple[ProviderName, Usd]]) -> None:
        for provider, amount in spent:
            self.spent[provider, job.workload.tenant] += amount

    def spending(self, now: datetime) -> Spending:
        found = {key: Spend(Usd(0), total) for key, total in self.spent.items()}
        for job, live in self.live.items():
            for machine in live.values():
                key = (machine.place.provider, self.jobs[job].workload.tenant)
                if (spend := spend_of(machine, now)) != Spend():
                    found[key] = found.get(key, Spend()).and_(spend)
        return found

    def set_offer(self, job: JobId, offer: Offer) -> None:
        self.due_offers.put((job, offer.id), offer.due_at, (offer.id,))
        if offer.state.over:
            self.offers[job].pop(offer.id, None)
        else:
            self.offers[job][offer.id] = offer
        if not self.forget:
            self.past_offers[offer.id] = offer

    def set_notice(self, notice: Notice) -> None:
        self.due_notices.put(notice.id, notice.due_at, (notice.id,))
        if notice.due_at is not None or not self.forget:
            self.notices[notice.id] = notice
        else:
            self.notices.pop(notice.id, None)

    def set_machine(self, machine: Machine) -> None:
        name, state = machine.name, machine.state
        before = self.all_machines.get(name)
        if before is None:
            self._count(machine, 1)
        elif before.state is not state or before.tries != machine.tries:
            self._count(before, -1)
            self._count(machine, 1)
        self.due_machines[machine.place.provider].put(
            name, machine.due_at, (machine.wanted_at, name)
        )
        if state.over:
            self.live[machine.job].pop(name, None)
        else:
            self.live[machine.job][name] = machine
        if state.over and self.forget:
            self.all_machines.pop(name, None)
        else:
            self.all_machines[name] = machine

    def _count(self, machine: Machine, by: int) -> None:
        """What its place is still asked for."""
        if not machine.state.unresolved:
            return
        place = machine.place
        if machine.state is MachineState.WANTED:
            names = self.wanted[place]
            names.add(machine.name) if by > 0 else names.discard(machine.name)
        self.asked[place] += by
        if machine.tries > 0:
            self.tried[place] += by
