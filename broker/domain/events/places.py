"""The facts of places: what they cost, a cloud's no, and a trouble of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesListed(Event):
    """The whole price list by which places are ranked from now on, wherever it is named."""

    list_id: str
    pools: tuple[Mapping[str, Any], ...]
