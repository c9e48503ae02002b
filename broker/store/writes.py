"""What a transaction writes: many rows to a statement, and only what changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Table,
    bindparam,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.job import Job
from broker.domain.places import PlaceRecord
from broker.domain.values import CommitmentId, JobId, MachineName, OfferId
from broker.ports import LogChunk
from broker.store import spent
from broker.store.adding import add
from broker.store.dues import JOBS_DUE, OFFERS_DUE, Dues
from broker.store.queries import RANKED, chunks
from broker.store.rows import (
    Values,
    commitment_row,
    job_from,
    job_row,
    machine_row,
    micros,
    offer_row,
    place_row,
)
from broker.store.tables import (
    AGENTS,
    COMMITMENTS,
    JOBS,
    LOG_CHUNKS,
    MACHINES,
    OFFERS,
)

Insert: TypeAlias = postgresql.Insert | sqlite.Insert


def _insert(connection: Connection, table: Table) -> Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def upsert(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Write rows whether or not they are there, in the order of their keys."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    insert = _insert(connection, table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(
        insert.on_conflict_do_update(index_elements=keys, set_=changed),
        sorted(rows, key=lambda row: tuple(row[key] for key in keys)),
    )


# -- jobs


def grown(job: Job, facts: int, at: datetime) -> Job:
    """The job after its stream has grown."""
    return altered(job, version=job.version + facts, last_at=at)


Known: TypeAlias = Mapping[tuple[str, str], tuple[JobId, str | None]]
"""Tenant and key to the job they name, and the digest of what was submitted under them."""


def add_jobs(connection: Connection, rows: Sequence[Values]) -> Known:
    """Insert jobs, but none whose tenant and key are there; returns whose job those keys name.

    Rows with keys go in the order of their keys, so that two batches with the same keys cannot
    wait for each other in a ring.
    """
    keyed = [row for row in rows if row["idempotency_key"] is not None]
    free = [row for row in rows if row["idempotency_key"] is None]
    if free:
        add(connection, JOBS, free)
    if not keyed:
        return {}
    keyed.sort(key=lambda row: (row["tenant"], row["idempotency_key"]))
    unless_known = _insert(connection, JOBS).on_conflict_do_nothing(
        index_elements=["tenant", "idempotency_key"]
    )
    added = set(connection.execute(unless_known.returning(JOBS.c.id), keyed).scalars())
    known: dict[tuple[str, str], tuple[JobId, str | None]] = {}
    missing = ((row["tenant"], row["idempotency_key"]) for row in keyed if row["id"] not in added)
    named = tuple_(JOBS.c.tenant, JOBS.c.idempotency_key)
    for some in chunks(missing):
        columns = (JOBS.c.tenant, JOBS.c.idempotency_key, JOBS.c.id, JOBS.c.submission_sha256)
        found = connection.execute(select(*columns).where(named.in_(some)))
        known |= {(tenant, key): (JobId(job), digest) for tenant, key, job, digest in found}
    return known


def keep_cases(
    connection: Connection,
    cases: Collection[Case],
    loaded: Mapping[JobId, Job],
    now: datetime,
    dues: Dues,
) -> None:
    """Write the jobs, offers, commitments and machines that changed."""
    jobs: list[Values] = []
    offers: list[Values] = []
    commitments: list[Values] = []
    machines: list[Values] = []
    for case in cases:
        job = case.job
        if case.events:
            jobs.append(job_row(grown(job, len(case.events), max(now, job.last_at))))
        elif loaded.get(job.id) != job:
            jobs.append(job_row(job))
        for name in case.changed:
            if name in case.machines:
                machines.append(machine_row(case.machines[MachineName(name)]))
            elif name in case.offers:
                offers.append(offer_row(case.offers[OfferId(name)]))
            else:
                commitments.append(commitment_row(case.commitments[CommitmentId(name)]))
    if jobs:
        connection.execute(_CHANGE_JOB, [_as_changes(row) for row in jobs])
    upsert(connection, OFFERS, offers)
    upsert(connection, COMMITMENTS, commitments)
    upsert(connection, MACHINES, machines)
    spent.add(connection, cases)
    dues.add_rows(JOBS_DUE, jobs)
    dues.add_rows(OFFERS_DUE, offers)
    dues.add_machines(machines)


_CHANGES: Final = ("state", "due_at", "line", "stuck", "in_line", "ended_at", "doc")
"""The columns of a job that can change after its submission."""

_CHANGE_JOB: Final = (
    update(JOBS)
    .where(JOBS.c.id == bindparam("job"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGES})
)


def _as_changes(row: Values) -> Values:
    return {"job": row["id"]} | {f"new_{name}": row[name] for name in _CHANGES}


def call(connection: Connection, called: Mapping[str, int], now: datetime, *, heads: bool) -> bool:
    """The first so many jobs that stand in each line become due, and every stuck job with `heads`.

    Returns whether there was any.

    It waits for those who hold them, whose decision may rest on what was true before; so it stands
    in a transaction of its own, which holds nothing that another could wait for out of order.
    """
    ids = [
        job
        for some in chunks(sorted(called.items()), LINES)
        for job in connection.execute(_first_of(some)).scalars()
    ]
    is_called = JOBS.c.id.in_(ids) & JOBS.c.in_line
    jobs = [
        job_from(doc)
        for doc in connection.execute(
            select(JOBS.c.doc)
            .where(or_(is_called, JOBS.c.stuck) if heads else is_called)
            .order_by(JOBS.c.id)
            .with_for_update(key_share=True)
        ).scalars()
    ]
    if jobs:
        wanted = set(ids)
        due = (
            altered(job, due_at=now, in_line=job.in_line and job.id not in wanted) for job in jobs
        )
        connection.execute(_CHANGE_JOB, [_as_changes(job_row(job)) for job in due])
    return bool(jobs)


def _first_of(called: Sequence[tuple[str, int]]) -> CompoundSelect[str]:
    first = [
        select(JOBS.c.id)
        .where(JOBS.c.line == line, JOBS.c.in_line)
        .order_by(*RANKED)
        .limit(number)
        .subquery()
        for line, number in called
    ]
    return union_all(*(select(one.c.id) for one in first))


LINES: Final = 100
"""How many lines one statement calls up; SQLite joins no more than 500 queries."""


# -- machines and places


def enrol(connection: Connection, machine: MachineName, session_sha256: str, now: datetime) -> bool:
    """Bind the machine's agent to a session, unless machine or session is bound already."""
    there = select(MACHINES.c.name).where(MACHINES.c.name == machine)
    if connection.execute(there).first() is None:
        return False
    at = micros(now)
    agent = {
        "machine": machine,
        "session_sha256": session_sha256,
        "enrolled_at": at,
        "seen_at": at,
    }
    connection.execute(_insert(connection, AGENTS).on_conflict_do_nothing(), agent)
    bound = select(AGENTS.c.session_sha256).where(AGENTS.c.machine == machine)
    return connection.execute(bound).scalar() == session_sha256


def place_rows(records: Iterable[PlaceRecord]) -> list[Values]:
    return [place_row(record) for record in records]


def add_chunks(connection: Connection, output: Sequence[LogChunk]) -> None:
    if output:
        connection.execute(
            _insert(connection, LOG_CHUNKS).on_conflict_do_nothing(index_elements=["lease", "seq"]),
            [asdict(chunk) for chunk in output],
        )
