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
    """T16, T23: every machine of the commitment is there; lease each to its unit."""
    there = (m for m in case.machines_of(commitment.id) if m.state is MachineState.RUNNING)
    machines = {machine.unit: machine for machine in there}
    for index in commitment.units:
        unit = case.job.units[index]
        epoch = unit.epoch + 1
        lease = LeaseId(f"{case.job.id}.{index}.{epoch}")
        leased = altered(machines[index], lease=lease, epoch=epoch, leased_at=case.now)
        case.put_machine(leased)
        case.move((index,), UnitState.ACTIVE, epoch=epoch, lease=lease)
        case.tell(
            events.LeaseActivated(
                job=case.job.id,
                unit=index,
                epoch=epoch,
                provider=commitment.place.provider,
                lease=lease,
                commitment=commitment.id,
                price_usd_hour=machines[index].price_usd_hour,
            )
        )
    case.put_commitment(altered(commitment, state=CommitmentState.LIVE))
    offer = case.offers.get(commitment.offer) if commitment.offer else None
    if offer is not None and not owed(case, offer):
        fulfil(case, offer)


def started(case: Case, machine: Machine) -> None:
    """The agent says that the command runs."""
    case.put_machine(altered(machine, run=RunState.RUNNING))
    if case.job.state is JobState.QUEUED:
        case.set_job(state=JobState.RUNNING, started_at=case.job.started_at or case.now)
        case.tell(events.JobStarted(job=case.job.id))


def exited(case: Case, machine: Machine, exit_code: int, *, timed_out: bool = False) -> None:
    """The command has ended on one machine; the last one ends the job, and so does a failure."""
    if machine.run is RunState.ENDED or machine.because in _REQUEUED:
        return
    ended = case.put_machine(altered(machine, run=RunState.ENDED, exit_code=exit_code))
    units = list(case.job.units)
    units[machine.unit] = altered(units[machine.unit], exit_code=exit_code)
    case.set_job(units=tuple(units))
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
    if requeue:
        _requeue(case, machine, because)
    else:
        case.move((machine.unit,), UnitState.DONE, lease=None)
    if commitment is not None and all(m.state.over for m in case.machines_of(commitment.id)):
        case.put_commitment(altered(commitment, state=CommitmentState.ENDED))


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
                up_at=None,
                wanted_at=case.now,
                due_at=case.now + DELIVER_AGAIN,
            )
        )


def _requeue(case: Case, machine: Machine, because: str) -> None:
    """A lost unit goes back through the agreement; a gang goes back whole."""
    case.move(
        (machine.unit,), UnitState.PENDING, lease=None, commitment=None, offer=None, release=None
    )
    case.set_job(due_at=case.now)
    if machine.because == "regrouped":
        return
    case.set_job(losses=case.job.losses + 1)
    if case.job.losses > LOSSES_BORNE:
        reason = f"lost {case.job.losses} machines, the last one: {because or 'it was gone'}"
        failed = events.JobFailed(job=case.job.id, reason=reason, exit_code=None)
        close(case, failed, JobState.FAILED, reason=reason)
    elif case.job.workload.gang and any(u.exit_code is not None for u in case.job.units):
        reason = f"lost unit {machine.unit} of its gang after another had finished"
        failed = events.JobFailed(job=case.job.id, reason=reason, exit_code=None)
        close(case, failed, JobState.FAILED, reason=reason)
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
    drop_commitments(case, waiting, state)
    case.move(waiting, UnitState.UNMET if state is JobState.UNMET else UnitState.CANCELLED)
    for machine in list(case.machines.values()):
        if machine.run is RunState.RUNNING and not machine.state.over and machine.because == "":
            stop_by = case.now + timedelta(seconds=grace_s)
            case.put_machine(altered(machine, stopping=True, because=state, due_at=stop_by))
        else:
            case.give_back(machine, state)
    case.tell(fact)
    case.end(state, reason=reason, exit_code=exit_code)
