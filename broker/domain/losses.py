"""Machines that are no more, and what becomes of their units: back through the agreement."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.commitment import CommitmentState
from broker.domain.draw import MICROSECOND, billed, cost
from broker.domain.job import JobState, Unit, UnitState, Why
from broker.domain.lease import (
    DELIVER_AGAIN,
    PREEMPTED,
    REQUEUED,
    close,
    fail_broken,
    let_follow,
    make_room,
)
from broker.domain.machine import Machine, MachineState, machine_name
from broker.domain.release import Basis, Release
from broker.domain.spill import deliver_again, fail_commitment, release_units
from broker.domain.succession import disinherit, ready, succeed

LOSSES_BORNE: Final = 3
"""How many machines a job may lose before it fails of it; those taken back count apart."""
_HOLDS_ON: Final = frozenset({Basis.REFUSAL, Basis.LAPSE})
"""Bases of a release whose units go back under it; the others are judged anew as they stand."""


def noticed(case: Case, machine: Machine, until: datetime, said: str) -> None:
    """Its cloud will take the machine back: we look for ourselves when that time has come."""
    told = machine.noticed_until is not None or machine.state.over
    if (
        told
        or not machine.place.interruptible
        or machine.lease is None
        or machine.lease != case.job.units[machine.unit].lease
    ):
        return
    due_at = machine.due_at if machine.stopping else until
    case.put_machine(altered(machine, noticed_until=until, due_at=due_at))
    case.tell(
        events.InterruptionNoticed(
            job=case.job.id,
            unit=machine.unit,
            epoch=machine.epoch,
            lease=machine.lease,
            provider=machine.place.provider,
            until=until,
            said=said,
        )
    )


def gone(case: Case, machine: Machine, because: str, *, preempted: bool = False) -> None:
    """The cloud confirms that a machine is no more. Its lease ends; one we did not end is lost.

    Where its cloud has said that it takes the machine back, the end is a preemption.
    """
    taken = preempted or machine.noticed_until is not None
    cause = machine.because or (PREEMPTED if taken else "lost")
    case.put_machine(altered(machine, state=MachineState.GONE, because=cause, due_at=None))
    if machine.up_at is not None:
        spent = cost(machine.price_usd_hour, (case.now - machine.up_at) // MICROSECOND)
        case.spent.append((machine.place.provider, spent))
    if machine.lease is None or machine.commitment is None:
        return
    requeue = cause in REQUEUED and not case.job.state.over
    heir = case.job.units[machine.unit].heir
    wanted = bool(heir and heir.claim and heir.claim.why is Why.RECLAIM)
    if machine.lease == case.job.units[machine.unit].lease:
        disinherit(case, machine.unit, cause, keep_bound=requeue)
    case.tell(
        events.LeaseEnded(
            job=case.job.id,
            unit=machine.unit,
            epoch=machine.epoch,
            provider=machine.place.provider,
            lease=machine.lease,
            commitment=machine.commitment,
            cause=cause,
            exit_code=machine.exit_code,
        )
    )
    commitment = case.commitments.get(machine.commitment)
    if commitment is not None:
        case.tell(billed(case.job, machine, commitment, case.now))
    if machine.lease != case.job.units[machine.unit].lease:
        make_room(case, machine)  # fenced before: another lease has its unit, or will have
    elif requeue:
        _requeue(case, case.machines[machine.name], because)
        if not wanted:  # else the holder, who has asked for it back, has its turn
            _resume(case, machine)
    else:
        case.move((machine.unit,), UnitState.DONE, lease=None)
    if commitment is not None and all(m.state.over for m in case.machines_of(commitment.id)):
        case.put_commitment(altered(commitment, state=CommitmentState.ENDED))


def vanished(case: Case, machine: Machine, because: str, *, preempted: bool = False) -> None:
    """A machine that was there, or nearly, is no more: a loss, and never a refusal of its place."""
    gone(case, machine, because, preempted=preempted)
    if machine.lease is not None:
        return
    offer = case.offers.get(machine.offer) if machine.offer else None
    commitment = case.commitments.get(machine.commitment) if machine.commitment else None
    if commitment is not None and not commitment.state.over:
        if commitment.offer is not None:
            deliver_again(case, commitment, case.now + DELIVER_AGAIN)
        else:
            fail_commitment(case, commitment, "lost", because)
    elif commitment is None and offer is not None and offer.state.undecided:
        case.put_machine(
            altered(
                machine,
                name=machine_name(machine.name, machine.unit, machine.place),
                state=MachineState.WANTED,
                handle=None,
                tries=0,
                in_vain=0,
                up_at=None,
                wanted_at=case.now,
                due_at=case.now + DELIVER_AGAIN,
            )
        )


def taken(case: Case, machine: Machine, because: str, *, preempted: bool) -> None:
    """It runs no more, or not for long: its lease ends when its cloud confirms that it is gone.

    So that nothing of it runs beside what follows it.
    """
    if machine.lease is None:
        vanished(case, machine, because, preempted=preempted)
    else:
        was = preempted or machine.noticed_until is not None
        case.give_back(machine, PREEMPTED if was else "lost")


def _requeue(case: Case, machine: Machine, because: str) -> None:
    """A lost unit goes back through the agreement; a gang goes back whole."""
    succeed(case, machine.unit)
    let_follow(case, ready(case, machine.unit))
    if machine.because != "regrouped":
        _count(case, machine)
        reason = _too_often(case, machine, because)
        if reason is not None:
            failed = events.JobFailed(job=case.job.id, reason=reason, exit_code=None)
            close(case, failed, JobState.FAILED, reason=reason)
            return
        if case.job.workload.gang and any(u.exit_code is not None for u in case.job.units):
            fail_broken(case, f"lost unit {machine.unit} of its gang after another had finished")
            return
        for sibling in list(case.machines.values()) if case.job.workload.gang else ():
            if sibling.lease is not None:
                case.give_back(sibling, "regrouped")


def _count(case: Case, machine: Machine) -> None:
    if machine.because == PREEMPTED:
        unit = case.job.units[machine.unit]
        case.put_unit(altered(unit, preempted=unit.preempted + 1))
    else:
        case.set_job(losses=case.job.losses + 1)


def _too_often(case: Case, machine: Machine, because: str) -> str | None:
    """Why the job bears no more of it; None while it does."""
    if machine.because != PREEMPTED:
        often = case.job.losses
        last = because or "it was gone"
        return f"lost {often} machines, the last one: {last}" if often > LOSSES_BORNE else None
    gang, borne = case.job.workload.gang, case.job.workload.retry.preempted
    units = case.job.units if gang else (case.job.units[machine.unit],)
    often = sum(unit.preempted for unit in units)
    if often <= borne:
        return None
    who = "its gang" if gang else f"unit {machine.unit}"
    times = "once" if often == 1 else f"{often} times"
    last = f"the last time at {machine.place}"
    return f"{who} was preempted {times}, and retry.preempted is {borne}; {last}"


def _resume(case: Case, machine: Machine) -> None:
    """Units that nobody is to be asked about again go back under the release they were placed by.

    A gang goes back when the last of its leases has ended.
    """
    commitment = case.commitments.get(machine.commitment) if machine.commitment else None
    if case.job.state.over:
        return
    release = _standing(case, commitment.release if commitment else None)
    units = case.job.units if case.job.workload.gang else (case.job.units[machine.unit],)
    if release is not None and all(map(_free, units)):
        release_units(case, tuple(unit.index for unit in units), release, again=True)


def _standing(case: Case, number: int | None) -> Release | None:
    found = next((r for r in case.job.releases if r.number == number), None)
    if found is None or found.basis not in _HOLDS_ON or found.over(case.now):
        return None
    return found


def _free(unit: Unit) -> bool:
    """Whether nothing is sought for it, nor anybody bound."""
    return unit.state is UnitState.PENDING and unit.lease is None and unit.heir is None
