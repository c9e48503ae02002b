"""The facts of a third party's quote, on which a notice is frozen where the clause says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import JobId, OfferId, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteReceived(Event):
    """The posted price of one place, for the units of one job and nothing else."""

    quote: str
    job: JobId
    provider: str
    region: str
    sku: str
    terms: Terms
    list_id: str
    valid_until: datetime
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteWithdrawn(Event):
    quote: str
    job: JobId
    offer: OfferId
    why: str
