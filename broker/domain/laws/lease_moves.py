"""What the facts of leases change in the book: begun, renewed, fenced, moved, ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job, Unit, UnitState
from broker.domain.laws.courses import put
from broker.domain.laws.registers import optional_instant


def forget(book: Book, job: Job) -> None:
    """Let go of a job that is over and holds no lease; only how far its stream came stays."""
    if job.ended and not any(unit.live for unit in job.units.values()):
        book.jobs.pop(job.id, None)
        book.streams.close(f"job/{job.id}")
        for offer in job.offers:
            book.offers.pop(offer, None)


def _of(book: Book, fact: Fact) -> Unit | None:
    job = book.job_of(fact)
    return job.unit_of(fact) if job else None


def _activated(book: Book, fact: Fact) -> None:
    if unit := _of(book, fact):
        unit.heir = None
        unit.epoch, unit.live, unit.started = fact.data["epoch"], True, False
        unit.lease = fact.data["lease"]
        unit.term_until = optional_instant(fact.data.get("term_until"))
        if unit.offer and unit.state is UnitState.ACCEPTED:
            unit.offer.delivered.add(unit.index)
        unit.spent, unit.release, unit.barred = unit.release, None, None
        put(book, unit, UnitState.ACTIVE)


def _started(book: Book, fact: Fact) -> None:
    if (unit := _of(book, fact)) and unit.epoch == fact.data["epoch"]:
        unit.started = True


def _renewal_due(book: Book, fact: Fact) -> None:
    job = book.job_of(fact)
    for index in fact.data["units"] if job else ():
        if job and (unit := job.units.get(index)):
            unit.heir = Unit(index, UnitState.PENDING, book.now)


def _renewed(book: Book, fact: Fact) -> None:
    job = book.job_of(fact)
    if job and (unit := job.unit_of(fact)):
        unit.commitment = job.commitments.get(fact.data["commitment"])
        unit.term_until, unit.heir = optional_instant(fact.data["term_until"]), None


def _reclaim_asked(book: Book, fact: Fact) -> None:
    if unit := _of(book, fact):
        unit.heir = Unit(unit.index, UnitState.PENDING, book.now, asked=fact.data)


def _migration_begun(book: Book, fact: Fact) -> None:
    if unit := _of(book, fact):
        put(book, unit, UnitState.MIGRATING)


def _migration_aborted(book: Book, fact: Fact) -> None:
    """A default has let the heir of a renewal go on; with any other end of a move it ends too."""
    if unit := _of(book, fact):
        heir = unit.heir
        if heir and (heir.asked or heir.state is UnitState.ACCEPTED):
            if heir.offer:
                heir.offer.owed.discard(unit.index)
            unit.heir = None
        put(book, unit, UnitState.ACTIVE)


def _fenced(book: Book, fact: Fact) -> None:
    """Its unit is its heir's, if somebody is bound to that, and else pending."""
    if (unit := _of(book, fact)) and unit.epoch == fact.data["epoch"]:
        unit.live = False
        _hand_on(book, unit, UnitState.PENDING)


def _ended(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    unit = job.unit_of(fact) if job else None
    if job and unit and unit.epoch == data["epoch"] and unit.live:
        unit.live = False
        unit.preempted += data["cause"] == "preempted"
        _hand_on(book, unit, _AFTER_LEASE.get(data["cause"], UnitState.DONE))
    if job:
        forget(book, job)


def _hand_on(book: Book, unit: Unit, state: UnitState) -> None:
    heir = unit.heir
    unit.commitment, unit.term_until = None, None
    if heir and heir.commitment and unit.state is UnitState.MIGRATING:
        _take_over(unit, heir)
    elif unit.state in (UnitState.ACTIVE, UnitState.MIGRATING):
        unit.heir = None
        put(book, unit, state)


def _take_over(unit: Unit, heir: Unit) -> None:
    unit.state, unit.since, unit.heir = heir.state, heir.since, None
    unit.offer, unit.release, unit.commitment = heir.offer, heir.release, heir.commitment
    unit.barred = heir.barred


_AFTER_LEASE: Final = {
    "lost": UnitState.PENDING,
    "preempted": UnitState.PENDING,
    "regrouped": UnitState.PENDING,
    "cancelled": UnitState.CANCELLED,
}

LEASES: Final[Mapping[str, Callable[[Book, Fact], None]]] = {
    "LeaseActivated": _activated,
    "UnitStarted": _started,
    "RenewalDue": _renewal_due,
    "LeaseRenewed": _renewed,
    "ReclaimAsked": _reclaim_asked,
    "MigrationBegun": _migration_begun,
    "MigrationAborted": _migration_aborted,
    "LeaseFenced": _fenced,
    "LeaseEnded": _ended,
}
