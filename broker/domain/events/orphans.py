"""The facts of machines that bear our tag and that no lease of ours is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.values import MachineName, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanFound(Event):
    """A cloud lists a machine of ours that we do not want; told once for each."""

    provider: str
    region: str
    sku: str
    machine: MachineName
    since: datetime | None
    """When its cloud says that it was made."""
    known: bool
    """Whether it was bought here and is over; else nobody here ever heard of it."""
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanEnded(Event):
    """Its cloud confirms that it is gone."""

    provider: str
    machine: MachineName
