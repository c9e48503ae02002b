"""What an agreement says of one kind of work in one pool at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.agreement import Edition, Needs, Status
from broker.domain.clause import Clause, Consent, Effect, PoolView, Question
from broker.domain.workload import Scope, WorkClass


class VerdictKind(StrEnum):
    ALLOW = "allow"
    VIA_HOLDER = "via_holder"
    OFFER = "offer"
    FORBID = "forbid"
    CONTESTED = "contested"
    UNGOVERNED = "ungoverned"


class AllowedBy(StrEnum):
    """The basis of an `allow`; the words are those of a commitment's basis in the log."""

    FREE = "free"
    CARVE_OUT = "carve_out"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One answer for one pool; what to do follows from those of all pools together."""

    answer: VerdictKind
    reads_as: VerdictKind
    """The answer to act on: that of the strict reading where the class is contested."""
    because: str
    clause: str | None = None
    """The id of the clause that decides; None where none has to."""
    basis: AllowedBy | None = None
    """Present with every `allow`, and with a contested class that reads as one."""
    consent: str | None = None
    """The id of the consent without which an exclusive clause would shut the pool."""


UNGOVERNED = Verdict(
    answer=VerdictKind.UNGOVERNED,
    reads_as=VerdictKind.UNGOVERNED,
    because="no edition is in force",
)

_NOTHING_ATTESTED: frozenset[str] = frozenset()


def verdict(
    edition: Edition | None,
    work_class: WorkClass,
    tags: frozenset[str],
    pool: PoolView,
    scope: Scope,
    at: datetime,
    attested: frozenset[str] = _NOTHING_ATTESTED,
) -> Verdict:
    """Answer for one pool. The same arguments always give the same answer.

    The edition is taken as given: whether it was in force is asked of the agreement, because an
    offer may run on under the edition it was issued by. A draft governs nothing.
    """
    if edition is None or edition.status is Status.DRAFT:
        return UNGOVERNED
    if edition.holds(pool.name):
        return _allowed(AllowedBy.FREE, None, f"{pool.name} is the holder's own")
    if edition.holder.fulfil_via.get(pool.name) is Needs.ACCEPTANCE:
        return _said(
            VerdictKind.VIA_HOLDER,
            None,
            f"{pool.name} is open only through an acceptance by {edition.holder.id}",
        )
    strict = edition.disputed(work_class, at)
    asked = Question(strict or work_class, tags, edition.seen(pool), scope, at, attested)
    read = _strictest(edition, asked, pool)
    if strict is None:
        return read
    return Verdict(
        answer=VerdictKind.CONTESTED,
        reads_as=read.answer,
        because=f"{work_class} is in dispute and read as {strict}: {read.because}",
        clause=read.clause,
        basis=read.basis,
        consent=read.consent,
    )


def holding(edition: Edition, asked: Question) -> tuple[Clause, ...]:
    """Every live clause that keeps the work from the pool, and that nothing opens or cuts."""
    return tuple(
        clause
        for clause, permits in edition.binding(asked.work_class)
        if clause.applies(asked)
        and _first_live(permits, asked) is None
        and (clause.effect is Effect.ROFR or _consent(edition, clause, asked) is None)
    )


def _strictest(edition: Edition, asked: Question, pool: PoolView) -> Verdict:
    """The first live clause that holds the work back, or why none does."""
    work, name = asked.work_class, pool.name
    cut: tuple[Clause, Clause] | None = None
    opened: tuple[Clause, Consent] | None = None
    for clause, permits in edition.binding(work):
        if not clause.applies(asked):
            continue
        permit = _first_live(permits, asked)
        if permit is not None:
            cut = cut or (permit, clause)
            continue
        if clause.effect is Effect.ROFR:
            why = f"{clause.id} gives {edition.holder.id} the first refusal of {work} on {name}"
            return _said(VerdictKind.OFFER, clause, why, opened[1].id if opened else None)
        consent = _consent(edition, clause, asked)
        if consent is None:
            return _said(VerdictKind.FORBID, clause, f"{clause.id} keeps {work} from {name}")
        opened = opened or (clause, consent)

    if opened is not None:
        shut, consent = opened
        why = f"the consent {consent.id} opens {shut.id} for {work} on {name}"
        return _allowed(AllowedBy.CONSENT, shut, why, consent=consent.id)
    if name in edition.holder.fulfil_via and asked.scope is not Scope.EXISTING:
        why = f"{name} is open only with a consent by {edition.holder.id}"
        return _said(VerdictKind.FORBID, None, why)
    if cut is not None:
        permit, clause = cut
        why = f"{permit.id} takes {work} on {name} out of {clause.id}"
        return _allowed(AllowedBy.CARVE_OUT, permit, why)
    permit = _first_live(edition.permits(work), asked)
    why = f"{permit.id} permits it" if permit else f"no clause holds {work} back from {name}"
    return _allowed(AllowedBy.FREE, permit, why)


def _first_live(permits: tuple[Clause, ...], asked: Question) -> Clause | None:
    for permit in permits:
        if permit.applies(asked):
            return permit
    return None


def _consent(edition: Edition, clause: Clause, asked: Question) -> Consent | None:
    for consent in edition.consents_to(clause):
        if consent.covers(asked):
            return consent
    return None


def _said(
    answer: VerdictKind, clause: Clause | None, why: str, consent: str | None = None
) -> Verdict:
    return Verdict(
        answer=answer,
        reads_as=answer,
        clause=clause.id if clause else None,
        because=why,
        consent=consent,
    )


def _allowed(
    basis: AllowedBy, clause: Clause | None, why: str, *, consent: str | None = None
) -> Verdict:
    return Verdict(
        answer=VerdictKind.ALLOW,
        reads_as=VerdictKind.ALLOW,
        clause=clause.id if clause else None,
        because=why,
        basis=basis,
        consent=consent,
    )
