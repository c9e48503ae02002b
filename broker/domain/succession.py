"""From one lease of a unit to the next: renewed in place, or fenced and cut over (T25 to T27)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.commitment import Commitment, CommitmentState
from broker.domain.decision import EndTerm, MoveOver, SeekRenewal, Succession
from broker.domain.draw import MICROSECOND, billed, cost
from broker.domain.heirs import beget, bind, leased, stay
from broker.domain.job import Claim, Unit, UnitState, Why
from broker.domain.machine import Machine, MachineState, RunState
from broker.domain.offering import withdraw
from broker.domain.spill import drop_commitments, want_machines
from broker.domain.values import Usd

MOVED: Final = "migrated"
"""Why a machine ends whose lease was fenced."""
EXPIRED: Final = "expired"
"""Why one ends whose lease's term is over."""
FENCED: Final = frozenset({MOVED, EXPIRED})
"""Ends of a lease whose reports count no more."""
GRACE: Final = timedelta(seconds=30)
"""How long a command has to stop, and to write its checkpoint, before its machine is ended."""
_BOUND: Final = frozenset({UnitState.ACCEPTED, UnitState.COMMITTED})


def follow(case: Case, decision: Succession) -> None:
    """Carry out what was decided about a lease that lives."""
    match decision:
        case SeekRenewal(units=units):
            seek_renewal(case, units)
        case MoveOver(unit=unit):
            move_over(case, unit)
        case EndTerm(unit=unit):
            end_term(case, unit)
        case _:
            assert_never(decision)


def seek_renewal(case: Case, units: tuple[int, ...]) -> None:
    """T27: the terms of their leases end soon; what follows is sought as new capacity is."""
    for index in units:
        machine = leased(case, case.job.units[index])
        assert machine is not None  # noqa: S101 - an active unit has its machine
        beget(case, index, Claim(Why.RENEWAL, machine.place, case.now))
    case.tell(events.RenewalDue(job=case.job.id, units=units))
    case.set_job(due_at=case.now)


def prolong(case: Case, commitment: Commitment) -> None:
    """The lease goes on where it is, in its epoch, under the new commitment and for a new term.

    What it came to until now is billed under the old one; from here on the new one's price counts.
    """
    (index,) = commitment.units
    unit = case.job.units[index]
    machine, heir = leased(case, unit), unit.heir
    assert machine is not None and heir is not None and unit.lease is not None  # noqa: S101, PT018
    since = unit.term.until if unit.term else case.now
    term = commitment.under.term(since) if commitment.under else None
    before = case.commitments.get(machine.commitment) if machine.commitment else None
    price = commitment.terms.price_usd_hour or machine.price_usd_hour
    case.put_machine(
        altered(machine, commitment=commitment.id, price_usd_hour=price, billed_at=case.now)
    )
    _settle(case, machine, price)
    case.put_unit(
        altered(unit, heir=None, commitment=commitment.id, release=heir.release, term=term)
    )
    case.put_commitment(altered(commitment, state=CommitmentState.LIVE))
    if before is not None and all(m.state.over for m in case.machines_of(before.id)):
        case.put_commitment(altered(before, state=CommitmentState.ENDED))
    case.tell(
        events.LeaseRenewed(
            job=case.job.id,
            unit=index,
            epoch=unit.epoch,
            lease=unit.lease,
            commitment=commitment.id,
            term_until=term.until if term else None,
        )
    )
    if before is not None:
        case.tell(billed(case.job, machine, before, case.now, goes_on=True))


def _settle(case: Case, machine: Machine, price: Usd) -> None:
    """What a machine costs is counted from its start at its last price: make up for the old one."""
    if machine.up_at is not None and price != machine.price_usd_hour:
        up_us = (case.now - machine.up_at) // MICROSECOND
        owed = Usd(cost(machine.price_usd_hour, up_us) - cost(price, up_us))
        case.spent.append((machine.place.provider, owed))


def end_term(case: Case, index: int) -> None:
    """Nothing has renewed the lease: it is over, and its unit goes back once its command stops."""
    disinherit(case, index, EXPIRED, keep_bound=True)
    _fence(case, case.job.units[index], EXPIRED)


