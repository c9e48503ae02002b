"""The third party takes its quote back (design 3.5, case 9)."""

from __future__ import annotations

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.events import QuoteWithdrawn
from broker.domain.job import UnitState
from broker.domain.offer import Offer
from broker.domain.offering import withdraw
from broker.domain.spill import expire_release
from broker.domain.values import JobId
from broker.ports import Store
from broker.steps.keeping import keep


def withdraw_quote(job: JobId, quote: str, why: str, store: Store) -> bool:
    """Before an acceptance the clause says what becomes of the offer; an acceptance stands.

    A release that the holder gave under it is over, for nothing may be bought on it any more.
    Returns whether the quote stood behind anything. Raises KeyError for a job nobody knows.
    """
    with store.transaction() as tx:
        case = tx.cases([job])[job]
        named = {unit.release for unit in case.job.units if unit.state is UnitState.RELEASED}
        releases = [r for r in case.job.releases if r.number in named and r.quote == quote]
        offers = [offer for offer in case.offers.values() if offer.quote == quote]
        for offer in offers:
            _told(case, offer, quote, why)
        for release in releases:
            if release.offer is not None:
                case.tell(QuoteWithdrawn(quote=quote, job=job, offer=release.offer, why=why))
            expire_release(case, release, "quote")
            case.set_job(due_at=case.now)
        keep(tx, [case])
    return bool(offers or releases)


def _told(case: Case, offer: Offer, quote: str, why: str) -> None:
    case.tell(QuoteWithdrawn(quote=quote, job=case.job.id, offer=offer.id, why=why))
    if not offer.state.undecided or offer.mechanics.quote_survives:
        case.put_offer(altered(offer, quote_until=case.now))
        return
    withdraw(case, offer, "quote withdrawn")
    for machine in list(case.machines.values()):
        if machine.offer == offer.id and machine.commitment is None:
            case.give_back(machine, "quote withdrawn")
    case.set_job(due_at=case.now)
