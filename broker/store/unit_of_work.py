"""One transaction: it reads and claims at once, and writes what it was told when its block ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select, update
from sqlalchemy.sql.elements import ColumnElement

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
from broker.domain.values import JobId, MachineName, NoticeId, OfferId, ProviderName, instant_text
from broker.ports import Clock, Ids, KeyTakenError, Lock, LogChunk, SubmissionKey
from broker.store import desks, event_log, locks, queries, registers, spent, waking, writes
from broker.store.advice import AdviceRows
from broker.store.dues import JOBS_DUE, NOTICES_DUE, Dues
from broker.store.engine import began
from broker.store.event_log import Tail, Told
from broker.store.rows import Values, instant_of, job_row, machine_from, micros, place_from
from broker.store.tables import AGENTS, BEATS, JOBS, KEYS, MACHINES, NOTICES, PLACES


class SqlTransaction(AdviceRows):
    """The contract is `broker.ports.Transaction`.

    Whoever reads a job for writing holds its row, and with it all that hangs on the job. What is
    written with `keep`, `record` and `put_place` waits for the end of the block and is written
    there in one order for all, so that no two transactions wait for each other in a ring; facts
    keep the order in which they were told.
    """

    def __init__(self, connection: Connection, clock: Clock, ids: Ids) -> None:
        self._connection, self._clock, self._ids = connection, clock, ids
        self._now: datetime | None = None
        self._told: list[Told] = []
        self._loaded: dict[JobId, Job] = {}
        self._kept: dict[JobId, Case] = {}
        self._called: dict[str, int] = {}
        self._heads_called = False
        self._places: dict[Place, PlaceRecord] = {}
        self._notices: list[Values] = []
        self._keys: list[Values] = []
        self._registers: dict[str, Register] = {}
        self.dues: Final = Dues()
        """When the first of what it wrote is due."""

    @property
    def now(self) -> datetime:
        """On PostgreSQL the server's clock, for all of its clients; on SQLite ours."""
        if self._now is None:
            self._now = began(self._connection, self._clock)
        return self._now

    def write(self) -> int:
        """Write what was told; returns the number of facts. Raises LostRaceError."""
        connection = self._connection
        if self._registers:
            registers.write(connection, self._registers.values())
        told = [one for one in self._told if one.events]
        facts = event_log.append(connection, told, self.now) if told else 0
        if self._places:
            writes.upsert(connection, PLACES, writes.place_rows(self._places.values()))
            written = {name for case in self._kept.values() for name in case.changed}
            if woken := waking.opened(connection, self._places.values(), self.now):
                waking.wake_wanted(connection, woken, self.now, written, self.dues)
        if self._kept:
            writes.keep_cases(connection, self._kept.values(), self._loaded, self.now, self.dues)
        writes.upsert(connection, NOTICES, self._notices)
        self.dues.add_rows(NOTICES_DUE, self._notices)
        writes.upsert(connection, KEYS, self._keys)
        return facts

    @property
    def calls(self) -> bool:
        """Whether `call` has something to do."""
        return self._heads_called or bool(self._called)

    def call(self, connection: Connection) -> None:
        """Call up the jobs that were to be called, in a transaction after this one.

        It is a nudge: a process that dies in between costs them time, and nothing else.
        """
        now = began(connection, self._clock)
        if writes.call(connection, self._called, now, heads=self._heads_called):
            self.dues.add(JOBS_DUE, micros(now))

    # -- jobs

    def submit(self, jobs: Sequence[tuple[Job, Event, SubmissionKey | None]]) -> list[JobId]:
        now = self.now
        rows: list[Values] = []
        for job, _, key in jobs:
            at = max(now, job.last_at)
            rows.append(job_row(writes.grown(job, 1, at), key))
        known = writes.add_jobs(self._connection, rows)
        self.dues.add_rows(JOBS_DUE, rows)
        ids: list[JobId] = []
        for index, (job, event, key) in enumerate(jobs):
            named = known.get((job.workload.tenant, key.name)) if key is not None else None
            first, digest = named or (job.id, None)
            if key is not None and digest not in (None, key.digest):
                raise KeyTakenError(key.name, first, index)
            ids.append(first)
            if first == job.id:
                tail = Tail(job.version, instant_text(job.last_at))
                self._told.append(Told(f"job/{job.id}", (event,), tail))
        return ids

    def cases(self, jobs: Iterable[JobId]) -> dict[JobId, Case]:
        found: dict[JobId, Case] = {}
        for some in queries.chunks(sorted(set(jobs))):
            found |= self._open(queries.jobs_by_id(some))
        return found

    def due_jobs(self, limit: int) -> list[Case]:
        return list(self._open(queries.jobs_due(self.now, limit)).values())

    def due_offers(self, limit: int) -> list[Case]:
        return list(self._open(queries.jobs_with_due_offers(self.now, limit)).values())

    def _open(self, wanted: queries.Jobs) -> dict[JobId, Case]:
        cases = queries.open_cases(self._connection, wanted, self.now, self._ids.new)
        self._loaded.update((job, case.job) for job, case in cases.items())
        return cases

    def heads(self, lines: AbstractSet[str]) -> Heads:
        return queries.heads(self._connection, lines)

    def call_heads(self) -> None:
        self._heads_called = True

    def call_up(self, lines: Mapping[str, int]) -> None:
        for line, number in lines.items():
            self._called[line] = max(number, self._called.get(line, 0))

    # -- notices and keys

    def put_notice(self, notice: Notice, events: Sequence[Event] = ()) -> None:
        self._notices.append(desks.notice_row(notice))
        self.record(f"notice/{notice.id}", events)

    def notice(self, notice: NoticeId) -> Notice | None:
        return desks.notice(self._connection, notice)

    def claim_notices(self, limit: int, until: datetime) -> list[Notice]:
        return desks.claim_notices(self._connection, self.now, limit, until)

    def put_key(self, key: Key, events: Sequence[Event] = ()) -> None:
        locks.take(self._connection, locks.KEYS, ["keys"])
        self._keys.append(desks.key_row(key))
        self.record(f"party/{key.party}", events)

    def party_keys(self, party: str | None = None, *, hold: bool = False) -> list[Key]:
        if hold:
            locks.take(self._connection, locks.KEYS, ["keys"], shared=True)
        return desks.keys(self._connection, party)

    def keep(self, cases: Iterable[Case]) -> None:
        """Keep each case once in a transaction, when all that it will tell is told."""
        for case in cases:
            job = case.job
            self._kept[job.id] = case
            tail = Tail(job.version, instant_text(job.last_at))
            self._told.append(Told(f"job/{job.id}", case.events, tail))

    # -- machines

    def claim_machines(self, provider: ProviderName, limit: int, until: datetime) -> list[Machine]:
        due = (
            select(MACHINES.c.name, *queries.MACHINE)
            .join(JOBS, JOBS.c.id == MACHINES.c.job)
            .where(
                MACHINES.c.provider == provider.value,
                MACHINES.c.due_at <= micros(self.now),
            )
            .order_by(MACHINES.c.wanted_at, MACHINES.c.name)
            .limit(limit)
            .with_for_update(of=(JOBS, MACHINES), skip_locked=True, key_share=True)
        )
        claimed = self._connection.execute(due).all()
        if claimed:
            self._connection.execute(
                update(MACHINES)
                .where(MACHINES.c.name.in_([name for name, *_ in claimed]))
                .values(due_at=micros(until), tries=MACHINES.c.tries + 1)
            )
        return [machine_from(doc, micros(until), tries + 1) for _, doc, _, tries in claimed]

    def keep_claims(self, machines: Iterable[MachineName], until: datetime) -> None:
        waking.keep_claims(self._connection, machines, micros(self.now), micros(until))

    def bound_holds(self, holders: Sequence[str], holds: Iterable[str]) -> Mapping[str, str]:
        wanted = set(holds)
        locks.take(self._connection, locks.HOLDS, wanted)
        return queries.bound_holds(self._connection, holders, wanted)

    def offer(self, offer: OfferId) -> Offer | None:
        return queries.offer(self._connection, offer)

    def machine(self, name: MachineName) -> Machine | None:
        return next(iter(queries.machines_where(self._connection, MACHINES.c.name == name)), None)

    def enrol(self, name: MachineName, session_sha256: str) -> bool:
        return writes.enrol(self._connection, name, session_sha256, self.now)

    def machine_of_session(self, session_sha256: str) -> Machine | None:
        heard = self._connection.execute(
            update(AGENTS)
            .where(AGENTS.c.session_sha256 == session_sha256)
            .values(seen_at=micros(self.now))
            .returning(AGENTS.c.machine)
        ).scalar()
        return None if heard is None else self.machine(MachineName(heard))

    def silent_machines(self, since: datetime, limit: int) -> list[Machine]:
        """One that was never heard of counts from when it came up."""
        heard = func.coalesce(AGENTS.c.seen_at, MACHINES.c.up_at, MACHINES.c.wanted_at)
        return queries.machines_where(
            self._connection,
            MACHINES.c.lease.is_not(None),
            MACHINES.c.state.in_(queries.LIVE_MACHINE),
            heard < micros(since),
            limit=limit,
        )

    def machines(self, *, provider: ProviderName | None = None) -> list[Machine]:
        there: list[ColumnElement[bool]] = [MACHINES.c.state.in_(queries.LIVE_MACHINE)]
        if provider is not None:
            there.append(MACHINES.c.provider == provider.value)
        return queries.machines_where(self._connection, *there)

    # -- places, and the rest

    def places(self, hold: Iterable[Place] = ()) -> Mapping[Place, PlaceRecord]:
        locks.take(self._connection, locks.PLACES, map(str, hold))
        docs = self._connection.execute(select(PLACES.c.doc)).scalars()
        return {record.place: record for record in map(place_from, docs)}

    def put_place(self, record: PlaceRecord, events: Sequence[Event] = ()) -> None:
        place = record.place
        self._places[place] = record
        self.record(place.stream, events)

    def asked(self, provider: ProviderName) -> Mapping[Place, int]:
        return queries.unresolved(self._connection, provider)

    def unresolved(self) -> Mapping[Place, int]:
        return queries.unresolved(self._connection)

    def registers(
        self, agreements: Iterable[str], lock: Lock = Lock.NONE
    ) -> Mapping[str, Register]:
        return registers.read(self._connection, agreements, lock)

    def put_register(self, register: Register, events: Sequence[Event] = ()) -> None:
        self._registers[register.agreement] = register
        self.record(f"agreement/{register.agreement}", events)

    def spending(self, *, hold: bool = False) -> Spending:
        if hold:
            locks.take(self._connection, locks.SPENDING, ["spending"])
        return spent.read(self._connection, self.now)

    def beats(self, *, hold: bool = False) -> Mapping[str, datetime]:
        if hold:
            locks.take(self._connection, locks.BEATS, ["beats"])
        rows = self._connection.execute(select(BEATS.c.part, BEATS.c.at))
        return {part: instant_of(at) for part, at in rows}

    def put_beats(self, beats: Mapping[str, datetime]) -> None:
        rows = [{"part": part, "at": micros(at)} for part, at in beats.items()]
        writes.upsert(self._connection, BEATS, rows)

    def open_offers(self) -> list[Case]:
        return list(self._open(queries.jobs_with_open_offers()).values())

    def record(self, stream: str, events: Sequence[Event]) -> None:
        self._told.append(Told(stream, events))

    def told(self, stream: str) -> bool:
        return event_log.told(self._connection, stream)

    def editions_recorded(self) -> set[tuple[str, str]]:
        return event_log.editions(self._connection)

    def add_log(self, chunks: Sequence[LogChunk]) -> None:
        writes.add_chunks(self._connection, chunks)
