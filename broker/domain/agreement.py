"""An agreement: the dated editions between a buyer of capacity and a supplier with a right."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from broker.domain.clause import (
    Clarification,
    Clause,
    Condition,
    Consent,
    Effect,
    PoolView,
    Question,
    Waiver,
)
from broker.domain.market import PoolKind
from broker.domain.right import Right
from broker.domain.workload import Scope, WorkClass


class Status(StrEnum):
    DRAFT = "draft"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"


class Provenance(StrEnum):
    """What an edition was written from; shown wherever the edition is shown."""

    PUBLIC_SUMMARY = "public_summary"
    TEMPLATE = "template"
    SIGNED_CONTRACT = "signed_contract"


class Needs(StrEnum):
    """What opens a pool that the holder supplies through somebody else."""

    ACCEPTANCE = "acceptance"
    CONSENT = "consent"


class OpenOffers(StrEnum):
    """What becomes of the offers open when an edition takes over."""

    RUN_OFF = "run_off"
    WITHDRAW = "withdraw"
    REISSUE = "reissue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    id: str
    side: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder(Party):
    pools: tuple[str, ...]
    fulfil_via: Mapping[str, Needs] = field(default_factory=dict)


class Binding(NamedTuple):
    """A clause that can hold work back, with the permits that cut it."""

    clause: Clause
    permits: tuple[Clause, ...]


_HOLDS_BACK = (Effect.DENY, Effect.EXCLUSIVE, Effect.ROFR)
"""The effects that keep work from a pool, the strictest first."""

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Edition:
    """One dated version of an agreement, in force from `begins` until just before `ends`.

    Without slots, for what is worked out once is kept beside the fields; equal only to itself, so
    that it is cheap as a key of what callers remember.
    """

    agreement: str
    id: str
    title: str
    status: Status
    provenance: Provenance
    begins: datetime | None
    """None only in a draft."""
    ends: datetime | None
    recorded_at: datetime
    announced_at: datetime | None = None
    supersedes: str | None
    grantor: Party
    holder: Holder
    open_offers: OpenOffers = OpenOffers.RUN_OFF
    active_leases: str = "grandfather"
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    clauses: tuple[Clause, ...]
    consents: tuple[Consent, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    clarifications: tuple[Clarification, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The edition as it was written, in strings, whole numbers, lists and mappings."""

    def runs_at(self, at: datetime) -> bool:
        """Whether the edition is in force at an instant; a draft never is."""
        return (
            self.status is not Status.DRAFT
            and self.begins is not None
            and self.begins <= at
            and (self.ends is None or at < self.ends)
        )

    def era(self, at: datetime) -> int:
        """Counts the instants up to now at which a clause, consent, waiver or reading turns.

        Within one era the edition says the same of the same work, unless something is attested.
        """
        return bisect_right(self._turns, at)

    @cached_property
    def _turns(self) -> tuple[datetime, ...]:
        instants = {date for c in self.clauses if c.until for date in c.until.dates}
        spans = [(c.begins, c.ends) for c in self.consents]
        spans += [(w.begins, w.ends) for w in self.waivers]
        spans += [(c.begins, c.ends) for c in self.clarifications]
        instants.update(at for span in spans for at in span if at is not None)
        return tuple(sorted(instants))

    @cached_property
    def worked_out(self) -> dict[tuple[object, ...], Any]:
        """What callers have worked out of it, by what they asked, for when they ask again."""
        return {}

    @property
    def holder_pools(self) -> tuple[str, ...]:
        return self.holder.pools

    @cached_property
    def follows_leases(self) -> bool:
        """Whether a clause has something to say of leases elsewhere once they live."""
        rights = [clause.right for clause in self.clauses if clause.right is not None]
        return any(right.lease or right.reclaim_notice_s is not None for right in rights)

    def holds(self, provider: str) -> bool:
        """Whether these are the holder's own machines, asked by the provider's name."""
        return provider in self.holder.pools

    def party(self, role: str) -> str:
        """The id of the party that has a role here; a name that is no role is an id already."""
        return {"grantor": self.grantor.id, "holder": self.holder.id}.get(role, role)

    def clause(self, clause_id: str) -> Clause:
        """The clause of that id. Raises KeyError."""
        return self._by_id[clause_id]

    def right(self, clause_id: str) -> Right:
        """The mechanics of a `rofr` clause. Raises KeyError for any other clause."""
        right = self._by_id[clause_id].right
        if right is None:
            raise KeyError(clause_id)
        return right

    def right_for(
        self,
        work_class: WorkClass,
        tags: frozenset[str] = _NOTHING,
        *,
        at: datetime,
        scope: Scope = Scope.NEW,
        attested: frozenset[str] = _NOTHING,
    ) -> Clause | None:
        """The live `rofr` clause over a kind of work, whatever the pool and its carve-outs."""
        asked = Question(work_class, tags, None, scope, at, attested)
        rights = (clause for clause, _ in self.binding(work_class) if clause.right is not None)
        return next((clause for clause in rights if clause.applies(asked)), None)

    def disputed(self, work_class: WorkClass, at: datetime) -> WorkClass | None:
        """The class that a contested class is to be read as at an instant; None: not contested."""
        said = self.dispute(work_class, at)
        return said.treat_as if said else None

    def dispute(self, work_class: WorkClass, at: datetime) -> Clarification | None:
        """The statement by which a class is contested at an instant."""
        for said in self.clarifications:
            live = said.begins <= at and (said.ends is None or at < said.ends)
            if live and work_class in said.contested:
                return said
        return None

    def seen(self, pool: PoolView) -> PoolView:
        """The pool as this edition sees it: whose it is is said by its name, not by the caller."""
        if pool.name in self.holder.pools:
            kind = PoolKind.HOLDER
        elif pool.name in self.holder.fulfil_via:
            kind = PoolKind.HOLDER_VIA
        elif pool.kind in (PoolKind.HOLDER, PoolKind.HOLDER_VIA):
            kind = PoolKind.THIRD_PARTY_CLOUD
        else:
            return pool
        return pool if pool.kind is kind else PoolView(pool.name, kind)

    def binding(self, work_class: WorkClass) -> tuple[Binding, ...]:
        """Every clause that may hold a class back, the strictest effect first."""
        return self._bindings[work_class]

    def permits(self, work_class: WorkClass) -> tuple[Clause, ...]:
        return self._permits[work_class]

    def consents_to(self, clause: Clause) -> tuple[Consent, ...]:
        """The consents that may open a clause; none where the clause takes none."""
        if "consent" not in clause.exceptions:
            return ()
        return tuple(consent for consent in self.consents if consent.of_clause == clause.id)

    @cached_property
    def _by_id(self) -> Mapping[str, Clause]:
        return {clause.id: clause for clause in self.clauses}

    @cached_property
    def _permits(self) -> Mapping[WorkClass, tuple[Clause, ...]]:
        return {known: self._about(known, Effect.PERMIT) for known in WorkClass}

    @cached_property
    def _bindings(self) -> Mapping[WorkClass, tuple[Binding, ...]]:
        return {
            known: tuple(
                Binding(
                    clause,
                    tuple(cut for cut in self._permits[known] if clause.id in cut.carves_out),
                )
                for effect in _HOLDS_BACK
                for clause in self._about(known, effect)
            )
            for known in WorkClass
        }

    def _about(self, work_class: WorkClass, effect: Effect) -> tuple[Clause, ...]:
        return tuple(
            clause
            for clause in self.clauses
            if clause.effect is effect
            and (clause.match.classes is None or work_class in clause.match.classes)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A series of editions, the oldest first. Drafts are kept and never asked."""

    name: str
    editions: tuple[Edition, ...]

    def in_force(self, at: datetime) -> Edition | None:
        """The one edition in force at an instant, if there is one."""
        for edition in self.editions:
            if edition.runs_at(at):
                return edition
        return None

    def edition(self, edition_id: str) -> Edition | None:
        """The edition of that id, a draft too."""
        return next((edition for edition in self.editions if edition.id == edition_id), None)
