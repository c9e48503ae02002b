"""From a machine that is there to a job that has ended: leases, runs and ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.commitment import Commitment, CommitmentState
from broker.domain.event import Event
from broker.domain.job import JobState, UnitState
from broker.domain.machine import Machine, MachineState, RunState
from broker.domain.offering import fulfil, owed, withdraw
from broker.domain.spill import drop_commitments
from broker.domain.succession import (
    FENCED,
    disinherit,
    make_way,
    stopped,
)
from broker.domain.values import LeaseId

DELIVER_AGAIN: Final = timedelta(seconds=10)
"""How soon a supplier whose machine came to nothing is asked for another."""
PREEMPTED: Final = "preempted"
"""Why a lease ends whose machine its cloud has taken back."""
REQUEUED: Final = frozenset({"lost", PREEMPTED, "regrouped"})
"""Ends of a lease after which the unit goes back; how its command ended is then no matter."""

_KILLED: Final = frozenset({137, 143})
"""How a command ends that is killed with its machine."""
IN_DOUBT: Final = timedelta(seconds=10)
"""How long it may take until a cloud says that it has taken the machine back."""
SIBLINGS_GRACE_S: Final = 10
"""How long the other units of a job have to stop when one has failed."""


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
    if machine.run is RunState.ENDED or machine.because in REQUEUED:
        return
    if machine.because in FENCED:
        case.give_back(case.put_machine(altered(machine, run=RunState.ENDED)), machine.because)
        make_room(case, machine)
        return
    ended = case.put_machine(altered(machine, run=RunState.ENDED, exit_code=exit_code))
    if exit_code != 0 and not timed_out and (why := _interrupted(case, machine)):
        case.give_back(ended, why)
        return
    if not timed_out and _perhaps_taken(case, ended):
        doubted = case.now + IN_DOUBT
        case.put_machine(altered(ended, noticed_until=doubted, due_at=case.now))
        return
    ended_by_itself(case, ended, exit_code, timed_out=timed_out)


def ended_by_itself(case: Case, ended: Machine, exit_code: int, *, timed_out: bool = False) -> None:
    """What the command ended with is its own doing."""
    machine = ended
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


def _perhaps_taken(case: Case, machine: Machine) -> bool:
    """Whether it was killed on a machine that its cloud may be taking back this very moment."""
    undisturbed = not machine.stopping and not machine.because and not case.job.state.over
    return machine.place.interruptible and machine.exit_code in _KILLED and undisturbed


def _interrupted(case: Case, machine: Machine) -> str | None:
    """Why a command that stopped is to go on elsewhere: a notice came, to it or to its gang."""
    if case.job.state.over:
        return None
    if machine.noticed_until is not None:
        return PREEMPTED
    gang = case.machines.values() if case.job.workload.gang else ()
    return "regrouped" if any(one.noticed_until and not one.state.over for one in gang) else None


def make_room(case: Case, machine: Machine) -> None:
    """The process of a fenced lease is over."""
    let_follow(case, stopped(case, machine))
    if not case.job.state.over and _broken(case):
        fail_broken(case, f"the lease of unit {machine.unit} ran out after another had finished")


def _broken(case: Case) -> bool:
    """Whether the job is a gang of which some have finished and others would start again."""
    again = (UnitState.PENDING, UnitState.ACCEPTED, UnitState.COMMITTED)
    finished = any(unit.exit_code is not None for unit in case.job.units)
    return case.job.workload.gang and finished and bool(case.job.in_state(*again))


def fail_broken(case: Case, reason: str) -> None:
    failed = events.JobFailed(job=case.job.id, reason=reason, exit_code=None)
    close(case, failed, JobState.FAILED, reason=reason)


def let_follow(case: Case, commitment: Commitment | None) -> None:
    """The last lease that a commitment waited for is over."""
    if commitment is not None:
        activate(case, commitment)


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
