"""What a transaction reads: files of jobs with all that hangs on them, and what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Final, TypeAlias, TypeVar

from sqlalchemy import Connection, Select, bindparam, func, select
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from broker.domain.case import Case
from broker.domain.commitment import CommitmentState
from broker.domain.line import Rank
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Place
from broker.domain.offer import Offer, OfferState
from broker.domain.values import JobId, OfferId, ProviderName, Purchase
from broker.store.rows import (
    commitment_from,
    instant_of,
    job_from,
    machine_from,
    micros,
    offer_from,
)
from broker.store.tables import AGENTS, COMMITMENTS, JOBS, MACHINES, OFFERS

T = TypeVar("T")
Jobs: TypeAlias = Select[str]
"""A query for the documents of jobs."""

CHUNK: Final = 5000
"""How many values one statement may list."""

_OPEN_OFFER: Final = tuple(state.value for state in OfferState if not state.over)
_LIVE_COMMITMENT: Final = tuple(state.value for state in CommitmentState if not state.over)
LIVE_MACHINE: Final = tuple(state.value for state in MachineState if not state.over)
_UNRESOLVED: Final = tuple(state.value for state in MachineState if state.unresolved)

RANKED: Final = (JOBS.c.priority.desc(), JOBS.c.submitted_at, JOBS.c.id)
"""The order in which jobs get their turn."""

MACHINE: Final = (MACHINES.c.doc, MACHINES.c.due_at, MACHINES.c.tries)


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    left = iter(values)
    while chunk := list(islice(left, size)):
        yield chunk


def jobs_by_id(jobs: Sequence[JobId]) -> Jobs:
    """These jobs, locked one after the other in the order of their ids."""
    locked = select(JOBS.c.doc).where(JOBS.c.id.in_(jobs)).order_by(JOBS.c.id)
    return locked.with_for_update(key_share=True)


def jobs_due(now: datetime, limit: int) -> Jobs:
    """What is over has no due instant in its column, so its state need not be asked."""
    return (
        select(JOBS.c.doc)
        .where(JOBS.c.due_at <= micros(now))
        .order_by(*RANKED)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )


def jobs_with_due_offers(now: datetime, limit: int) -> Jobs:
    due = (
        select(OFFERS.c.job, func.min(OFFERS.c.due_at).label("first"))
        .where(OFFERS.c.due_at <= micros(now))
        .group_by(OFFERS.c.job)
        .subquery()
    )
    return (
        select(JOBS.c.doc)
        .join(due, due.c.job == JOBS.c.id)
        .order_by(due.c.first, JOBS.c.id)
        .limit(limit)
        .with_for_update(of=JOBS, skip_locked=True, key_share=True)
    )


def jobs_with_open_offers() -> Jobs:
    open_ = select(OFFERS.c.job).where(OFFERS.c.state.in_(_OPEN_OFFER))
    locked = select(JOBS.c.doc).where(JOBS.c.id.in_(open_)).order_by(JOBS.c.id)
    return locked.with_for_update(key_share=True)


def open_cases(
    connection: Connection, wanted: Jobs, now: datetime, new_id: Callable[[str], str]
) -> dict[JobId, Case]:
    """The files of the jobs that the query finds, in its order; one query for each kind of child.

    The children are read after the lock was had, so that they are what its last holder left.
    """
    found = (job_from(doc) for doc in connection.execute(wanted).scalars())
    cases = {job.id: Case(job=job, now=max(now, job.last_at), new_id=new_id) for job in found}
    for some in chunks(cases):
        _add_children(connection, cases, some)
    return cases


def _add_children(
    connection: Connection, cases: Mapping[JobId, Case], jobs: Sequence[JobId]
) -> None:
    for doc in connection.execute(_OFFERS_OF, {"jobs": jobs}).scalars():
        offer = offer_from(doc)
        cases[offer.job].offers[offer.id] = offer
    for doc in connection.execute(_COMMITMENTS_OF, {"jobs": jobs}).scalars():
        commitment = commitment_from(doc)
        cases[commitment.job].commitments[commitment.id] = commitment
    for doc, due_at, tries in connection.execute(_MACHINES_OF, {"jobs": jobs}):
        machine = machine_from(doc, due_at, tries)
        cases[machine.job].machines[machine.name] = machine


_JOBS: Final[BindParameter[Sequence[str]]] = bindparam("jobs", expanding=True)
_OFFERS_OF: Final = (
    select(OFFERS.c.doc)
    .where(OFFERS.c.job.in_(_JOBS), OFFERS.c.state.in_(_OPEN_OFFER))
    .order_by(OFFERS.c.id)
)
_COMMITMENTS_OF: Final = (
    select(COMMITMENTS.c.doc)
    .where(COMMITMENTS.c.job.in_(_JOBS), COMMITMENTS.c.state.in_(_LIVE_COMMITMENT))
    .order_by(COMMITMENTS.c.id)
)
_MACHINES_OF: Final = (
    select(*MACHINE)
    .where(MACHINES.c.job.in_(_JOBS), MACHINES.c.state.in_(LIVE_MACHINE))
    .order_by(MACHINES.c.wanted_at, MACHINES.c.name)
)


def heads(connection: Connection, lines: AbstractSet[str]) -> dict[str, Rank]:
    """The first stuck job of each of these lines that has one."""
    found: dict[str, Rank] = {}
    for some in chunks(sorted(lines)):
        stuck = (
            select(
                JOBS.c.line,
                JOBS.c.priority,
                JOBS.c.submitted_at,
                JOBS.c.id,
                func.row_number().over(partition_by=JOBS.c.line, order_by=RANKED).label("nth"),
            )
            .where(JOBS.c.line.in_(some), JOBS.c.stuck)
            .subquery()
        )
        for line, priority, submitted_at, job, _ in connection.execute(
            select(stuck).where(stuck.c.nth == 1)
        ):
            found[line] = (-priority, instant_of(submitted_at), JobId(job))
    return found


def machines_where(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Machine]:
    """Machines with their columns' word on when they are due, oldest first."""
    wanted = (
        select(*MACHINE)
        .outerjoin(AGENTS, AGENTS.c.machine == MACHINES.c.name)
        .where(*conditions)
        .order_by(MACHINES.c.wanted_at, MACHINES.c.name)
        .limit(limit)
    )
    return [machine_from(doc, due, tries) for doc, due, tries in connection.execute(wanted)]


