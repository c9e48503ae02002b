"""Job and unit states, and their legal moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from broker.domain.altered import made_at_once
from broker.domain.line import Rank
from broker.domain.market import Place
from broker.domain.release import Release
from broker.domain.terms import Terms
from broker.domain.values import CommitmentId, JobId, LeaseId, OfferId
from broker.domain.workload import Workload


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNMET = "unmet"

    @property
    def over(self) -> bool:
        return self in _OVER


class UnitState(StrEnum):
    PENDING = "pending"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    RELEASED = "released"
    COMMITTED = "committed"
    ACTIVE = "active"
    MIGRATING = "migrating"
    """Its lease lives, or was fenced a moment ago, while a machine elsewhere is prepared."""
    DONE = "done"
    CANCELLED = "cancelled"
    UNMET = "unmet"


_S = UnitState
_OVER: Final = frozenset(JobState) - {JobState.QUEUED, JobState.RUNNING}
_FINAL: Final = frozenset({_S.CANCELLED, _S.UNMET})

JOB_MOVES: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.QUEUED: frozenset(JobState) - {JobState.QUEUED},
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.FINISHED, JobState.FAILED, JobState.CANCELLED, JobState.UNMET}
    ),
    JobState.FINISHED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.UNMET: frozenset(),
}

UNIT_MOVES: Final[Mapping[UnitState, frozenset[UnitState]]] = {
    _S.PENDING: frozenset({_S.OFFERED, _S.RELEASED, _S.COMMITTED}) | _FINAL,
    _S.OFFERED: frozenset({_S.ACCEPTED, _S.RELEASED, _S.PENDING}) | _FINAL,
    _S.ACCEPTED: frozenset({_S.ACTIVE, _S.RELEASED, _S.PENDING}) | _FINAL,
    _S.RELEASED: frozenset({_S.COMMITTED, _S.PENDING}) | _FINAL,
    _S.COMMITTED: frozenset({_S.ACTIVE, _S.RELEASED, _S.PENDING}) | _FINAL,
    _S.ACTIVE: frozenset({_S.MIGRATING, _S.DONE, _S.PENDING, _S.CANCELLED}),
    _S.MIGRATING: frozenset({_S.ACTIVE, _S.ACCEPTED, _S.COMMITTED, _S.PENDING, _S.CANCELLED}),
    _S.DONE: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.UNMET: frozenset(),
}


class IllegalMoveError(Exception):
    """A surprise: a step tried a move that the table does not have."""


class Why(StrEnum):
    """Why there is to be another lease while one lives."""

    RENEWAL = "renewal"
    RECLAIM = "reclaim"


class Term(NamedTuple):
    """When a lease ends unless it is renewed, and when its renewal is sought."""

    until: datetime
    renew_at: datetime


class Claim(NamedTuple):
    """What an heir is for."""

    why: Why
    place: Place
    """Where the lease runs that is to be renewed, or where the holder keeps what is to follow."""
    begins_at: datetime
    hold: str = ""


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One machine's worth of a job."""

    index: int
    state: UnitState = UnitState.PENDING
    epoch: int = 0
    """Counts the leases of this unit; fences an old copy."""
    offer: OfferId | None = None
    release: int | None = None
    commitment: CommitmentId | None = None
    lease: LeaseId | None = None
    exit_code: int | None = None
    preempted: int = 0
    """How often its cloud has taken its machine back."""
    term: Term | None = None
    """Of its lease, where the clause sets one."""
    heir: Unit | None = None
    """What is to follow its lease, sought as any unit is while the lease lives."""
    claim: Claim | None = None
    """An heir's alone."""

    @property
    def sought(self) -> Unit:
        """As much of it as is to be placed: its heir, or else itself."""
        return self.heir or self


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: JobId
    workload: Workload
    agreement: str
    """The agreement its tenant stands under; which edition decides is a matter of the instant."""
    terms: Terms
    """What was asked for, frozen at submission; a notice adds the price."""
    submitted_at: datetime
    patience_until: datetime | None
    state: JobState = JobState.QUEUED
    version: int = 0
    """How many facts its stream has; also the guard of every write."""
    last_at: datetime
    """The instant of the last fact."""
    units: tuple[Unit, ...]
    releases: tuple[Release, ...] = ()
    released: int = 0
    offers: int = 0
    supersedes: OfferId | None = None
    """The offer that its next one replaces."""
    reissues: OfferId | None = None
    """The offer withdrawn by an amendment that its next one stands for."""
    requotes: tuple[datetime, ...] = ()
    """When such a replacement was put, as far as it still counts."""
    losses: int = 0
    """How often a machine was lost under it."""
    due_at: datetime | None
    """When placement should look at it next; None: not before something happens."""
    line: str
    """Jobs with the same line ask for just the same."""
    stuck: bool = False
    """Every place it may have is shut; the first stuck job of a line asks again for all of it."""
    in_line: bool = False
    """It waits behind a stuck job, until one before it was served."""
    trouble: str = ""
    """What of ours holds it up: a fault of credentials, throttling, an unknown code."""
    reason: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def rank(self) -> Rank:
        return (-self.workload.priority, self.submitted_at, self.id)

    def release_of(self, unit: Unit) -> Release | None:
        return next((r for r in self.releases if r.number == unit.release), None)

    def in_state(self, *states: UnitState) -> tuple[int, ...]:
        return tuple(unit.index for unit in self.units if unit.state in states)
