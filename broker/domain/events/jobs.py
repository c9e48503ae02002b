"""The facts of a job: taken in, started, and its one end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import JobId
from broker.domain.workload import Shape, SpotUse


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted(Event):
    job: JobId
    tenant: str
    name: str
    kind: str
    work_class: str
    tags: tuple[str, ...]
    units: int
    gang: int
    """How many units stand or fall together; 0 is none."""
    chunk: int
    terms: Terms
    patience_until: datetime | None
    agreement: str
    shape: Shape
    exclude: tuple[str, ...]
    """Providers that the job will not have."""
    checkpointable: bool = False
    """Whether it may be stopped and started elsewhere without losing its work."""
    spot: str = SpotUse.NEVER
    preempted: int | None = None
    """How often each unit, or a gang as a whole, starts again when its cloud takes it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAmended(Event):
    """Its tenant asks for other terms while it waits; what is noticed or bound stays so."""

    job: JobId
    terms: Terms
    exclude: tuple[str, ...]
    spot: str = SpotUse.NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(Event):
    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHeld(Event):
    """Units wait although there may be room: what would have to be done must not be."""

    job: JobId
    units: tuple[int, ...]
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(Event):
    job: JobId
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(Event):
    job: JobId
    reason: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled(Event):
    job: JobId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUnmet(Event):
    job: JobId
    reason: str
