"""The facts of places: what they cost, a cloud's no, a trouble of ours, and the end of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.domain.advice import AdviceId
from broker.domain.event import Event
from broker.domain.values import OfferId, Purchase, RefusalId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRefused(Event):
    refusal: RefusalId
    provider: str
    region: str
    sku: str
    units: int
    code: str
    reason: str
    valid_until: datetime
    offer: OfferId | None
    purchase: str = Purchase.ON_DEMAND
    scope: str = "place"
    """What else it speaks of: a `family` or a `region` by its quota, or the whole `cloud`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTroubled(Event):
    """A fault that is no refusal: nothing is released, and the place is left alone for a while."""

    provider: str
    region: str
    sku: str
    kind: str
    code: str
    message: str
    until: datetime
    purchase: str = Purchase.ON_DEMAND
    scope: str = "place"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolDownCleared(Event):
    """What kept us away from a place or an area does so no more: a person, or a good answer."""

    provider: str
    region: str
    sku: str
    scope: str
    effect: str
    why: str
    code: str
    refusal: str | None
    by: str
    reason: str
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceAdvised(Event):
    """What a place is thought to hold, told where something may be decided by it; no refusal."""

    advice: AdviceId
    provider: str
    region: str
    sku: str
    thought: str
    units: int | None
    because: str
    as_of: datetime
    until: datetime
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesListed(Event):
    """The whole price list by which places are ranked from now on, wherever it is named."""

    list_id: str
    pools: tuple[Mapping[str, Any], ...]
