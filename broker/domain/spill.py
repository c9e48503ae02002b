"""Spillover: what a release allows, and how a commitment to a supplier is made and fails."""

from __future__ import annotations

from datetime import datetime

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.clause import PoolView
from broker.domain.commitment import Commitment, CommitmentState, LeaseRules
from broker.domain.decision import Commit
from broker.domain.draw import drawn_from
from broker.domain.heirs import bind, stay
from broker.domain.job import UnitState
from broker.domain.machine import Machine, machine_name
from broker.domain.market import Place, Pool, PoolKind
from broker.domain.release import Basis, Release
from broker.domain.terms import Terms
from broker.domain.values import CommitmentId, OfferId, Purchase, Usd
from broker.domain.verdict import VerdictKind, verdict
from broker.domain.workload import Scope


def release_units(
    case: Case, units: tuple[int, ...], release: Release, *, again: bool = False
) -> None:
    """Give units their freedom, or give it back, and look at them at once."""
    case.tell(
        events.UnitsReleased(
            job=case.job.id,
            units=units,
            basis=release.basis,
            offer=release.offer,
            ceiling=release.ceiling,
            tail_until=release.tail_until,
            cites=release.cites,
            again=again,
        )
    )
    case.move(units, UnitState.RELEASED, offer=None, release=release.number, commitment=None)
    stay(case, units, release.basis)
    if again:
        case.set_job(due_at=case.now)
        return
    case.set_job(releases=(*case.job.releases, release), released=release.number, due_at=case.now)


def expire_release(case: Case, release: Release, why: str) -> tuple[int, ...]:
    """T20, T20b: the freedom is over; its uncommitted units are pending, and a new offer is due."""
    units = tuple(
        u.index
        for u in case.job.units
        if u.sought.release == release.number and u.sought.state is UnitState.RELEASED
    )
    if units:
        case.tell(events.ReleaseExpired(job=case.job.id, units=units, why=why))
        case.move(units, UnitState.PENDING, release=None)
    case.set_job(
        releases=tuple(
            r
            for r in case.job.releases
            if r.number != release.number
            or any(u.sought.release == r.number for u in case.job.units)
        )
    )
    return units


def commit_third_party(case: Case, decision: Commit, list_id: str) -> Commitment:
    """T1, T19: bind units to a third party's place, and write down the machines it is asked for."""
    place = decision.pool.place
    commitment = Commitment(
        id=CommitmentId(case.new_id("com")),
        job=case.job.id,
        units=decision.units,
        place=place,
        pool_kind=decision.pool.kind,
        terms=decision.terms,
        basis=decision.basis,
        cites=decision.cites,
        release=decision.release,
        gpus=decision.pool.gpus,
        draws=drawn_from(
            decision.edition,
            case.job.workload,
            decision.pool,
            case.now,
            Scope.NEW if decision.renews is None else Scope.RENEWAL,
        ),
        made_at=case.now,
        under=lease_rules(case, decision),
    )
    case.tell(
        events.ThirdPartyCommitted(
            commitment=commitment.id,
            job=case.job.id,
            units=decision.units,
            provider=place.provider,
            pool_kind=decision.pool.kind,
            region=place.region,
            sku=place.sku,
            purchase=place.purchase,
            terms=decision.terms,
            agreement=case.job.agreement,
            edition=decision.edition.id,
            basis=decision.basis,
            cites=decision.cites,
            list_id=list_id,
            passed_over=decision.passed_over,
            renews=decision.renews,
        )
    )
    case.move(decision.units, UnitState.COMMITTED, commitment=commitment.id)
    case.put_commitment(commitment)
    if decision.renews is None:
        want_machines(case, commitment, decision.pool.price_usd_hour, case.now)
    return commitment


def lease_rules(case: Case, decision: Commit) -> LeaseRules | None:
    """What the edition says of a lease there: when it is renewed, whether it may be asked back."""
    edition = decision.edition
    if not edition.follows_leases or decision.pool.place.purchase is Purchase.RESERVED:
        return None
    work, pool = case.job.workload, decision.pool
    view = PoolView(pool.place.provider.value, pool.kind)
    tags = frozenset(work.tags)
    rights = {clause.id: clause.right for clause in edition.clauses}
    for scope in (Scope.RENEWAL, Scope.NEW):
        said = verdict(edition, work.work_class, tags, view, scope, case.now)
        right = rights.get(said.clause or "")
        if right is not None and said.reads_as is VerdictKind.OFFER:
            return LeaseRules(
                edition=edition.id,
                clause=said.clause or "",
                lease=right.lease if scope is Scope.RENEWAL else None,
                reclaim_notice_s=right.reclaim_notice_s,
            )
    return None


