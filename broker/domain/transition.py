"""What becomes of an open offer when another edition comes into force (T14, T15, case 10)."""

from __future__ import annotations

from datetime import datetime, timedelta

from broker.domain.agreement import Edition, OpenOffers
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.offer import Desk, Offer, OfferState
from broker.domain.offering import withdraw


def overruled(offer: Offer, case: Case) -> bool:
    """Whether the edition it was put under has ended while its window was still running."""
    if not offer.state.undecided or offer.amends_at is None or case.now < offer.amends_at:
        return False
    return offer.expires_at is None or offer.expires_at > offer.amends_at


def carry_over(case: Case, offer: Offer, edition: Edition | None) -> Offer:
    """As the new edition says: it runs off, under its own edition, or is withdrawn.

    Where no edition is in force any more, nothing says that it ends.
    """
    runs = edition is None or edition.id == offer.edition
    if edition is None or runs or edition.open_offers is OpenOffers.RUN_OFF:
        ends = edition.ends if edition else None
        return case.put_offer(altered(offer, amends_at=ends, due_at=_usual_due(offer)))
    withdrawn = withdraw(case, offer, "amended")
    for machine in list(case.machines.values()):
        if machine.offer == offer.id and machine.commitment is None:
            case.give_back(machine, "amended")
    anew = edition.open_offers is OpenOffers.REISSUE
    case.set_job(due_at=case.now, reissues=offer.id if anew else None)
    return withdrawn


def _usual_due(offer: Offer) -> datetime | None:
    """When it would be due had nothing been amended."""
    if offer.state is OfferState.OPEN and offer.expires_at is not None:
        early = offer.margin if offer.desk is Desk.AUTOMATIC else timedelta()
        return offer.expires_at - early
    if offer.desk is Desk.AUTOMATIC:
        return None
    every = timedelta(seconds=offer.mechanics.deemed_after_s / offer.mechanics.deemed_attempts)
    return offer.issued_at + every * (offer.attempts + 1)
