"""The law of timers: whatever is open ends when its time is up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job, Offer, Unit, UnitState
from broker.domain.laws.law import Breach, Law
from broker.domain.laws.units import JOB_ENDS

GRACE: Final = timedelta(seconds=60)


class _Suspected(NamedTuple):
    since: datetime
    due: datetime
    at: datetime
    positions: tuple[int, int]


class Timers(Law):
    number = "I28"
    text = "Every open offer, acceptance, release, term and patience ends within 60 s of its timer."
    guards = "agreement 3.5, timers"
    _OFFER = frozenset({"OfferLapsed", "OfferWithdrawn"})
    _ACCEPTANCE = frozenset({"OfferFulfilled", "HolderDefaulted"})
    _PLACING = frozenset({"ThirdPartyCommitted", "HolderCommitted"})
    _TERM = frozenset({"LeaseFenced", "LeaseEnded", "LeaseRenewed"})
    sees = _TERM | _OFFER | _ACCEPTANCE | _PLACING | JOB_ENDS | {"ReleaseExpired"}

    def __init__(self) -> None:
        self._suspected: list[_Suspected] = []
        """Windows that seem too long, until every outage is known: one is told on our return."""

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type in self._OFFER:
            if offer := book.offer_of(fact):
                yield from self._left_open(book, offer, fact.position)
        elif fact.type in self._ACCEPTANCE:
            offer = book.offer_of(fact)
            if offer and _owed_too_long(book, offer):
                yield self._owed(offer, fact.position)
        elif fact.type == "ReleaseExpired":
            yield from self._kept(book, book.units_of(fact), fact.position)
        elif fact.type in self._TERM:
            yield from self._term(fact, book)
        elif job := book.job_of(fact):
            if fact.type in JOB_ENDS and not job.ended:
                yield from self._overdue(book, job, fact.position)
            elif _waits_too_long(book, job):
                yield self._impatient(job, fact.position)

    def end(self, book: Book) -> Iterator[Breach]:
        book.now = book.latest
        for job in book.jobs.values():
            if not job.ended:
                yield from self._overdue(book, job, book.position)
        for one in self._suspected:
            if one.at > book.tolled(one.since, one.due):
                yield self.breach("an offer stays open past its window", *one.positions)

    def _overdue(self, book: Book, job: Job, position: int) -> Iterator[Breach]:
        """The timers of an open job that should have ended by now."""
        for offer in job.offers.values():
            yield from self._left_open(book, offer, position)
            if _owed_too_long(book, offer):
                yield self._owed(offer, position)
        yield from self._kept(book, job.sought(), position)
        for unit in job.units.values():
            if _leased_too_long(book, unit):
                yield self._outlived(unit, position)
        if _waits_too_long(book, job):
            yield self._impatient(job, position)

    def _owed(self, offer: Offer, position: int) -> Breach:
        undelivered = sorted(offer.owed - offer.delivered)
        return self.breach(
            f"units {undelivered} are accepted and neither delivered nor defaulted in time",
            offer.position,
            position,
        )

    def _kept(self, book: Book, units: Iterable[Unit], position: int) -> Iterator[Breach]:
        unit = next((unit for unit in units if _released_too_long(book, unit)), None)
        if unit and unit.release:
            yield self.breach(
                f"unit {unit.index} stays released past its release's tail",
                unit.release.position,
                position,
            )

    def _left_open(self, book: Book, offer: Offer, position: int) -> Iterator[Breach]:
        since = offer.delivered_at
        if since is not None and not offer.end and _open_too_long(book, offer):
            due = since + offer.window + GRACE
            self._suspected.append(_Suspected(since, due, book.now, (offer.position, position)))
        elif _outlives_its_edition(book, offer):
            sentence = "an offer stays open that an amendment ended"
            yield self.breach(sentence, offer.position, position)

    def _term(self, fact: Fact, book: Book) -> Iterator[Breach]:
        job = book.job_of(fact)
        unit = job.unit_of(fact) if job else None
        if unit and unit.epoch == fact.data["epoch"] and _leased_too_long(book, unit):
            yield self._outlived(unit, fact.position)

    def _outlived(self, unit: Unit, position: int) -> Breach:
        return self.breach(f"the lease of unit {unit.index} outlives its term", position)

    def _impatient(self, job: Job, position: int) -> Breach:
        return self.breach("the job waits past its patience", job.position, position)


def _late(book: Book, since: datetime, due: datetime) -> bool:
    """Whether it is more than the grace past a due instant, outages of ours allowed for."""
    return book.now > due + GRACE and book.now > book.tolled(since, due + GRACE)


def _open_too_long(book: Book, offer: Offer) -> bool:
    since = offer.delivered_at
    return since is not None and _late(book, since, since + offer.window)


def _outlives_its_edition(book: Book, offer: Offer) -> bool:
    """Whether it is open long after an edition began that says it is withdrawn or reissued."""
    own = book.editions.get((offer.agreement, offer.edition))
    if own is None or offer.end:
        return False
    for edition in book.in_force(book.now):
        if edition.agreement == offer.agreement and edition.name != offer.edition:
            since = max(edition.since, offer.issued_at, edition.recorded_at or edition.since)
            if edition.ends_offers and edition.since > own.since and _late(book, since, since):
                return True
    return False


def _owed_too_long(book: Book, offer: Offer) -> bool:
    undelivered = offer.owed - offer.delivered
    if not undelivered or offer.accepted_at is None or offer.cure_until is None:
        return False
    return _late(book, offer.accepted_at, offer.cure_until)


def _released_too_long(book: Book, unit: Unit) -> bool:
    release = unit.release
    if unit.state is not UnitState.RELEASED or release is None or release.tail_until is None:
        return False
    return _late(book, unit.since, max(release.tail_until, unit.since))


def _leased_too_long(book: Book, unit: Unit) -> bool:
    if not unit.live or unit.term_until is None:
        return False
    return _late(book, unit.since, unit.term_until)


def _waits_too_long(book: Book, job: Job) -> bool:
    if job.placed or job.patience_until is None:
        return False
    return _late(book, job.submitted_at, job.patience_until)
