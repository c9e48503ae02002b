"""One job on its way: who was asked, where it is, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Scene(StrEnum):
    """Where a job is, as the board counts it."""

    QUEUED = "queued"
    PLACING = "placing"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNMET = "unmet"

    @property
    def over(self) -> bool:
        return self not in (Scene.QUEUED, Scene.PLACING, Scene.RUNNING)


class Hop(NamedTuple):
    """A piece of a job's way, in full and as short as it can be said."""

    full: str
    short: str


@dataclass(slots=True, kw_only=True)
class Asked:
    """An offer that is not decided yet."""

    id: str
    units: int
    window: timedelta
    person: bool
    expires_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class JobTale:
    name: str
    units: int
    shape: str
    submitted_at: datetime
    changed_at: datetime
    scene: Scene = Scene.QUEUED
    hops: list[Hop] = field(default_factory=list)
    offer: Asked | None = None
    usd_hour: Decimal = Decimal(0)
    """Of the machines it has now."""
    live: int = 0
    """How many machines it has now."""
    end: str = ""

    def go(self, *hops: Hop) -> None:
        """Lengthen its way; a place that is the last one already is not told twice."""
        for hop in hops:
            if not self.hops or self.hops[-1] != hop:
                self.hops.append(hop)

    def way(self, *, short: bool = False) -> str:
        """The way it took, `azure → refused (AllocationFailed) → aws us-east-1`."""
        return " → ".join(hop.short if short else hop.full for hop in self.hops)
