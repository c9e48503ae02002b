"""One transaction of the store in memory: what it writes is applied when its block ends well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from functools import partial

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.event import Event
from broker.domain.job import Job
from broker.domain.line import Heads, Rank
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Place
from broker.domain.offer import Offer
from broker.domain.places import PlaceRecord
from broker.domain.register import Register
from broker.domain.values import CommitmentId, JobId, MachineName, OfferId, ProviderName
from broker.ports import LogChunk
from broker.store.memory_tables import MemoryTables


class MemoryTransaction:
    def __init__(self, store: MemoryTables) -> None:
        self.store = store
        self.now = store.clock.now()
        self._writes: list[Callable[[], object]] = []

    def commit(self) -> None:
        for write in self._writes:
            write()

    def submit(self, jobs: Sequence[tuple[Job, Event, str | None]]) -> list[JobId]:
        ids: list[JobId] = []
        fresh: dict[tuple[str, str], JobId] = {}
        for job, event, key in jobs:
            named = (job.workload.tenant, key) if key is not None else None
            known = named and (self.store.keys.get(named) or fresh.get(named))
            if known:
                ids.append(known)
                continue
            ids.append(job.id)
            if named:
                fresh[named] = job.id
            self._writes.append(partial(self._add, job, event, named))
        return ids

    def _add(self, job: Job, event: Event, named: tuple[str, str] | None) -> None:
        if named:
            self.store.keys[named] = job.id
        self._tell(f"job/{job.id}", job.version, [event], self.now)
        self._set_job(altered(job, version=job.version + 1, last_at=self.now))

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
        return {line: min(stuck[line].values()) for line in lines if stuck.get(line)}

    def call_heads(self) -> None:
        self._writes.append(self._call_heads)

    def _call_heads(self) -> None:
        for stuck in list(self.store.stuck.values()):
            for job in list(stuck):
                self._set_job(altered(self.store.jobs[job], due_at=self.now))

    def call_up(self, lines: Mapping[str, int]) -> None:
        self._writes.append(partial(self._call_up, lines))

    def _call_up(self, lines: Mapping[str, int]) -> None:
        for line, number in lines.items():
            standing = self.store.in_line.get(line, {})
            for _, job in sorted((rank, job) for job, rank in standing.items())[:number]:
                self._set_job(altered(self.store.jobs[job], due_at=self.now, in_line=False))

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
                self._set_machine(case.machines[MachineName(name)])
            elif name in case.offers:
                self._set_offer(job.id, case.offers[OfferId(name)])
            else:
                commitment = case.commitments[CommitmentId(name)]
                if commitment.state.over:
                    store.commitments[job.id].pop(commitment.id, None)
                else:
                    store.commitments[job.id][commitment.id] = commitment
        self._set_job(job)

    def _set_job(self, job: Job) -> None:
        store = self.store
        rank = job.rank
        store.due_jobs.put(job.id, job.due_at, rank)
        _note(store.stuck, job, wanted=job.stuck and not job.state.over)
        _note(store.in_line, job, wanted=job.in_line and not job.state.over)
        if job.state.over and store.forget and not store.live.get(job.id):
            store.jobs.pop(job.id, None)
            store.offers.pop(job.id, None)
            store.commitments.pop(job.id, None)
            store.live.pop(job.id, None)
        else:
            store.jobs[job.id] = job

    def _set_offer(self, job: JobId, offer: Offer) -> None:
        store = self.store
        store.due_offers.put((job, offer.id), offer.due_at, (offer.id,))
        if offer.state.over:
            store.offers[job].pop(offer.id, None)
        else:
            store.offers[job][offer.id] = offer
        if not store.forget:
            store.past_offers[offer.id] = offer

    def _set_machine(self, machine: Machine) -> None:
        store = self.store
        before = store.all_machines.get(machine.name)
        if before is not None and before.state.unresolved:
            store.asked[before.place] -= 1
            store.tried[before.place] -= before.tries > 0
        if machine.state.unresolved:
            store.asked[machine.place] += 1
            store.tried[machine.place] += machine.tries > 0
        waiting = store.wanted[machine.place]
        waiting.add(machine.name) if machine.state is MachineState.WANTED else waiting.discard(
            machine.name
        )
        store.due_machines[machine.place.provider].put(
            machine.name, machine.due_at, (machine.wanted_at, machine.name)
        )
        if machine.state.over:
            store.live[machine.job].pop(machine.name, None)
        else:
            store.live[machine.job][machine.name] = machine
        if machine.state.over and store.forget:
            store.all_machines.pop(machine.name, None)
        else:
            store.all_machines[machine.name] = machine

    def claim_machines(self, provider: ProviderName, limit: int, until: datetime) -> list[Machine]:
        store = self.store
        names = store.due_machines[provider].due(self.now, limit)
        claimed = [store.all_machines[name] for name in names]
        raised = [altered(m, tries=m.tries + 1, due_at=until) for m in claimed]
        for machine in raised:
            self._writes.append(partial(self._set_machine, machine))
        return raised

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

    def places(self) -> Mapping[Place, PlaceRecord]:
        return self.store.place_records

    def put_place(self, record: PlaceRecord, events: Sequence[Event] = ()) -> None:
        self._writes.append(lambda: self._put_place(record, events))

    def _put_place(self, record: PlaceRecord, events: Sequence[Event]) -> None:
        place, store = record.place, self.store
        store.place_records[place] = record
        for name in sorted(store.wanted[place]):
            machine = store.all_machines[name]
            if machine.due_at is None or machine.due_at > self.now:
                self._set_machine(altered(machine, due_at=self.now))
        self._record(f"place/{place.provider}/{place.region}/{place.sku}", events)

    def asked(self, provider: ProviderName) -> Mapping[Place, int]:
        del provider
        return self.store.tried

    def unresolved(self) -> Mapping[Place, int]:
        return self.store.asked

    def registers(
        self, agreements: Iterable[str], *, for_update: bool = False
    ) -> Mapping[str, Register]:
        del for_update  # transactions come one at a time
        known = self.store.registers
        return {name: known.get(name) or Register(agreement=name) for name in agreements}

    def put_register(self, register: Register, events: Sequence[Event] = ()) -> None:
        self._writes.append(partial(self._put_register, register, events))

    def _put_register(self, register: Register, events: Sequence[Event]) -> None:
        name = register.agreement
        self.store.registers[name] = replace(register, version=register.version + 1)
        self._record(f"agreement/{name}", events)

    def record(self, stream: str, events: Sequence[Event]) -> None:
        self._writes.append(lambda: self._record(stream, events))

    def _record(self, stream: str, events: Sequence[Event]) -> None:
        if events:
            self._tell(stream, self.store.log.version(stream), events, self.now)

    def editions_recorded(self) -> set[tuple[str, str]]:
        return self.store.log.editions()

    def add_log(self, chunks: Sequence[LogChunk]) -> None:
        for chunk in chunks:
            self._writes.append(partial(self._add_chunk, chunk))

    def _add_chunk(self, chunk: LogChunk) -> None:
        self.store.chunks.setdefault((chunk.lease, chunk.seq), chunk)

    def _tell(self, stream: str, version: int, events: Sequence[Event], at: datetime) -> None:
        self.store.log.append(stream, version, events, at)


def _note(lines: dict[str, dict[JobId, Rank]], job: Job, *, wanted: bool) -> None:
    """Keep a line's book of jobs in step with one job."""
    if wanted:
        lines.setdefault(job.line, {})[job.id] = job.rank
    elif job.line in lines:
        lines[job.line].pop(job.id, None)
