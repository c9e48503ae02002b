"""What the facts of an offer change in the book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Offer, Unit, UnitState
from broker.domain.laws.drawing import note_default
from broker.domain.laws.editions import mechanic
from broker.domain.laws.registers import optional_instant


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
        scope=data.get("scope", "new"),
        quote=data.get("quote"),
        person=data.get("desk") == "person",
        tolled=_tolled(book, fact),
    )
    job.superseded = None
    replaced = book.offers.get(data["supersedes"] or "")
    if data["supersedes"] is not None and not (replaced and replaced.why == "amended"):
        job.requotes.append(book.now)
    book.offers[offer.id] = job.offers[offer.id] = offer
    for unit in job.named(fact):
        unit.offer, unit.release = offer, None
        put(book, unit, UnitState.OFFERED)


def _tolled(book: Book, fact: Fact) -> bool:
    """Outages of ours never count, unless the clause says that they do."""
    edition = book.edition_of(fact)
    clause = edition.clauses.get(fact.data["clause"] or "", {}) if edition else {}
    return mechanic(clause, "window", "toll_on_broker_outage") is not False


def _delivered(book: Book, fact: Fact) -> None:
    if (offer := book.offer_of(fact)) and offer.delivered_at is None:
        offer.delivered_at = book.now


def _accepted(book: Book, fact: Fact) -> None:
    if (offer := book.offer_of(fact)) is None or offer.end:
        return
    offer.end, offer.accepted_at = fact.type, book.now
    offer.cure_until = optional_instant(fact.data["cure_until"])
    offer.owed = set(fact.data["units"]) & offer.units
    if standing := book.acceptances.get((offer.agreement, fact.data.get("standing") or "")):
        standing.used += len(offer.owed)
    for unit in _inside(offer):
        if unit.index in offer.owed:
            offer.job.placed = True
            put(book, unit, UnitState.ACCEPTED)
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
        offer.why = fact.data["why"]
        if offer.why == "superseded":
            offer.job.superseded = offer.id
        for unit in _inside(offer):
            put(book, unit, UnitState.PENDING)


def _fulfilled(book: Book, fact: Fact) -> None:
    if offer := book.offer_of(fact):
        offer.owed.difference_update(fact.data["units"])


def _defaulted(book: Book, fact: Fact) -> None:
    if offer := book.offer_of(fact):
        note_default(book, offer)
        offer.owed.difference_update(fact.data["units"])
        offer.defaulted.update(fact.data["units"])
        for unit in offer.job.named(fact):
            unit.commitment, unit.barred = None, offer.terms if offer.right else None
            _leave(book, offer, unit)


def _leave(book: Book, offer: Offer, unit: Unit) -> None:
    put(book, unit, UnitState.LEFT if offer.right else UnitState.PENDING)


def _inside(offer: Offer) -> list[Unit]:
    return [
        unit.sought
        for index in offer.units
        if (unit := offer.job.units.get(index))
        and unit.sought.offer is offer
        and unit.sought.state is UnitState.OFFERED
    ]


def put(book: Book, unit: Unit, state: UnitState) -> None:
    unit.state, unit.since = state, book.now


OFFERS: Final[Mapping[str, Callable[[Book, Fact], None]]] = {
    "OfferIssued": _issued,
    "OfferDelivered": _delivered,
    "OfferAccepted": _accepted,
    "OfferRefused": _declined,
    "OfferLapsed": _declined,
    "OfferWithdrawn": _withdrawn,
    "OfferFulfilled": _fulfilled,
    "HolderDefaulted": _defaulted,
}
