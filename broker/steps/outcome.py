"""What a cloud's answer about a machine means for its offer, its commitment and its lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final, assert_never

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.desk import proceed
from broker.domain.gangs import ask_next_domain, given_back
from broker.domain.lease import DELIVER_AGAIN, PREEMPTED, activate, ended_by_itself, unmet
from broker.domain.losses import gone, taken, vanished
from broker.domain.machine import Machine, MachineState, RunState
from broker.domain.market import Place, Refusal
from broker.domain.offer import Offer
from broker.domain.offering import deliver
from broker.domain.places import Trouble
from broker.domain.spill import deliver_again, fail_commitment
from broker.domain.values import JobId
from broker.ports import (
    Fault,
    FaultKind,
    Gone,
    Held,
    Launching,
    Refused,
    Running,
    Transaction,
    Unsure,
)
from broker.steps.keeping import Registers
from broker.steps.places import Places, bound
from broker.steps.polling import (
    ALERTED_AFTER,
    BUSY_RECHECK,
    TROUBLE_RECHECK,
    poll_after,
    trouble_left,
)
from broker.steps.probing import Probing
from broker.steps.rulebook import Rulebook
from broker.steps.told import Ended, NotYet, StandsRefused, Told

_PASSING: Final = frozenset({FaultKind.TRANSIENT, FaultKind.UNREACHABLE})
"""Faults of a bad day: the same order is put again, and soon."""

LOOK_AGAIN: Final = timedelta(seconds=2)
"""How soon a machine is looked at again that should have been taken back by now."""
LOOKED_FOR: Final = timedelta(minutes=2)
"""How long it is looked at; later, reconciliation finds that it is gone."""


class Round:
    """The record of one round at a provider: applies each answer to the file of its job."""

    def __init__(
        self,
        tx: Transaction,
        rules: Rulebook,
        cases: Mapping[JobId, Case],
        hold: Iterable[Place],
    ) -> None:
        """`hold` names the places and areas that the answers may change."""
        self.tx, self.rules, self.cases = tx, rules, cases
        self.places = Places(tx, rules, hold)
        self.probing = Probing(Registers(tx), rules)

    def record(self, told: Iterable[tuple[Machine, Told]]) -> set[str]:
        """Returns the lines of the jobs that a place said yes to."""
        served: set[str] = set()
        # What waits for a place goes after the place's answers.
        for machine, answer in sorted(told, key=lambda one: isinstance(one[1], NotYet)):
            case = self.cases.get(machine.job)
            current = case.machines.get(machine.name) if case else None
            if case is None or current is None:
                continue  # over in the meantime; reconciliation ends what was bought too late
            if current.state is MachineState.RUNNING and not isinstance(answer, Ended):
                # Unless it was looked at as one that runs, another worker's answer was first.
                if machine.state is MachineState.RUNNING:
                    self._looked_at(case, current, answer)
                continue
            if current.state is MachineState.ENDING and not isinstance(answer, Ended | NotYet):
                self._arrived_too_late(case, current, answer)
            else:
                self._apply(case, current, answer)
            self.probing.heard(case, current, answer)
            if isinstance(answer, Running):
                served.add(case.job.line)
        return served

    def _apply(self, case: Case, machine: Machine, answer: Told) -> None:
        match answer:
            case Launching(handle=handle, retry_after_s=told):
                asked = altered(machine, state=MachineState.ASKED, handle=handle, trouble="")
                after = timedelta(seconds=told) if told else poll_after(machine.tries)
                self._later(case, asked, after)
                self.places.took_an_order(machine)
                self._heard(case, machine)
            case Held(handle=handle):
                self._held(case, machine, handle)
            case Running(handle=handle, address=address):
                self._running(case, machine, handle, address)
            case Refused(domains_left=left) if left > 0:
                self._heard(case, ask_next_domain(case, machine, answer.code))
            case Refused():
                under = self._offer(case, machine), self._bound_by(case, machine)
                self._refused(case, machine, self.places.refused(case, machine, answer, under))
            case Fault():
                self._fault(case, machine, answer)
            case Unsure(because=because):
                self._unsure(case, machine, because)
            case Gone(because=because, preempted=preempted):
                vanished(case, machine, because, preempted=preempted)
            case StandsRefused() | NotYet() | Ended():
                self._unasked(case, machine, answer)
            case _:
                assert_never(answer)

    def _unsure(self, case: Case, machine: Machine, because: str) -> None:
        """The same order is put again until its cloud says yes or no, however long that takes."""
        what = f"{machine.place}: not known whether it was bought: {because}"
        self._later(case, self._troubled(case, machine, what), poll_after(machine.tries))
        if machine.tries >= ALERTED_AFTER:
            self.places.troubled(machine, Fault(FaultKind.UNKNOWN_CODE, "NoAnswer", what))

    def _unasked(
        self, case: Case, machine: Machine, answer: StandsRefused | NotYet | Ended
    ) -> None:
        """No cloud was asked for a machine: it need not be, it may not be yet, or one was ended."""
        match answer:
            case StandsRefused(refusal=refusal):
                known = refusal or self.places.refused_by_now(machine)
                if known is not None:
                    self._refused(case, machine, known)
                else:  # the job that was refused is over, and nobody wrote it down
                    self._later(case, altered(machine, tries=machine.tries - 1), BUSY_RECHECK)
            case NotYet():
                self._not_yet(case, altered(machine, tries=machine.tries - 1))
            case Ended(gone=confirmed):
                if confirmed:
                    # Else it was only given back, which shows nothing, or its cloud wanted it.
                    if machine.lease is not None and machine.because != PREEMPTED:
                        self.places.let_go(machine.place)
                    gone(case, machine, machine.because)
                    given_back(case, machine)
                else:
                    self._later(case, machine, poll_after(machine.tries))
            case _:
                assert_never(answer)

    def _not_yet(self, case: Case, machine: Machine) -> None:
        """No call was made: something of ours keeps it away, or its place has others to answer."""
        closed = None if bound(machine) or machine.tries else self.places.closed(machine)
        if closed is not None and machine.state is MachineState.WANTED:
            self._moves_on(case, machine, closed)
            return
        paused = self.places.paused(machine.place)
        if paused is not None:
            what = f"{machine.place}: {paused.kind} {paused.code}: {paused.message}"
            self._later(case, self._troubled(case, machine, what), paused.until - case.now)
        else:
            answered = machine.place in self.places.answered
            self._later(case, machine, timedelta() if answered else BUSY_RECHECK)

    def _moves_on(self, case: Case, machine: Machine, why: Trouble | Fault) -> bool:
        """A third party's order goes elsewhere; a holder's stays, for a fault is no answer.

        So does one that may have been carried out: a fault of the last call takes nothing back.
        """
        commitment = case.commitments.get(machine.commitment) if machine.commitment else None
        if commitment is None or commitment.offer is not None or commitment.state.over:
            return False
        if machine.may_be_there:
            return False
        fail_commitment(case, commitment, why.kind, why.code)
        return True

    def _troubled(self, case: Case, machine: Machine, what: str) -> Machine:
        case.set_job(trouble=what)
        return case.put_machine(altered(machine, trouble=what))

    def _later(self, case: Case, machine: Machine, after: timedelta) -> None:
        case.put_machine(altered(machine, due_at=case.now + after))

    def _arrived_too_late(self, case: Case, machine: Machine, answer: Told) -> None:
        """The machine is being given back; only where it is to be found is worth keeping."""
        if isinstance(answer, Launching | Running | Held):
            machine = altered(machine, handle=answer.handle)
        case.put_machine(altered(machine, due_at=case.now))

    def _offer(self, case: Case, machine: Machine) -> Offer | None:
        """The offer it is a hold for, while nothing binds it yet."""
        if machine.offer is None or machine.commitment is not None:
            return None
        return case.offers.get(machine.offer)

    def _bound_by(self, case: Case, machine: Machine) -> Offer | None:
        """The offer it is a hold for, or that its holder has accepted."""
        commitment = case.commitments.get(machine.commitment) if machine.commitment else None
        named = machine.offer or (commitment.offer if commitment else None)
        return case.offers.get(named) if named else None

    def _heard(self, case: Case, machine: Machine) -> Offer | None:
        """Its cloud has answered; the holder's has the notice."""
        trouble = trouble_left(case, machine)
        if trouble != case.job.trouble:
            case.set_job(trouble=trouble)
        offer = self._offer(case, machine)
        return deliver(case, offer, "ack") if offer is not None else None

    def _running(self, case: Case, machine: Machine, handle: str, address: str) -> None:
        up = case.put_machine(
            altered(
                machine,
                state=MachineState.RUNNING,
                handle=handle,
                address=address,
                up_at=case.now,
                due_at=None,
                trouble="",
            )
        )
        self.places.took_an_order(machine)
        self.places.gave(machine.place)
        offer = self._heard(case, up)
        if offer is not None:
            proceed(case, offer, self.places.market)
        elif up.commitment is not None:
            commitment = case.commitments[up.commitment]
            there = [m for m in case.machines_of(commitment.id) if m.state is MachineState.RUNNING]
            if len(there) == len(commitment.units):
                activate(case, commitment)
        else:
            case.give_back(up, "no longer wanted")

    def _looked_at(self, case: Case, machine: Machine, answer: Told) -> None:
        """How a machine fares whose cloud has said that it takes it back."""
        if isinstance(answer, Gone):
            taken(case, machine, answer.because, preempted=answer.preempted)
            return
        until, ended = machine.noticed_until, machine.run is RunState.ENDED
        awaited = until is not None and case.now <= until + (timedelta() if ended else LOOKED_FOR)
        if ended and not awaited:  # killed, and not by its cloud
            ended_by_itself(case, machine, machine.exit_code or 1)
            return
        case.put_machine(altered(machine, due_at=case.now + LOOK_AGAIN if awaited else None))

    def _held(self, case: Case, machine: Machine, handle: str) -> None:
        """Its cloud keeps room for it: the place has said yes, and the desk may accept."""
        kept = altered(machine, state=MachineState.ASKED, hold=handle, handle=handle, trouble="")
        case.put_machine(altered(kept, due_at=None))
        self.places.took_an_order(machine)
        self.places.gave(machine.place)
        if (offer := self._heard(case, machine)) is not None:
            proceed(case, offer, self.places.market)

    def _refused(self, case: Case, machine: Machine, refusal: Refusal) -> None:
        case.put_machine(
            altered(machine, state=MachineState.REFUSED, because=refusal.code, due_at=None)
        )
        offer = self._heard(case, machine)
        if offer is not None:
            known = dict.fromkeys((*offer.refusals, refusal.id))
            offer = case.put_offer(altered(offer, refusals=tuple(known)))
            proceed(case, offer, self.places.market)
            return
        commitment = case.commitments.get(machine.commitment) if machine.commitment else None
        if commitment is None or commitment.state.over:
            return
        if commitment.offer is not None:
            deliver_again(case, commitment, case.now + DELIVER_AGAIN)
        else:
            fail_commitment(case, commitment, refusal.reason, refusal.code)

    def _fault(self, case: Case, machine: Machine, fault: Fault) -> None:
        """Ours, or a bad day: never a refusal. The holder's offer stays as it is."""
        what = f"{machine.place}: {fault.kind} {fault.code}: {fault.message}".strip()
        if fault.kind is FaultKind.BAD_WISH and not any(m.lease for m in case.machines.values()):
            unmet(case, what)  # no place can serve it, so it is let go of nowhere
            return
        machine = self._troubled(case, machine, what)
        if fault.kind is not FaultKind.TRANSIENT and not machine.may_be_there:
            machine = case.put_machine(altered(machine, in_vain=machine.tries))
        if fault.kind in _PASSING:
            after = timedelta(seconds=fault.retry_after_s) if fault.retry_after_s else None
            self._later(case, machine, after or poll_after(machine.tries))
        elif fault.kind is FaultKind.THROTTLED:
            until = self.places.throttled(machine, fault)
            self._later(case, machine, until - case.now)
        else:
            if fault.kind is not FaultKind.BAD_WISH:  # else it is of one job, and it runs already
                self.places.troubled(machine, fault)
            if not self._moves_on(case, machine, fault):
                self._later(case, machine, TROUBLE_RECHECK)
