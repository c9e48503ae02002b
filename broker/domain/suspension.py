"""Suspension: a right is off for a while after its holder has defaulted too often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.domain.event import Event
from broker.domain.events import RightSuspended
from broker.domain.offer import Offer
from broker.domain.values import OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """An accepted offer that was not delivered, kept as long as it counts."""

    offer: OfferId
    clause: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """A right that is off; it is restored at `until`, by itself."""

    id: str
    clause: str
    offers: tuple[OfferId, ...]
    since: datetime
    until: datetime

    def lasts(self, at: datetime) -> bool:
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a holder has kept what it accepted."""

    defaults: tuple[Default, ...] = ()
    suspensions: tuple[Suspended, ...] = ()

    def suspended(self, clause: str, at: datetime) -> Suspended | None:
        return next((s for s in self.suspensions if s.clause == clause and s.lasts(at)), None)


def count_default(
    conduct: Conduct, offer: Offer, now: datetime, new_id: Callable[[str], str]
) -> tuple[Conduct, list[Event]]:
    """Note a default; the one that makes the number full suspends the right.

    Defaults that have suspended it once are spent: after the suspension counting begins anew.
    """
    rule = offer.mechanics.suspension
    if rule is None or not offer.kind.releases:
        return conduct, []
    since = now - timedelta(seconds=rule.within_s)
    counted = [one for one in conduct.defaults if one.at > since]
    counted.append(Default(offer=offer.id, clause=offer.clause, at=now))
    mine = [one for one in counted if one.clause == offer.clause]
    if len(mine) < rule.defaults:
        return replace(conduct, defaults=tuple(counted)), []
    off = Suspended(
        id=new_id("suspension"),
        clause=offer.clause,
        offers=tuple(one.offer for one in mine),
        since=now,
        until=now + timedelta(seconds=rule.for_s),
    )
    others = tuple(one for one in counted if one.clause != offer.clause)
    still = tuple(s for s in conduct.suspensions if now < s.until and s.clause != offer.clause)
    told = RightSuspended(
        suspension=off.id,
        agreement=offer.agreement,
        clause=off.clause,
        offers=off.offers,
        until=off.until,
    )
    return Conduct(defaults=others, suspensions=(*still, off)), [told]