def commit_holder(
    case: Case,
    units: tuple[int, ...],
    pool: Pool,
    terms: Terms,
    edition: str,
    offer: OfferId | None,
    holds: tuple[str, ...] = (),
) -> Commitment:
    """Bind the holder to units it accepted, or, where its pool is free, has simply been given."""
    kind = PoolKind.HOLDER_VIA if pool.via else PoolKind.HOLDER
    commitment = Commitment(
        id=CommitmentId(case.new_id("com")),
        job=case.job.id,
        units=units,
        place=pool.place,
        pool_kind=kind,
        terms=terms,
        offer=offer,
        holds=holds,
        basis=None if offer else Basis.FREE,
        gpus=pool.gpus,
        draws=case.offers[offer].draws.get(pool.place.provider) if offer else None,
        made_at=case.now,
    )
    place = pool.place
    case.tell(
        events.HolderCommitted(
            commitment=commitment.id,
            job=case.job.id,
            units=units,
            provider=place.provider,
            pool_kind=kind,
            region=place.region,
            sku=place.sku,
            purchase=place.purchase,
            terms=terms,
            agreement=case.job.agreement,
            edition=edition,
            offer=offer,
            holds=holds,
            via=pool.via,
        )
    )
    if offer is None:
        case.move(units, UnitState.COMMITTED, commitment=commitment.id)
    else:
        case.bind(units, commitment.id)
        bind(case, units)
    return case.put_commitment(commitment)


def want_machines(case: Case, commitment: Commitment, price: Usd | None, at: datetime) -> None:
    """Write down the intent to buy one machine for each unit: before any call, never after."""
    for unit in commitment.units:
        case.put_machine(
            Machine(
                name=machine_name(commitment.id, unit, commitment.place, commitment.attempt),
                job=case.job.id,
                unit=unit,
                place=commitment.place,
                price_usd_hour=price or Usd(0),
                max_price_usd_hour=price_cap(case, commitment.place, _ceiling(case, commitment)),
                together=len(commitment.units),
                commitment=commitment.id,
                owed=bool(commitment.offer or commitment.holds),
                wanted_at=case.now,
                due_at=at,
            )
        )


def price_cap(case: Case, place: Place, noticed: Usd | None) -> Usd | None:
    """The most that may be paid on spot: what the holder was noticed, and the job's own limit."""
    if not place.interruptible:
        return None
    bounds = (noticed, case.job.workload.limits.max_price_usd_hour)
    return min((price for price in bounds if price is not None), default=None)


def _ceiling(case: Case, commitment: Commitment) -> Usd | None:
    """The price that the notice named which the commitment stands on."""
    offer = case.offers.get(commitment.offer) if commitment.offer else None
    if offer is not None:
        return offer.terms.price_usd_hour
    release = next((r for r in case.job.releases if r.number == commitment.release), None)
    return release.ceiling.price_usd_hour if release else None


def fail_commitment(case: Case, commitment: Commitment, reason: str, code: str) -> None:
    """T22: the supplier does not deliver; its units go back to where the commitment found them.

    Only for a commitment that no accepted offer binds: a holder that accepted stays bound until
    it delivers or defaults.
    """
    _close(case, commitment, reason, code)
    case.move(
        commitment.units,
        UnitState.PENDING if commitment.release is None else UnitState.RELEASED,
        commitment=None,
        release=commitment.release,
    )
    stay(case, commitment.units, reason)
    case.set_job(due_at=case.now)


def drop_commitments(case: Case, units: tuple[int, ...], reason: str) -> None:
    """End the commitments of these units because nothing is to be delivered under them any more."""
    for commitment in list(case.commitments.values()):
        if commitment.state is CommitmentState.MADE and set(commitment.units) & set(units):
            _close(case, commitment, reason, "")


def _close(case: Case, commitment: Commitment, reason: str, code: str) -> None:
    case.tell(
        events.CommitmentFailed(
            commitment=commitment.id,
            job=case.job.id,
            units=commitment.units,
            provider=commitment.place.provider,
            reason=reason,
            code=code,
        )
    )
    case.put_commitment(altered(commitment, state=CommitmentState.FAILED))
    for machine in case.machines_of(commitment.id):
        case.give_back(machine, reason)


def deliver_again(case: Case, commitment: Commitment, at: datetime) -> None:
    """A holder that accepted did not deliver yet: ask it once more, with machines of new names."""
    for machine in case.machines_of(commitment.id):
        case.give_back(machine, "asked again")
    again = case.put_commitment(altered(commitment, attempt=commitment.attempt + 1))
    want_machines(case, again, commitment.terms.price_usd_hour, at)
