"""The holder asks back a unit that went elsewhere under its release (design T24)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from broker.domain import events
from broker.domain.agreement import Edition
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.commitment import Commitment, LeaseRules
from broker.domain.draw import drawn_from
from broker.domain.heirs import beget
from broker.domain.job import Claim, Unit, UnitState, Why
from broker.domain.key import Role, Shown
from broker.domain.market import Pool
from broker.domain.options import at
from broker.domain.spill import commit_holder
from broker.domain.values import JobId, Purchase
from broker.ports import Lock, Store, Transaction
from broker.steps.authority import authorised
from broker.steps.rulebook import Rulebook


class NotReclaimed(StrEnum):
    """Why a unit stays where it is."""

    NO_SUCH_UNIT = "no_such_unit"
    NOT_LEASED = "not_leased"
    UNDER_WAY = "under_way"
    NOT_RELEASED = "not_released"
    NO_CLAUSE = "no_clause"
    NOT_CHECKPOINTABLE = "not_checkpointable"
    GANG = "gang"
    CONFLICT = "conflict"
    """The holder may neither see nor run the tenant's work."""
    NO_SUCH_PLACE = "no_such_place"
    HOLD_TAKEN = "hold_taken"
    UNAUTHORISED = "unauthorised"
    """A key is needed, and none was shown."""
    FORBIDDEN = "forbidden"
    """The key that was shown gives no authority; the log says `unauthorised` of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What the holder keeps for the unit."""

    hold: str
    region: str
    sku: str
    purchase: Purchase = Purchase.ON_DEMAND
    by: str
    shown: Shown = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaim:
    """What became of the asking; one that was refused changed nothing but the log."""

    notice_until: datetime | None = None
    refused: NotReclaimed | None = None
    because: str = ""


_TOLD: Final = {NotReclaimed.FORBIDDEN: NotReclaimed.UNAUTHORISED}


def ask_back(
    job: JobId, unit: int, replacement: Replacement, store: Store, rules: Rulebook
) -> Reclaim:
    """Judge what the holder asks by how things stand. Raises KeyError for a job not known."""
    with store.transaction() as tx:
        case = tx.cases([job])[job]
        edition = rules.edition(case.job.agreement, tx.now)
        holder = edition.holder_pools if edition else ()
        bound = tx.bound_holds(holder, [replacement.hold])
        desk = edition.holder.id if edition else case.job.agreement
        shown = authorised(desk, Role.DESK, replacement.shown, tx)
        if shown.flaw:
            why = NotReclaimed.UNAUTHORISED if shown.missing else NotReclaimed.FORBIDDEN
            said = _no(why, shown.flaw)
        else:
            said = _barred(case, edition, tx) or _judge(
                case, unit, replacement, edition, rules, bound.get(replacement.hold)
            )
        if said.refused is not None:
            case.tell(
                events.ReclaimRefused(
                    job=job,
                    unit=unit,
                    why=_TOLD.get(said.refused, said.refused),
                    because=said.because,
                    by=replacement.by,
                )
            )
        tx.keep([case])
    return said


def _barred(case: Case, edition: Edition | None, tx: Transaction) -> Reclaim | None:
    """Whether the register keeps the tenant's work from the holder."""
    agreement, tenant = case.job.agreement, case.job.workload.tenant
    register = tx.registers([agreement], Lock.READ)[agreement]
    if edition is None or register.barred(tenant, case.now, edition).isdisjoint(
        edition.holder_pools
    ):
        return None
    because = f"{edition.holder.id} is in the conflict set of {tenant}, and gets none of its work"
    return _no(NotReclaimed.CONFLICT, because)


