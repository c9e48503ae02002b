"""The facts of a lease's course: started on, renewed, asked back, moved, fenced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.values import CommitmentId, JobId, LeaseId, Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStarted(Event):
    """The agent says that the unit's command runs, under this lease."""

    job: JobId
    unit: int
    epoch: int
    lease: LeaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionNoticed(Event):
    """Its cloud says that it will take the machine of a live lease back."""

    job: JobId
    unit: int
    epoch: int
    lease: LeaseId
    provider: str
    until: datetime
    """When the machine is to be gone; it may be a little earlier."""
    said: str
    """The cloud's own word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFenced(Event):
    """From here on the lease counts no more: its agent is told to stop, its reports are not heard.

    Its machine is there until `LeaseEnded` says otherwise.
    """

    job: JobId
    unit: int
    epoch: int
    lease: LeaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalDue(Event):
    """The terms of these units' leases end soon: their capacity is sought anew meanwhile."""

    job: JobId
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRenewed(Event):
    """The lease goes on, in its epoch and on its machine, under another commitment."""

    job: JobId
    unit: int
    epoch: int
    lease: LeaseId
    commitment: CommitmentId
    term_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimAsked(Event):
    """The holder wants a unit back that went elsewhere, and says what it keeps in its place."""

    job: JobId
    unit: int
    lease: LeaseId
    agreement: str
    edition: str
    clause: str
    hold: str
    provider: str
    region: str
    sku: str
    notice_until: datetime
    by: str
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimRefused(Event):
    job: JobId
    unit: int
    why: str
    because: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationBegun(Event):
    """A machine is prepared under the commitment, while the old lease lives."""

    job: JobId
    unit: int
    lease: LeaseId
    commitment: CommitmentId
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationAborted(Event):
    """Nothing comes of it; the old lease, which was never fenced, goes on."""

    job: JobId
    unit: int
    lease: LeaseId
    why: str
