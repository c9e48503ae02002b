"""The facts of a release: units set free, and freedom that is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import JobId, OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsReleased(Event):
    job: JobId
    units: tuple[int, ...]
    basis: str
    offer: OfferId | None
    ceiling: Terms
    tail_until: datetime
    cites: tuple[str, ...]
    again: bool = False
    """They were bought for under it already, and their machines were lost before its tail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExpired(Event):
    job: JobId
    units: tuple[int, ...]
    why: str
