"""What an edition is made of: clauses and what they match, consents, conditions, readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from broker.domain.market import PoolKind
from broker.domain.right import Right
from broker.domain.workload import Scope, WorkClass


class Effect(StrEnum):
    EXCLUSIVE = "exclusive"
    DENY = "deny"
    ROFR = "rofr"
    PREFER = "prefer"
    PERMIT = "permit"
    COMMIT = "commit"
    RECORD = "record"


class Standing(StrEnum):
    """How sure the author of an edition is of a clause."""

    STATED = "stated"
    REPORTED = "reported"
    ASSUMED = "assumed"


class PoolView(NamedTuple):
    """As much of a pool as an agreement sees."""

    name: str
    kind: PoolKind


class Question(NamedTuple):
    """What is asked of an edition: one kind of work, one pool (None: any), one instant."""

    work_class: WorkClass
    tags: frozenset[str]
    pool: PoolView | None
    scope: Scope
    at: datetime
    attested: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a clause is about. None leaves a field open."""

    classes: frozenset[WorkClass] | None = None
    tags_any: frozenset[str] | None = None
    capacity: frozenset[Scope] | None = None
    pools: frozenset[str] | None = None
    pool_kinds: frozenset[PoolKind] | None = None

    def fits(self, asked: Question) -> bool:
        pool = asked.pool
        return (
            (self.classes is None or asked.work_class in self.classes)
            and (self.capacity is None or asked.scope in self.capacity)
            and (self.tags_any is None or not self.tags_any.isdisjoint(asked.tags))
            and (pool is None or self.pools is None or pool.name in self.pools)
            and (pool is None or self.pool_kinds is None or pool.kind in self.pool_kinds)
        )

    def document(self) -> dict[str, list[str]]:
        """The match as an edition file writes it; what is left open is left out."""
        said = {
            "class": self.classes,
            "tags_any": self.tags_any,
            "capacity": self.capacity,
            "pool": self.pools,
            "pool_kind": self.pool_kinds,
        }
        return {name: sorted(map(str, words)) for name, words in said.items() if words is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """The end of a clause: the first of these dates and attested conditions to come."""

    dates: tuple[datetime, ...] = ()
    conditions: tuple[str, ...] = ()

    def has_come(self, at: datetime, attested: frozenset[str]) -> bool:
        return any(at >= date for date in self.dates) or not attested.isdisjoint(self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Attested circumstances that set a clause aside: every one of `all_of`, or one of `any_of`."""

    all_of: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()

    def holds(self, attested: frozenset[str]) -> bool:
        return (bool(self.all_of) and self.all_of <= attested) or not self.any_of.isdisjoint(
            attested
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """An amount owed to a supplier; None where the source tells no figure."""

    unit: str
    amount: Decimal | None
    kind: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftLimit:
    """A share that is measured and reported, not enforced."""

    measure: str
    classes: frozenset[WorkClass]
    min_share: Decimal
    over_s: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    id: str
    effect: Effect
    match: Match
    standing: Standing
    in_favour_of: str | None = None
    until: Until | None = None
    unless: Guard | None = None
    exceptions: tuple[str, ...] = ()
    """What may open the clause: `consent`, `continuity`."""
    carves_out: tuple[str, ...] = ()
    """The clauses that a permit cuts, by id; a permit that names none cuts none."""
    right: Right | None = None
    """Present in a clause whose effect is `rofr`, and in no other."""
    meter: Meter | None = None
    soft_limit: SoftLimit | None = None
    lead_time_s: int | None = None
    assumed: bool = False
    sources: tuple[str, ...] = ()
    note: str | None = None
    until_note: str | None = None
    renewal_note: str | None = None
    """Why a clause on new capacity leaves renewals out."""

    def applies(self, asked: Question) -> bool:
        """Whether the clause fits the question and has neither ended nor been set aside."""
        return (
            self.match.fits(asked)
            and (self.until is None or not self.until.has_come(asked.at, asked.attested))
            and (self.unless is None or not self.unless.holds(asked.attested))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The holder's dated leave to go around one exclusive clause."""

    id: str
    of_clause: str
    given_by: str
    begins: datetime
    ends: datetime | None
    match: Match
    excludes: Match | None = None
    standing: Standing = Standing.STATED
    sources: tuple[str, ...] = ()
    note: str | None = None

    def covers(self, asked: Question) -> bool:
        return (
            self.begins <= asked.at
            and (self.ends is None or asked.at < self.ends)
            and self.match.fits(asked)
            and (self.excludes is None or not self.excludes.fits(asked))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A right given up beforehand for some work, up to a cap."""

    id: str
    of_clause: str
    given_by: str
    begins: datetime
    ends: datetime
    match: Match
    cap_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarification:
    """A later statement on how an edition is to be read."""

    id: str
    begins: datetime
    says: str
    ends: datetime | None = None
    class_map: Mapping[WorkClass, str] = field(default_factory=dict)
    contested: frozenset[WorkClass] = frozenset()
    treat_as: WorkClass | None = None
    """The class that a contested one is read as."""
    standing: Standing = Standing.STATED
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A circumstance that only a named party can attest; the broker never computes it."""

    kind: str
    attestor: str
    standing: Standing
    voids: tuple[str, ...]
    declared_by: str | None = None
    test_as_reported: str | None = None
    sources: tuple[str, ...] = ()