def move_over(case: Case, index: int) -> None:
    """T24: the notice is over; prepare the machine that the holder has kept since it asked."""
    heir = case.job.units[index].heir
    commitment = case.commitments.get(heir.commitment) if heir and heir.commitment else None
    assert commitment is not None  # noqa: S101 - it is bound when it is asked
    bind(case, (index,))
    want_machines(case, commitment, commitment.terms.price_usd_hour, case.now)


def make_way(case: Case, commitment: Commitment) -> bool:
    """T25: fence the leases that its machines are to follow; whether none of them runs any more."""
    for index in commitment.units:
        unit = case.job.units[index]
        if unit.heir is not None and unit.lease is not None:
            _fence(case, unit, MOVED)
    return all(case.job.units[index].heir is None for index in commitment.units)


def _fence(case: Case, unit: Unit, because: str) -> None:
    """From here on the lease counts no more, whatever its agent says."""
    old = leased(case, unit)
    assert unit.lease is not None  # noqa: S101 - asked by the caller
    case.tell(
        events.LeaseFenced(job=case.job.id, unit=unit.index, epoch=unit.epoch, lease=unit.lease)
    )
    case.put_unit(altered(unit, lease=None))
    if old is None or old.run is RunState.ENDED:
        succeed(case, unit.index)
    else:
        _stop(case, old, because)


def _stop(case: Case, machine: Machine, because: str) -> None:
    """Let the command end by itself first, where one runs."""
    if machine.run is not RunState.RUNNING:
        case.give_back(machine, because)
    elif not machine.stopping:
        stop_by = case.now + GRACE
        case.put_machine(altered(machine, stopping=True, because=because, due_at=stop_by))


def stopped(case: Case, machine: Machine) -> Commitment | None:
    """The process of a fenced lease is over: returns the commitment that may go live for it."""
    unit = case.job.units[machine.unit]
    waits = unit.state in (UnitState.ACTIVE, UnitState.MIGRATING) and unit.lease is None
    if not waits or unit.epoch != machine.epoch:
        return None
    succeed(case, machine.unit)
    return ready(case, machine.unit)


def ready(case: Case, index: int) -> Commitment | None:
    """The unit's commitment, if it only waited for leases to end and all its machines are there."""
    named = case.job.units[index].commitment
    commitment = case.commitments.get(named) if named else None
    if commitment is None or commitment.state is not CommitmentState.MADE:
        return None
    there = {
        m.unit
        for m in case.machines_of(commitment.id)
        if m.lease is None and m.state is MachineState.RUNNING
    }
    return commitment if there >= set(commitment.units) else None


def succeed(case: Case, index: int) -> None:
    """The unit's lease is over: its heir takes its place, and with it whoever is bound to it."""
    disinherit(case, index, "lease over", keep_bound=True)
    unit = case.job.units[index]
    heir = unit.heir or Unit(index=index)
    case.move_leased(
        index,
        heir.state,
        lease=None,
        term=None,
        heir=None,
        offer=heir.offer,
        release=heir.release,
        commitment=heir.commitment,
    )
    case.set_job(due_at=case.now)


def disinherit(case: Case, index: int, why: str, *, keep_bound: bool = False) -> None:
    """Seek no successor any more. A supplier that is preparing a machine may be kept to it."""
    unit = case.job.units[index]
    heir = unit.heir
    if heir is None:
        return
    if heir.state in _BOUND:
        if keep_bound and unit.state is UnitState.MIGRATING:
            return
        bound = case.commitments.get(heir.commitment) if heir.commitment else None
        others = bound.units if bound else (index,)
        drop_commitments(case, (index,), why)
        stay(case, others, why)
        for other in others:
            case.put_unit(altered(case.job.units[other], heir=None))
        return
    if heir.state is UnitState.OFFERED and heir.offer is not None:
        withdraw(case, case.offers[heir.offer], why)
        case.set_job(due_at=case.now)
    elif heir.state is UnitState.RELEASED:
        case.tell(events.ReleaseExpired(job=case.job.id, units=(index,), why=why))
    case.put_unit(altered(case.job.units[index], heir=None))
