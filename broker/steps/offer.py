"""The offers whose time has come: delivery, windows, deliveries owed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.desk import closes_at, proceed
from broker.domain.market import Market
from broker.domain.notice import WEBHOOK
from broker.domain.offer import Desk, Offer, OfferState
from broker.domain.offering import attempt, default, deliver, lapse, owed, withdraw
from broker.domain.spill import drop_commitments
from broker.domain.transition import carry_over, overruled
from broker.ports import Store, Transaction
from broker.steps.beat import somebody_is_away
from broker.steps.keeping import keep
from broker.steps.rulebook import Rulebook

_AGAIN: Final = timedelta(seconds=1)
"""How soon an offer that is over is looked at again while a part of us is away."""


def put_offers(store: Store, rules: Rulebook, limit: int = 200) -> int:
    """Look at every offer that is due; returns how many jobs that were."""
    with store.transaction() as tx:
        cases = tx.due_offers(limit)
        if not cases:
            return 0
        market, away = rules.market(tx), partial(somebody_is_away, tx)
        edition_of = partial(_edition_now, tx, rules)
        for case in cases:
            for offer in list(case.offers.values()):
                if offer.due_at is not None and offer.due_at <= case.now:
                    _look_at(case, offer, market, edition_of, away)
        keep(tx, cases)
    return len(cases)


def _edition_now(tx: Transaction, rules: Rulebook, offer: Offer) -> Edition | None:
    rules.adopt(tx.registers([offer.agreement])[offer.agreement])
    return rules.edition(offer.agreement, tx.now)


def _look_at(
    case: Case,
    offer: Offer,
    market: Market,
    edition_of: Callable[[Offer], Edition | None],
    away: Callable[[], bool],
) -> None:
    if overruled(offer, case):  # T14, T15: another edition has come into force
        offer = carry_over(case, offer, edition_of(offer))
        if offer.due_at is None or offer.due_at > case.now:
            return
    over = offer.expires_at is not None and case.now >= offer.expires_at
    if over and offer.mechanics.toll and away():
        # Who is away writes the outage on its return, and this timer is then put off by it.
        case.put_offer(altered(offer, due_at=case.now + _AGAIN))
        return
    case.put_offer(altered(offer, due_at=None))
    if offer.state is OfferState.SENT:
        _deliver(case, offer)
    elif offer.state is OfferState.OPEN:
        _close(case, offer, market)
    elif offer.state is OfferState.ACCEPTED:
        _call_in(case, offer)


def _deliver(case: Case, offer: Offer) -> None:
    """A person's desk that did not fetch its notice: try again, and in the end deem it received.

    Where a webhook announces offers its attempts count, and those that failed by our own fault do
    not: until there were enough of them nothing is deemed received, however long that takes.
    """
    every = timedelta(seconds=offer.mechanics.deemed_after_s / offer.mechanics.deemed_attempts)
    offer = case.put_offer(altered(offer, due_at=case.now + every))
    if WEBHOOK not in offer.channels:
        offer = attempt(case, offer)
    waited = case.now - offer.issued_at >= timedelta(seconds=offer.mechanics.deemed_after_s)
    if waited and offer.attempts >= offer.mechanics.deemed_attempts:
        deliver(case, offer, "deemed")


def _close(case: Case, offer: Offer, market: Market) -> None:
    """The window is over, or so nearly that the automatic desk answers with what it has."""
    assert offer.expires_at is not None  # noqa: S101 - an open offer has a window
    if case.now < offer.expires_at:
        proceed(case, offer, market)
        still = case.offers[offer.id]
        if still.state is OfferState.OPEN:
            before = closes_at(offer) if offer.desk is Desk.AUTOMATIC else None
            due = before if before is not None and before > case.now else offer.expires_at
            case.put_offer(altered(still, due_at=due))
        return
    held_up = [m for m in case.machines.values() if m.offer == offer.id and m.commitment is None]
    ours = offer.desk is Desk.AUTOMATIC and case.job.trouble
    if ours:
        withdraw(case, offer, "fault")
        case.set_job(due_at=case.now + timedelta(seconds=1))
    else:
        deemed = offer.attempts >= offer.mechanics.deemed_attempts
        reason = "unreachable" if deemed else "window ended"
        lapse(case, offer, reason)
    for machine in held_up:
        case.give_back(machine, "window over")


def _call_in(case: Case, offer: Offer) -> None:
    """Provision and cure are over: what was accepted and is not there is in default."""
    undelivered = owed(case, offer)
    if not undelivered:
        return
    drop_commitments(case, undelivered, "default")
    default(case, case.offers[offer.id], undelivered)
