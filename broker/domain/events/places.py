"""The facts of a place: a cloud's no, and a trouble of ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.values import OfferId, RefusalId


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
