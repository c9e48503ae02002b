"""The facts of the broker itself: when nobody could reach it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerDown(Event):
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUp(Event):
    since: datetime
    to: datetime
