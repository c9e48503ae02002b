"""Standing acceptances: what the holder takes without being asked each time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.clause import Match, Question
from broker.domain.market import Place
from broker.domain.values import Purchase, Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAcceptance:
    """So many units of some work, at a price and in a place, under a hold of their own."""

    id: str
    of_clause: str
    given_by: str
    given_at: datetime
    begins: datetime
    ends: datetime
    match: Match
    units: int
    price_usd_hour: Usd
    """What the holder asks for one unit; a notice must offer as much."""
    hold: str
    region: str
    sku: str
    purchase: Purchase = Purchase.ON_DEMAND

    def at(self, place: Place) -> bool:
        """Whether its hold lies in a place of the holder's."""
        return place[1:] == (self.region, self.sku, self.purchase)

    def fresh(self, at: datetime, max_age_s: int) -> bool:
        """Whether it may be used: inside its dates, and no older than the clause lets it grow."""
        return self.begins <= at < min(self.ends, self.given_at + timedelta(seconds=max_age_s))

    def covers(self, clause: str, asked: Question, price: Usd | None) -> bool:
        """Whether it is about this work, and the notice pays what it asks."""
        return (
            self.of_clause == clause
            and self.match.fits(asked)
            and (price is None or price >= self.price_usd_hour)
        )
