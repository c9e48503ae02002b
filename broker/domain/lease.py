"""From a machine that is there to a job that has ended: leases, runs, losses and ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.commitment import Commitment, CommitmentState
from broker.domain.draw import billed
from broker.domain.event import Event
from broker.domain.job import JobState, UnitState
from broker.domain.machine import Machine, MachineState, RunState, machine_name
from broker.domain.offering import fulfil, owed, withdraw
from broker.domain.spill import deliver_again, drop_commitments, fail_commitment
from broker.domain.succession import (
    FENCED,
    disinherit,
    make_way,
    ready,
    stopped,
    succeed,
)
from broker.domain.values import LeaseId

DELIVER_AGAIN: Final = timedelta(seconds=10)
"""How soon a supplier whose machine came to nothing is asked for another."""
_REQUEUED: Final = frozenset({"lost", "regrouped"})
"""Ends of a lease after which the unit goes back; how its command ended is then no matter."""

SIBLINGS_GRACE_S: Final = 10
"""How long the other units of a job have to stop when one has failed."""
LOSSES_BORNE: Final = 3
"""How many machines a job may lose before it fails of it."""


def activate(case: Case, commitment: Commitment) -> None:
    """T16, T23, T25: every machine of the commitment is there; lease each to its unit.

    Where leases live that they are to follow, those are fenced first, and nothing is leased before
    their commands have stopped.
    """
    if not make_way(case, commitment):
        return
    there = (m for m in case.machines_of(commitment.id) if m.state is MachineState.RUNNING)
    machines = {machine.unit: machine for machine in there}
    for index in commitment.units:
        unit = case.job.units[index]
        epoch = unit.epoch + 1
        lease = LeaseId(f"{case.job.id}.{index}.{epoch}")
        leased = altered(machines[index], lease=lease, epoch=epoch, leased_at=case.now)
        case.put_machine(leased)
        term = commitment.under.term(case.now) if commitment.under else None
        case.move((index,), UnitState.ACTIVE, epoch=epoch, lease=lease, term=term)
        if term is not None:
            case.set_job(due_at=min(case.job.due_at or term.renew_at, term.renew_at))
        case.tell(
            events.LeaseActivated(
                job=case.job.id,
                unit=index,
                epoch=epoch,
                provider=commitment.place.provider,
                lease=lease,
                commitment=commitment.id,
                price_usd_hour=machines[index].price_usd_hour,
                term_until=term.until if term else None,
            )
        )
    case.put_commitment(altered(commitment, state=CommitmentState.LIVE))
    offer = case.offers.get(commitment.offer) if commitment.offer else None
    if offer is not None and not owed(case, offer):
        fulfil(case, offer)


def started(case: Case, machine: Machine) -> None:
    """The agent says that the command runs."""
    case.put_machine(altered(machine, run=RunState.RUNNING))
    if case.job.state.over or machine.lease != case.job.units[machine.unit].lease:
        return  # its lease is fenced, or its job over: it has been told to stop
    if case.job.state is JobState.QUEUED:
        case.set_job(state=JobState.RUNNING, started_at=case.job.started_at or case.now)
        case.tell(events.JobStarted(job=case.job.id))
    assert machine.lease is not None  # noqa: S101 - only a leased machine has work
    case.tell(
        events.UnitStarted(
            job=case.job.id, unit=machine.unit, epoch=machine.epoch, lease=machine.lease
        )
    )


def exited(case: Case, machine: Machine, exit_code: int, *, timed_out: bool = False) -> None:
    """The command has ended on one machine; the last one ends the job, and so does a failure."""
    if machine.run is RunState.ENDED or machine.because in _REQUEUED:
        return
    if machine.because in FENCED:
        case.give_back(case.put_machine(altered(machine, run=RunState.ENDED)), machine.because)
        _make_room(case, machine)
        return
    ended = case.put_machine(altered(machine, run=RunState.ENDED, exit_code=exit_code))
    units = list(case.job.units)
    units[machine.unit] = altered(units[machine.unit], exit_code=exit_code)
    case.set_job(units=tuple(units))
    if exit_code == 0:
        disinherit(case, machine.unit, "finished")
    case.give_back(ended, "finished" if exit_code == 0 else "failed")
    if case.job.state.over:
        return
    if exit_code != 0:
        limit_s = case.job.workload.timeout_s
        over = f"the time limit of {limit_s} s was over on unit {machine.unit}"
        why = over if timed_out else f"unit {machine.unit} exited with {exit_code}"
        close(
            case,
            events.JobFailed(job=case.job.id, reason=why, exit_code=exit_code),
            JobState.FAILED,
            reason=why,
            exit_code=exit_code,
            grace_s=SIBLINGS_GRACE_S,
        )
    elif all(unit.exit_code is not None for unit in units):
        close(
            case,
            events.JobFinished(job=case.job.id, exit_code=0),
            JobState.FINISHED,
            exit_code=0,
        )


def gone(case: Case, machine: Machine, because: str) -> None:
    """The cloud confirms that a machine is no more. Its lease ends; one we did not end is lost."""
    cause = machine.because or "lost"
    case.put_machine(altered(machine, state=MachineState.GONE, because=cause, due_at=None))
    if machine.lease is None or machine.commitment is None:
        return
    requeue = cause in _REQUEUED and not case.job.state.over
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
        case.tell(billed(case.job, machine, machine.lease, commitment, case.now))
    if machine.lease != case.job.units[machine.unit].lease:
        _make_room(case, machine)  # fenced before: another lease has its unit, or will have
    elif requeue:
        _requeue(case, machine, because)
    else:
        case.move((machine.unit,), UnitState.DONE, lease=None)
    if commitment is not None and all(m.state.over for m in case.machines_of(commitment.id)):
        case.put_commitment(altered(commitment, state=CommitmentState.ENDED))


def _make_room(case: Case, machine: Machine) -> None:
    """The process of a fenced lease is over."""
    _follow(case, stopped(case, machine))
    if not case.job.state.over and _broken(case):
        _fail_broken(case, f"the lease of unit {machine.unit} ran out after another had finished")


def _broken(case: Case) -> bool:
    """Whether the job is a gang of which some have finished and others would start again."""
    again = (UnitState.PENDING, UnitState.ACCEPTED, UnitState.COMMITTED)
    finished = any(unit.exit_code is not None for unit in case.job.units)
    return case.job.workload.gang and finished and bool(case.job.in_state(*again))


def _fail_broken(case: Case, reason: str) -> None:
    failed = events.JobFailed(job=case.job.id, reason=reason, exit_code=None)
    close(case, failed, JobState.FAILED, reason=reason)


def _follow(case: Case, commitment: Commitment | None) -> None:
    """The last lease that a commitment waited for is over."""
    if commitment is not None:
        activate(case, commitment)


def vanished(case: Case, machine: Machine, because: str) -> None:
    """A machine that was there, or nearly, is no more: a loss, and never a refusal of its place."""
    gone(case, machine, because)
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


def _requeue(case: Case, machine: Machine, because: str) -> None:
    """A lost unit goes back through the agreement; a gang goes back whole."""
    succeed(case, machine.unit)
    _follow(case, ready(case, machine.unit))
    if machine.because == "regrouped":
        return
    case.set_job(losses=case.job.losses + 1)
    if case.job.losses > LOSSES_BORNE:
        reason = f"lost {case.job.losses} machines, the last one: {because or 'it was gone'}"
        failed = events.JobFailed(job=case.job.id, reason=reason, exit_code=None)
        close(case, failed, JobState.FAILED, reason=reason)
    elif case.job.workload.gang and any(u.exit_code is not None for u in case.job.units):
        _fail_broken(case, f"lost unit {machine.unit} of its gang after another had finished")
    elif case.job.workload.gang:
        for sibling in list(case.machines.values()):
            if sibling.lease is not None:
                case.give_back(sibling, "regrouped")


def cancel(case: Case, reason: str, grace_s: int) -> None:
    """T13, T18: the tenant wants it no more."""
    fact = events.JobCancelled(job=case.job.id, reason=reason)
    close(case, fact, JobState.CANCELLED, reason=reason, grace_s=grace_s)


def unmet(case: Case, reason: str) -> None:
    """T28: patience is over before the units were found."""
    fact = events.JobUnmet(job=case.job.id, reason=reason)
    close(case, fact, JobState.UNMET, reason=reason)


def close(
    case: Case,
    fact: Event,
    state: JobState,
    *,
    reason: str = "",
    exit_code: int | None = None,
    grace_s: int = 0,
) -> None:
    """End the job for good: let go of all that it still holds, and tell the fact last.

    Machines on which a command runs are told to stop, and are ended after the grace.
    """
    for offer in list(case.offers.values()):
        if offer.state.undecided:
            withdraw(case, offer, "cancelled")
        elif not offer.state.over:
            case.put_offer(altered(offer, due_at=None))
    waiting = case.job.in_state(
        UnitState.PENDING, UnitState.RELEASED, UnitState.ACCEPTED, UnitState.COMMITTED
    )
    heirs = tuple(unit.index for unit in case.job.units if unit.heir is not None)
    drop_commitments(case, (*waiting, *heirs), state)
    for index in heirs:
        case.put_unit(altered(case.job.units[index], heir=None))
    for index in case.job.in_state(UnitState.ACTIVE, UnitState.MIGRATING):
        if case.job.units[index].lease is None:
            case.move((index,), UnitState.CANCELLED)
        elif case.job.units[index].state is UnitState.MIGRATING:
            case.move((index,), UnitState.ACTIVE)
    case.move(waiting, UnitState.UNMET if state is JobState.UNMET else UnitState.CANCELLED)
    for machine in list(case.machines.values()):
        if machine.run is RunState.RUNNING and not machine.state.over and machine.because == "":
            stop_by = case.now + timedelta(seconds=grace_s)
            case.put_machine(altered(machine, stopping=True, because=state, due_at=stop_by))
        else:
            case.give_back(machine, state)
    case.tell(fact)
    case.end(state, reason=reason, exit_code=exit_code)