def offer(connection: Connection, name: OfferId) -> Offer | None:
    document = connection.scalar(select(OFFERS.c.doc).where(OFFERS.c.id == name))
    return offer_from(document) if document is not None else None


def unresolved(connection: Connection, asked_of: ProviderName | None = None) -> dict[Place, int]:
    place = (MACHINES.c.provider, MACHINES.c.region, MACHINES.c.sku, MACHINES.c.purchase)
    counted = select(*place, func.count()).where(MACHINES.c.state.in_(_UNRESOLVED)).group_by(*place)
    if asked_of is not None:
        counted = counted.where(MACHINES.c.provider == asked_of.value, MACHINES.c.tries > 0)
    return {
        Place(ProviderName(provider), region, sku, Purchase(purchase)): number
        for provider, region, sku, purchase, number in connection.execute(counted)
    }


def bound_holds(
    connection: Connection, holders: Sequence[str], holds: Iterable[str]
) -> dict[str, str]:
    """Holds under which these holders have a live commitment, and the offer or else its id."""
    live = select(COMMITMENTS.c.doc).where(
        COMMITMENTS.c.hold.in_(list(holds)),
        COMMITMENTS.c.provider.in_(holders),
        COMMITMENTS.c.state.in_(_LIVE_COMMITMENT),
    )
    found = map(commitment_from, connection.execute(live).scalars())
    return {hold: one.offer or one.id for one in found for hold in one.holds}
