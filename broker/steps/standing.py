"""T5: an offer that a standing acceptance of the holder's covers is taken the moment it is put."""

from __future__ import annotations

from dataclasses import replace

from broker.domain import events
from broker.domain.case import Case
from broker.domain.market import Market, option
from broker.domain.offer import Offer
from broker.domain.offering import accept, deliver, issue
from broker.domain.spill import commit_holder, want_machines
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import AnswerId


def take_standing(case: Case, offer: Offer, acceptance: StandingAcceptance, market: Market) -> None:
    """Put the offer, and record the acceptance that was given beforehand, under its own hold."""
    pool = next(
        p for p in market.pools if p.place.provider in offer.holder and acceptance.at(p.place)
    )
    offer = deliver(case, issue(case, offer), "answer")
    hold = {
        "hold": acceptance.hold,
        "units": len(offer.units),
        "region": acceptance.region,
        "sku": acceptance.sku,
        **option(acceptance.purchase),
    }
    case.tell(
        events.AnswerReceived(
            offer=offer.id,
            answer=AnswerId(case.new_id("ans")),
            kind="accept",
            units=offer.units,
            holds=(hold,),
            reason=None,
            by=acceptance.given_by,
        )
    )
    accept(case, offer, offer.units, [hold], standing=acceptance.id)
    terms = replace(
        offer.terms,
        accelerators=(pool.accelerator,) if pool.accelerator else None,
        regions=(pool.place.region,),
        interruptible=pool.place.interruptible,
        price_usd_hour=acceptance.price_usd_hour,
    )
    groups = [offer.units] if offer.gang else [(index,) for index in offer.units]
    for group in groups:
        commitment = commit_holder(case, group, pool, terms, offer.edition, offer.id)
        want_machines(case, commitment, terms.price_usd_hour, case.now)
