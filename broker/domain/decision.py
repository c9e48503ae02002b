"""What placement can decide about a job: a closed union."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from broker.domain.agreement import Edition
from broker.domain.altered import made_at_once
from broker.domain.market import Pool
from broker.domain.offer import OfferKind
from broker.domain.release import Basis, Release
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.terms import Terms
from broker.domain.values import LeaseId
from broker.domain.workload import Scope


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class PutOffer:
    """Offer the units to the holder: under its right, or as an order where it is exclusive."""

    kind: OfferKind
    units: tuple[int, ...]
    terms: Terms
    edition: Edition
    clause: str
    scope: Scope = Scope.NEW
    quoted: Pool | None = None
    """The third party's pool whose posted price the terms are, where the clause asks for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptStanding:
    """The holder has accepted such units beforehand: the offer is put, and taken at once."""

    offer: PutOffer
    acceptance: StandingAcceptance


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStanding:
    """No offer is due: the holder stands refused everywhere, is suspended, or is not there."""

    units: tuple[int, ...]
    terms: Terms
    edition: Edition
    clause: str
    cites: tuple[str, ...]
    until: datetime | None
    """When it goes stale by itself."""
    basis: Basis = Basis.STANDING_REFUSAL


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Bind the units to one pool."""

    units: tuple[int, ...]
    pool: Pool
    terms: Terms
    edition: Edition
    basis: Basis
    cites: tuple[str, ...]
    release: int | None
    to_holder: bool
    renews: LeaseId | None = None
    """The lease that is to go on under it; its machine is there."""
    passed_over: tuple[str, ...] = ()
    """Cheaper places that could not be asked: the refusal that stands there, or why else not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """A release is over; its units are pending again."""

    release: Release
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing can be done for the rest before this instant."""

    until: datetime | None
    because: str
    stuck: bool = False
    """Every place is shut: the job heads its line, or stands in it."""
    held: tuple[int, ...] = ()
    """Units that wait for what must not be done now; `because` is told to the tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInLine:
    """An earlier job that asks for just the same is stuck; this one waits to be called."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekRenewal:
    """The terms of these units' leases end soon."""

    units: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOver:
    """The notice of a reclaim is over: prepare the machine that the holder keeps for the unit."""

    unit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTerm:
    """The term of the unit's lease is over and nothing has renewed it."""

    unit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Patience is over."""

    because: str


Succession: TypeAlias = SeekRenewal | MoveOver | EndTerm
"""What is decided about the lease that a unit has."""

Decision: TypeAlias = (
    PutOffer
    | AcceptStanding
    | ReleaseStanding
    | Commit
    | Expire
    | Wait
    | StandInLine
    | GiveUp
    | Succession
)


def asks(decision: Decision) -> bool:
    """Whether it goes to a supplier, or opens the way to one."""
    return isinstance(decision, PutOffer | Commit | ReleaseStanding)
