"""The facts of who may speak for a party."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.values import KeyId


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGranted(Event):
    key: KeyId
    party: str
    role: str
    valid_from: datetime
    valid_until: datetime | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked(Event):
    key: KeyId
    party: str
    by: str
    why: str
