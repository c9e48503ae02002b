"""A third party's quote is taken back: what becomes of the offer and the release that stand on it.

Design 3.5, case 9. Before an acceptance the clause says whether the offer survives its quote; an
acceptance stands. Nothing is bought on a quote any more that was taken back.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.events import QuoteWithdrawn
from broker.domain.job import Job
from broker.domain.market import Market, Place
from broker.domain.offer import Offer
from broker.domain.offering import withdraw
from broker.domain.release import Release
from broker.domain.spill import expire_release
from broker.domain.values import OfferId

REFUSED: Final = "its place has refused"
"""Why a quote is taken back where the third party itself says no."""


class Became(StrEnum):
    """What became of what stood on a quote."""

    WITHDRAWN = "withdrawn"
    """The offer was open, and its clause ends it with its quote."""
    SURVIVES = "survives"
    """The offer was open and stays so; if it is refused, a new one is due."""
    STANDS = "stands"
    """The holder has accepted."""
    RELEASE_ENDED = "release_ended"
    """The holder had let the units go; a new offer is due."""


class TakenBack(NamedTuple):
    offer: OfferId
    became: Became


def take_back(case: Case, quote: str, why: str) -> list[TakenBack]:
    """End a quote, told once for each offer that was frozen on it; none where none stands."""
    releases = [release for release in case.job.releases if _in_use(case.job, release, quote)]
    offers = [o for o in case.offers.values() if o.quote == quote and _valid(o.quote_until, case)]
    became = {offer.id: _end(case, offer, quote, why) for offer in offers}
    for release in releases:
        if release.offer is not None and release.offer not in became:
            became[release.offer] = Became.RELEASE_ENDED
            case.tell(QuoteWithdrawn(quote=quote, job=case.job.id, offer=release.offer, why=why))
        expire_release(case, release, "quote")
        case.set_job(due_at=case.now)
    # Units that run under such a release do not go back under it when they are lost.
    ended = (altered(r, quote_until=case.now) if r.quote == quote else r for r in case.job.releases)
    case.set_job(releases=tuple(ended))
    return [TakenBack(offer, what) for offer, what in became.items()]


def refused_quotes(case: Case, market: Market) -> set[str]:
    """The quotes of open offers whose place has said no to as much as the job takes at once."""
    return {
        offer.quote
        for offer in case.offers.values()
        if offer.quote is not None
        and offer.state.undecided
        and _valid(offer.quote_until, case)
        and refuses(offer.quoted, case.job, market, case.now)
    }


def refuses(place: Place | None, job: Job, market: Market, now: datetime) -> bool:
    """Whether the place that a quote names stands refused to the job."""
    return place is not None and market.standing(place, now, job.terms.chunk) is not None


def _in_use(job: Job, release: Release, quote: str) -> bool:
    named = {unit.release for unit in job.units if unit.state.value == "released"}
    return release.quote == quote and release.number in named


def _valid(until: datetime | None, case: Case) -> bool:
    return until is None or case.now < until


def _end(case: Case, offer: Offer, quote: str, why: str) -> Became:
    case.tell(QuoteWithdrawn(quote=quote, job=case.job.id, offer=offer.id, why=why))
    if not offer.state.undecided or offer.mechanics.quote_survives:
        case.put_offer(altered(offer, quote_until=case.now))
        return Became.SURVIVES if offer.state.undecided else Became.STANDS
    withdraw(case, offer, "quote withdrawn")
    for machine in list(case.machines.values()):
        if machine.offer == offer.id and machine.commitment is None:
            case.give_back(machine, "quote withdrawn")
    case.set_job(due_at=case.now)
    return Became.WITHDRAWN