def _judge(
    case: Case,
    index: int,
    kept: Replacement,
    edition: Edition | None,
    rules: Rulebook,
    bound: str | None,
) -> Reclaim:
    if not 0 <= index < len(case.job.units):
        many = len(case.job.units)
        return _no(NotReclaimed.NO_SUCH_UNIT, f"unit: {case.job.id} has {many}, counted from 0")
    unit = case.job.units[index]
    made = case.commitments.get(unit.commitment) if unit.commitment else None
    if no := _stays(case, unit, made):
        return no
    assert made is not None and made.under is not None  # noqa: S101, PT018 - it would stay
    pool = _pool(case, kept, edition, rules)
    if edition is None or pool is None:
        place = f"{kept.region} {kept.sku}"
        return _no(NotReclaimed.NO_SUCH_PLACE, f"{place} is no pool of the holder's that fits")
    if bound is not None:
        return _no(NotReclaimed.HOLD_TAKEN, f"hold: {kept.hold} stands behind {bound} already")
    return _taken(case, index, kept, made.under, pool, edition)


def _stays(case: Case, unit: Unit, made: Commitment | None) -> Reclaim | None:
    """Why nobody may have the unit back, whatever is kept for it."""
    named, work = f"unit {unit.index}", case.job.workload
    released = made is not None and made.release is not None
    granted = made is not None and made.under and made.under.reclaim_notice_s is not None
    reasons = (
        (
            case.job.state.over or unit.lease is None or unit.exit_code is not None,
            NotReclaimed.NOT_LEASED,
            f"{named} runs nowhere just now",
        ),
        (
            unit.heir is not None or unit.state is not UnitState.ACTIVE,
            NotReclaimed.UNDER_WAY,
            f"what follows {named}'s lease is sought already",
        ),
        (not released, NotReclaimed.NOT_RELEASED, f"{named} was not released by the holder"),
        (not granted, NotReclaimed.NO_CLAUSE, f"the clause {named} is under grants no reclaim"),
        (
            work.gang,
            NotReclaimed.GANG,
            "a gang is moved whole or not at all, and this version moves none",
        ),
        (
            not work.checkpointable,
            NotReclaimed.NOT_CHECKPOINTABLE,
            "the job does not say that it can be stopped and started elsewhere",
        ),
    )
    return next((_no(why, because) for stays, why, because in reasons if stays), None)


def _no(why: NotReclaimed, because: str) -> Reclaim:
    return Reclaim(refused=why, because=because)


def _pool(case: Case, kept: Replacement, edition: Edition | None, rules: Rulebook) -> Pool | None:
    """The pool of the holder's in which the replacement lies, if it is one the job may have."""
    work = case.job.workload
    return next(
        (
            pool
            for pool in rules.pools
            if pool.place[1:] == (kept.region, kept.sku, kept.purchase)
            and edition is not None
            and edition.holds(pool.place.provider)
            and pool.fits(work.shape)
            and pool.within(work.limits)
        ),
        None,
    )


def _taken(
    case: Case, index: int, kept: Replacement, rules: LeaseRules, pool: Pool, edition: Edition
) -> Reclaim:
    """The replacement is bound at once; the machine is asked for when the notice is over."""
    unit = case.job.units[index]
    assert unit.lease is not None  # noqa: S101 - asked by the caller
    until = case.now + timedelta(seconds=rules.reclaim_notice_s or 0)
    case.tell(
        events.ReclaimAsked(
            job=case.job.id,
            unit=index,
            lease=unit.lease,
            agreement=case.job.agreement,
            edition=rules.edition,
            clause=rules.clause,
            hold=kept.hold,
            provider=pool.place.provider,
            region=pool.place.region,
            sku=pool.place.sku,
            purchase=pool.place.purchase,
            notice_until=until,
            by=kept.by,
        )
    )
    beget(case, index, Claim(Why.RECLAIM, pool.place, until, kept.hold))
    terms = at(pool, case.job.terms)
    made = commit_holder(case, (index,), pool, terms, edition.id, None, (kept.hold,))
    draws = drawn_from(edition, case.job.workload, pool, case.now)
    case.put_commitment(altered(made, draws=draws))
    case.set_job(due_at=min(case.job.due_at or until, until))
    return Reclaim(notice_until=until)
