"""Our own outages: what they cost nobody but us, for every running timer is put off by as much."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.offer import Desk, Offer, OfferState


class Outage(NamedTuple):
    """A time in which a part of the broker was away, from its last sign of life to its next."""

    since: datetime
    to: datetime

    def puts_off(self, started: datetime, due: datetime) -> datetime:
        """When a timer that runs from `started` to `due` ends, the outage not counted."""
        if self.to <= started or self.since >= due:
            return due
        return due + (self.to - max(self.since, started))


def toll(case: Case, outage: Outage) -> None:
    """T11: give every undecided or accepted offer of the job back what the outage took from it."""
    for offer in list(case.offers.values()):
        if not offer.mechanics.toll:
            continue
        if offer.state is OfferState.SENT:
            _later_delivery(case, offer, outage)
        elif offer.state is OfferState.OPEN:
            _later_end(case, offer, outage)
        elif offer.state is OfferState.ACCEPTED:
            _later_default(case, offer, outage)


def _later_delivery(case: Case, offer: Offer, outage: Outage) -> None:
    """The tries at delivery go on at the pace the clause asks for."""
    if offer.due_at is not None:
        due = outage.puts_off(offer.issued_at, offer.due_at)
        case.put_offer(altered(offer, due_at=due))


def _later_end(case: Case, offer: Offer, outage: Outage) -> None:
    if offer.expires_at is None or offer.opened_at is None:
        return
    expires_at = outage.puts_off(offer.opened_at, offer.expires_at)
    if expires_at == offer.expires_at:
        return
    _tell(case, offer, expires_at - offer.expires_at, expires_at=expires_at)
    due_at = expires_at - offer.margin if offer.desk is Desk.AUTOMATIC else expires_at
    case.put_offer(altered(offer, expires_at=expires_at, due_at=due_at))


def _later_default(case: Case, offer: Offer, outage: Outage) -> None:
    started, cure_until = offer.accepted_at, offer.cure_until
    if started is None or cure_until is None or offer.deliver_by is None:
        return
    later = outage.puts_off(started, cure_until)
    if later == cure_until:
        return
    deliver_by = outage.puts_off(started, offer.deliver_by)
    _tell(case, offer, later - cure_until, deliver_by=deliver_by, cure_until=later)
    case.put_offer(altered(offer, deliver_by=deliver_by, cure_until=later, due_at=later))


def _tell(
    case: Case,
    offer: Offer,
    by: timedelta,
    *,
    expires_at: datetime | None = None,
    deliver_by: datetime | None = None,
    cure_until: datetime | None = None,
) -> None:
    case.tell(
        events.OfferTolled(
            offer=offer.id,
            by_s=Decimal(by // timedelta(microseconds=1)) / 1_000_000,
            expires_at=expires_at,
            deliver_by=deliver_by,
            cure_until=cure_until,
        )
    )
