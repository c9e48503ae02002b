"""One transaction of the store in memory: what it writes is applied when its block ends well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from broker.domain.altered import altered
from broker.domain.caps import Spending
from broker.domain.case import Case
from broker.domain.event import Event
from broker.domain.job import Job
from broker.domain.key import Key
from broker.domain.line import Heads
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.notice import Notice
from broker.domain.offer import Offer
from broker.domain.places import PlaceRecord
from broker.domain.register import Register
from broker.domain.values import CommitmentId, JobId, MachineName, NoticeId, OfferId, ProviderName
from broker.ports import KeyTakenError, Lock, LogChunk, SubmissionKey
from broker.store.advice import AdviceInMemory
from broker.store.memory_tables import MemoryTables


class MemoryTransaction(AdviceInMemory):
    """Holds the store's lock for as long as its block lasts."""

    now: datetime

    def __init__(self, store: MemoryTables, lock: AbstractContextManager[object]) -> None:
        self.store, self._lock = store, lock
        self._writes: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        self._lock.__enter__()
        self.now = self.store.clock.now()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        broken: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                for write in self._writes:
                    write()
        finally:
            self._writes.clear()  # each of them names the transaction
            self._lock.__exit__(kind, broken, trace)

    def submit(self, jobs: Sequence[tuple[Job, Event, SubmissionKey | None]]) -> list[JobId]:
        ids: list[JobId] = []
        fresh: dict[tuple[str, str], tuple[JobId, str]] = {}
        for index, (job, event, key) in enumerate(jobs):
            if key is not None:
                named = (job.workload.tenant, key.name)
                known = self.store.keys.get(named) or fresh.get(named)
                if known and known[1] != key.digest:
                    raise KeyTakenError(key.name, known[0], index)
                if known:
                    ids.append(known[0])
                    continue
                fresh[named] = (job.id, key.digest)
            ids.append(job.id)
            self._writes.append(partial(self._add, job, event))
        self._writes.append(lambda: self.store.keys.update(fresh))
        return ids

    def _add(self, job: Job, event: Event) -> None:
        self._tell(f"job/{job.id}", job.version, [event], self.now)
        self.store.set_job(altered(job, version=job.version + 1, last_at=self.now))

    def cases(self, jobs: Iterable[JobId]) -> dict[JobId, Case]:
        return {job: self._case(job) for job in jobs if job in self.store.jobs}

    def _case(self, job: JobId) -> Case:
        store = self.store
        return Case(
            job=store.jobs[job],
            now=max(self.now, store.jobs[job].last_at),
            new_id=store.ids.new,
            offers=dict(store.offers.get(job, ())),
            commitments=dict(store.commitments.get(job, ())),
            machines=dict(store.live.get(job, ())),
        )

    def due_jobs(self, limit: int) -> list[Case]:
        due = self.store.due_jobs.due(self.now, limit)
        return [self._case(job) for job in due]

    def due_offers(self, limit: int) -> list[Case]:
        due = self.store.due_offers.due(self.now, limit)
        return [self._case(job) for job in dict.fromkeys(job for job, _ in due)]

    def heads(self, lines: AbstractSet[str]) -> Heads:
        stuck = self.store.stuck
        return {line: first[0] for line in lines if (first := stuck.first(line))}

    def call_heads(self) -> None:
        self._writes.append(self._call_heads)

    def _call_heads(self) -> None:
        for job in self.store.stuck.everybody():
            self.store.set_job(altered(self.store.jobs[job], due_at=self.now))

    def call_up(self, lines: Mapping[str, int]) -> None:
        self._writes.append(partial(self._call_up, lines))

    def _call_up(self, lines: Mapping[str, int]) -> None:
        for line, number in lines.items():
            for _, _, job in self.store.in_line.first(line, number):
                self.store.set_job(altered(self.store.jobs[job], due_at=self.now, in_line=False))

    def put_notice(self, notice: Notice, events: Sequence[Event] = ()) -> None:
        self._writes.append(partial(self.store.set_notice, notice))
        self.record(f"notice/{notice.id}", events)

    def notice(self, notice: NoticeId) -> Notice | None:
        return self.store.notices.get(notice)

    def claim_notices(self, limit: int, until: datetime) -> list[Notice]:
        due = [self.store.notices[name] for name in self.store.due_notices.due(self.now, limit)]
        claimed = [altered(one, tries=one.tries + 1, due_at=until) for one in due]
        for one in claimed:
            self._writes.append(partial(self.store.set_notice, one))
        return claimed

    def put_key(self, key: Key, events: Sequence[Event] = ()) -> None:
        self._writes.append(partial(self.store.party_keys.__setitem__, key.id, key))
        self.record(f"party/{key.party}", events)

    def party_keys(self, party: str | None = None, *, hold: bool = False) -> list[Key]:
        del hold  # transactions come one at a time
        known = self.store.party_keys.values()
        wanted = [key for key in known if party is None or key.party == party]
        return sorted(wanted, key=lambda key: (key.granted_at, key.id))

    def keep(self, cases: Iterable[Case]) -> None:
        for case in cases:
            self._writes.append(partial(self._keep, case))

    def _keep(self, case: Case) -> None:
        store, job = self.store, case.job
        if case.events:
            at = max(self.now, job.last_at)
            self._tell(f"job/{job.id}", job.version, case.events, at)
            job = altered(job, version=job.version + len(case.events), last_at=at)
        for name in sorted(case.changed):
            if name in case.machines:
                store.set_machine(case.machines[MachineName(name)])
            elif name in case.offers:
                store.set_offer(job.id, case.offers[OfferId(name)])
            else:
                commitment = case.commitments[CommitmentId(name)]
                if commitment.state.over:
                    store.commitments[job.id].pop(commitment.id, None)
                else:
                    store.commitments[job.id][commitment.id] = commitment
        store.spend(job, case.spent)
        store.set_job(job)

    def claim_machines(self, provider: ProviderName, limit: int, until: datetime) -> list[Machine]:
        store = self.store
        names = store.due_machines[provider].due(self.now, limit)
        claimed = [store.all_machines[name] for name in names]
        raised = [altered(m, tries=m.tries + 1, due_at=until) for m in claimed]
        for machine in raised:
            self._writes.append(partial(self.store.set_machine, machine))
        return raised

    def keep_claims(self, machines: Iterable[MachineName], until: datetime) -> None:
        self._writes.append(partial(self.store.put_off, list(machines), self.now, until))

    def bound_holds(self, holders: Sequence[str], holds: Iterable[str]) -> Mapping[str, str]:
        wanted = set(holds)
        return {
            hold: commitment.offer or commitment.id
            for live in self.store.commitments.values()
            for commitment in live.values()
            if commitment.place.provider in holders
            for hold in wanted.intersection(commitment.holds)
        }

    def offer(self, offer: OfferId) -> Offer | None:
        return self.store.past_offers.get(offer)

    def machine(self, name: MachineName) -> Machine | None:
        return self.store.all_machines.get(name)

    def enrol(self, name: MachineName, session_sha256: str) -> bool:
        held = next((s for s, m in self.store.sessions.items() if m == name), None)
        if held is not None:
            return held == session_sha256
        self._writes.append(lambda: self.store.sessions.update({session_sha256: name}))
        self._writes.append(lambda: self.store.heard.update({name: self.now}))
        return True

    def machine_of_session(self, session_sha256: str) -> Machine | None:
        name = self.store.sessions.get(session_sha256)
        if name is None:
            return None
        self._writes.append(lambda: self.store.heard.update({name: self.now}))
        return self.store.all_machines.get(name)

    def silent_machines(self, since: datetime, limit: int) -> list[Machine]:
        silent = (
            m
            for live in self.store.live.values()
            for m in live.values()
            if m.lease is not None and self.store.heard.get(m.name, m.up_at or m.wanted_at) < since
        )
        return list(silent)[:limit]

    def machines(self, *, provider: ProviderName | None = None) -> list[Machine]:
        return [
            m
            for live in self.store.live.values()
            for m in live.values()
            if provider is None or m.place.provider is provider
        ]

    def places(self, hold: Iterable[Place] = ()) -> Mapping[Place, PlaceRecord]:
        del hold  # transactions come one at a time
        return self.store.place_records

    def put_place(self, record: PlaceRecord, events: Sequence[Event] = ()) -> None:
        self._writes.append(lambda: self._put_place(record, events))

    def _put_place(self, record: PlaceRecord, events: Sequence[Event]) -> None:
        self.store.set_place(record, self.now)
        if events:
            self._record(record.place.stream, events)

    def asked(self, provider: ProviderName) -> Mapping[Place, int]:
        del provider
        return self.store.tried

    def unresolved(self) -> Mapping[Place, int]:
        return self.store.asked

    def registers(
        self, agreements: Iterable[str], lock: Lock = Lock.NONE
    ) -> Mapping[str, Register]:
        del lock  # transactions come one at a time
        return {name: self.store.registers[name] for name in agreements}

    def put_register(self, register: Register, events: Sequence[Event] = ()) -> None:
        self._writes.append(partial(self._put_register, register, events))

    def _put_register(self, register: Register, events: Sequence[Event]) -> None:
        name = register.agreement
        self.store.registers[name] = replace(register, version=register.version + 1)
        self._record(f"agreement/{name}", events)

    def spending(self, *, hold: bool = False) -> Spending:
        del hold  # transactions come one at a time
        return self.store.spending(self.now)

    def beats(self, *, hold: bool = False) -> Mapping[str, datetime]:
        del hold  # transactions come one at a time
        return self.store.beats

    def put_beats(self, beats: Mapping[str, datetime]) -> None:
        self._writes.append(lambda: self.store.beats.update(beats))

    def open_offers(self) -> list[Case]:
        return [self._case(job) for job in sorted(job for job, o in self.store.offers.items() if o)]

    def record(self, stream: str, events: Sequence[Event]) -> None:
        self._writes.append(lambda: self._record(stream, events))

    def _record(self, stream: str, events: Sequence[Event]) -> None:
        if events:
            self._tell(stream, self.store.log.version(stream), events, self.now)

    def told(self, stream: str) -> bool:
        return self.store.log.version(stream) > 0

    def editions_recorded(self) -> set[tuple[str, str]]:
        return self.store.log.editions()

    def add_log(self, chunks: Sequence[LogChunk]) -> None:
        for chunk in chunks:
            known = (chunk.lease, chunk.seq)
            self._writes.append(partial(self.store.chunks.setdefault, known, chunk))

    def _tell(self, stream: str, version: int, events: Sequence[Event], at: datetime) -> None:
        self.store.log.append(stream, version, events, at)
