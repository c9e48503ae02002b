"""What each fact changes in the book; one that breaks a law does so as far as it makes sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import (
    Book,
    Commitment,
    Job,
    Offer,
    Release,
    Unit,
    UnitState,
)
from broker.domain.laws.registers import REGISTERS, optional_instant


def apply(book: Book, fact: Fact) -> None:
    if move := _MOVES.get(fact.type):
        move(book, fact)


def _submitted(book: Book, fact: Fact) -> None:
    data = fact.data
    units = {index: Unit(index, UnitState.PENDING, book.now) for index in range(data["units"])}
    book.jobs[data["job"]] = Job(
        id=data["job"],
        work_class=data["class"],
        tags=tuple(data["tags"]),
        gang=data["gang"],
        chunk=data["chunk"],
        terms=data["terms"],
        shape=data["shape"],
        exclude=tuple(data["exclude"]),
        submitted_at=book.now,
        patience_until=optional_instant(data["patience_until"]),
        position=fact.position,
        units=units,
    )


def _added(book: Book, fact: Fact) -> None:
    if job := book.job_of(fact):
        for index in fact.data["units"]:
            job.units.setdefault(index, Unit(index, UnitState.PENDING, book.now))


def _dropped(book: Book, fact: Fact) -> None:
    for unit in book.units_of(fact):
        if unit.offer:
            unit.offer.owed.discard(unit.index)
        _put(book, unit, UnitState.GONE)


def _issued(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job is None:
        return
    offer = Offer(
        id=data["offer"],
        job=job,
        right=data["kind"] == "right",
        units=frozenset(data["units"]),
        agreement=data["agreement"],
        edition=data["edition"],
        clause=data["clause"],
        terms=data["terms"],
        window=timedelta(seconds=data["window_s"]),
        issued_at=book.now,
        position=fact.position,
    )
    book.offers[offer.id] = job.offers[offer.id] = offer
    for unit in job.named(fact):
        unit.offer, unit.release = offer, None
        _put(book, unit, UnitState.OFFERED)


def _delivered(book: Book, fact: Fact) -> None:
    if (offer := book.offer_of(fact)) and offer.delivered_at is None:
        offer.delivered_at = book.now


def _accepted(book: Book, fact: Fact) -> None:
    if (offer := book.offer_of(fact)) is None or offer.end:
        return
    offer.end, offer.accepted_at = fact.type, book.now
    offer.cure_until = optional_instant(fact.data["cure_until"])
    offer.owed = set(fact.data["units"]) & offer.units
    for unit in _inside(offer):
        if unit.index in offer.owed:
            offer.job.placed = True
            _put(book, unit, UnitState.ACCEPTED)
        else:
            _leave(book, offer, unit)


def _declined(book: Book, fact: Fact) -> None:
    if (offer := book.offer_of(fact)) and not offer.end:
        offer.end = fact.type
        for unit in _inside(offer):
            _leave(book, offer, unit)


def _withdrawn(book: Book, fact: Fact) -> None:
    if (offer := book.offer_of(fact)) and not offer.end:
        offer.end = fact.type
        for unit in _inside(offer):
            _put(book, unit, UnitState.PENDING)


def _fulfilled(book: Book, fact: Fact) -> None:
    if offer := book.offer_of(fact):
        offer.owed.difference_update(fact.data["units"])


def _defaulted(book: Book, fact: Fact) -> None:
    if offer := book.offer_of(fact):
        offer.owed.difference_update(fact.data["units"])
        offer.defaulted.update(fact.data["units"])
        for unit in offer.job.named(fact):
            unit.commitment, unit.barred = None, offer.terms if offer.right else None
            _leave(book, offer, unit)


def _released(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job is None:
        return
    release = Release(
        basis=data["basis"],
        offer=book.offers.get(data["offer"] or ""),
        ceiling=data["ceiling"],
        tail_until=optional_instant(data["tail_until"]),
        cites=tuple(data["cites"]),
        position=fact.position,
    )
    for unit in job.named(fact):
        unit.release = release
        _put(book, unit, UnitState.RELEASED)


def _expired(book: Book, fact: Fact) -> None:
    for unit in book.units_of(fact):
        release = unit.release
        early = release and release.tail_until and book.now < release.tail_until
        if not (release and release.basis == "default" and early):
            unit.barred = None
        unit.release = None
        _put(book, unit, UnitState.PENDING)


def _committed(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job is None:
        return
    units = tuple(data["units"])
    made = Commitment(data["commitment"], units, data["provider"], data["region"], fact.position)
    job.commitments[made.id] = made
    job.placed = True
    for unit in job.named(fact):
        unit.commitment = made
        if unit.state is not UnitState.ACCEPTED:
            _put(book, unit, UnitState.COMMITTED)


def _failed(book: Book, fact: Fact) -> None:
    for unit in book.units_of(fact):
        if unit.commitment is None or unit.commitment.id != fact.data["commitment"]:
            continue
        unit.commitment = None
        if unit.state is UnitState.COMMITTED:
            _put(book, unit, UnitState.RELEASED if unit.release else UnitState.PENDING)


def _activated(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job and (unit := job.units.get(data["unit"])):
        unit.epoch, unit.live = data["epoch"], True
        if unit.offer and unit.state is UnitState.ACCEPTED:
            unit.offer.delivered.add(unit.index)
        unit.release, unit.barred = None, None
        _put(book, unit, UnitState.ACTIVE)


def _fenced(book: Book, fact: Fact) -> None:
    job = book.job_of(fact)
    if job and (unit := job.units.get(fact.data["unit"])) and unit.epoch == fact.data["epoch"]:
        unit.live = False


def _lease_ended(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job and (unit := job.units.get(data["unit"])) and unit.epoch == data["epoch"]:
        unit.live, unit.commitment = False, None
        if unit.state is UnitState.ACTIVE:
            _put(book, unit, _AFTER_LEASE.get(data["cause"], UnitState.DONE))
        _forget(book, job)


def _ended(book: Book, fact: Fact) -> None:
    if job := book.job_of(fact):
        job.ended = job.ended or fact.type
        for unit in job.units.values():
            if not unit.state.final:
                _put(book, unit, UnitState.DONE)
        _forget(book, job)


def _put(book: Book, unit: Unit, state: UnitState) -> None:
    unit.state, unit.since = state, book.now


def _leave(book: Book, offer: Offer, unit: Unit) -> None:
    _put(book, unit, UnitState.LEFT if offer.right else UnitState.PENDING)


def _inside(offer: Offer) -> list[Unit]:
    return [
        unit
        for index in offer.units
        if (unit := offer.job.units.get(index))
        and unit.offer is offer
        and unit.state is UnitState.OFFERED
    ]


def _forget(book: Book, job: Job) -> None:
    """Let go of a job that is over and holds no lease; only its stream's last version stays."""
    if job.ended and not any(unit.live for unit in job.units.values()):
        book.jobs.pop(job.id, None)
        for offer in job.offers:
            book.offers.pop(offer, None)


_AFTER_LEASE: Final = {
    "lost": UnitState.PENDING,
    "regrouped": UnitState.PENDING,
    "cancelled": UnitState.CANCELLED,
}

_MOVES: Final[Mapping[str, Callable[[Book, Fact], None]]] = {
    "JobSubmitted": _submitted,
    "UnitsAdded": _added,
    "UnitsDropped": _dropped,
    "OfferIssued": _issued,
    "OfferDelivered": _delivered,
    "OfferAccepted": _accepted,
    "OfferRefused": _declined,
    "OfferLapsed": _declined,
    "OfferWithdrawn": _withdrawn,
    "OfferFulfilled": _fulfilled,
    "HolderDefaulted": _defaulted,
    "UnitsReleased": _released,
    "ReleaseExpired": _expired,
    "ThirdPartyCommitted": _committed,
    "HolderCommitted": _committed,
    "CommitmentFailed": _failed,
    "LeaseActivated": _activated,
    "LeaseFenced": _fenced,
    "LeaseEnded": _lease_ended,
    "JobFinished": _ended,
    "JobFailed": _ended,
    "JobCancelled": _ended,
    "JobUnmet": _ended,
    **REGISTERS,
}
