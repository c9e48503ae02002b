"""What a cloud's answer about a machine means for its offer, its commitment and its lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import assert_never

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.desk import proceed
from broker.domain.event import Event
from broker.domain.lease import DELIVER_AGAIN, activate, gone, vanished
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Market, Place, Refusal
from broker.domain.offer import Offer
from broker.domain.offering import deliver
from broker.domain.places import PlaceRecord, cool_down
from broker.domain.spill import deliver_again, fail_commitment
from broker.domain.values import JobId, RefusalId, RefusalReason
from broker.ports import (
    Fault,
    FaultKind,
    Gone,
    Launching,
    Refused,
    Running,
    Transaction,
    Unsure,
)
from broker.steps.keeping import Registers
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
from broker.steps.trouble import OURS, troubled


class Round:
    """The record of one round at a provider: applies each answer to the file of its job."""

    def __init__(
        self,
        tx: Transaction,
        rules: Rulebook,
        cases: Mapping[JobId, Case],
        places: Iterable[Place],
    ) -> None:
        self.tx, self.rules, self.cases = tx, rules, cases
        self.places = tx.places(hold=places)
        self.records: dict[Place, PlaceRecord] = {}  # what this round has changed of them
        self.refusals: dict[Place, Refusal] = {}
        self.probing = Probing(Registers(tx), rules)
        self.answered: set[Place] = set()
        self.freed = False
        """Whether a machine ended in this round."""

    @cached_property
    def market(self) -> Market:
        """As it was when the round began, but for the refusals that it brought."""
        return self.rules.market(self.tx)

    def _known(self, place: Place) -> PlaceRecord:
        return self.records.get(place) or self.places.get(place) or PlaceRecord(place=place)

    def _put(self, record: PlaceRecord, *facts: Event) -> None:
        self.records[record.place] = record
        self.tx.put_place(record, facts)

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
                continue  # another worker took the claim up, and its answer was first
            if current.state is MachineState.ENDING and not isinstance(answer, Ended):
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
                self._heard(case, machine)
            case Running(handle=handle, address=address):
                self._running(case, machine, handle, address)
            case Refused():
                self._refused(case, machine, self._remember(case, machine, answer))
            case Fault():
                self._fault(case, machine, answer)
            case Unsure(because=because):
                self._unsure(case, machine, because)
            case Gone(because=because):
                vanished(case, machine, because)
            case StandsRefused() | NotYet() | Ended():
                self._unasked(case, machine, answer)
            case _:
                assert_never(answer)

    def _unsure(self, case: Case, machine: Machine, because: str) -> None:
        """The same order is put again until its cloud says yes or no, however long that takes."""
        what = f"{machine.place}: not known whether it was bought: {because}"
        self._later(case, self._troubled(case, machine, what), poll_after(machine.tries))
        if machine.tries >= ALERTED_AFTER:
            self._close(case, machine, Fault(FaultKind.TRANSIENT, "NoAnswer", what))

    def _unasked(
        self, case: Case, machine: Machine, answer: StandsRefused | NotYet | Ended
    ) -> None:
        """No cloud was asked for a machine: it need not be, it may not be yet, or one was ended."""
        match answer:
            case StandsRefused(refusal=refusal):
                known = refusal or self.refusals.get(machine.place)
                if known is not None:
                    self._refused(case, machine, known)
                else:  # the job that was refused is over, and nobody wrote it down
                    self._later(case, altered(machine, tries=machine.tries - 1), BUSY_RECHECK)
            case NotYet():
                after = timedelta() if machine.place in self.answered else BUSY_RECHECK
                self._later(case, altered(machine, tries=machine.tries - 1), after)
            case Ended(gone=confirmed):
                if confirmed:
                    self._freed(machine)
                    gone(case, machine, machine.because)
                else:
                    self._later(case, machine, poll_after(machine.tries))
            case _:
                assert_never(answer)

    def _troubled(self, case: Case, machine: Machine, what: str) -> Machine:
        case.set_job(trouble=what)
        return case.put_machine(altered(machine, trouble=what))

    def _later(self, case: Case, machine: Machine, after: timedelta) -> None:
        case.put_machine(altered(machine, due_at=case.now + after))

    def _arrived_too_late(self, case: Case, machine: Machine, answer: Told) -> None:
        """The machine is being given back; only where it is to be found is worth keeping."""
        if isinstance(answer, Launching | Running):
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
        known = self._known(machine.place)
        self._put(altered(known, streak=known.streak + 1))
        self.answered.add(machine.place)
        offer = self._heard(case, up)
        if offer is not None:
            proceed(case, offer, self.market)
        elif up.commitment is not None:
            commitment = case.commitments[up.commitment]
            there = [m for m in case.machines_of(commitment.id) if m.state is MachineState.RUNNING]
            if len(there) == len(commitment.units):
                activate(case, commitment)
        else:
            case.give_back(up, "no longer wanted")

    def _freed(self, machine: Machine) -> None:
        """What it held may be had again: a shortage there is forgotten, those who wait try."""
        if machine.lease is None:  # only given back: what it showed of the place is not changed
            return
        known = self._known(machine.place)
        short = known.refusal and known.refusal.reason is RefusalReason.NO_CAPACITY
        self._put(altered(known, refusal=None if short else known.refusal, freed_at=self.tx.now))
        self.freed = True

    def _remember(self, case: Case, machine: Machine, answer: Refused) -> Refusal:
        """A refusal is remembered once, for all jobs and processes."""
        offer = self._offer(case, machine)
        place = machine.place
        known = self._known(place)
        stands = known.refusal if known.refusal and known.streak == 0 else None
        if machine.owed and stands and stands.stands(case.now, machine.together):
            return stands  # said again to a holder that is bound: no news to those who wait there
        bound = self._bound_by(case, machine)
        cap = self.rules.refusal_max_age_s(place.provider, case.now, bound)
        refusal = Refusal(
            id=RefusalId(case.new_id("refusal")),
            place=place,
            units=machine.together,
            code=answer.code,
            reason=answer.reason,
            at=case.now,
            valid_until=case.now + cool_down(place.provider, answer.reason, cap),
            offer=offer.id if offer else None,
        )
        fact = events.PlaceRefused(
            refusal=refusal.id,
            provider=place.provider,
            region=place.region,
            sku=place.sku,
            purchase=place.purchase,
            units=refusal.units,
            code=answer.code,
            reason=answer.reason,
            valid_until=refusal.valid_until,
            offer=refusal.offer,
        )
        narrower = known.refusal is not None and known.refusal.stands(case.now, refusal.units)
        kept = known.refusal if narrower else refusal
        self._put(altered(known, refusal=kept, streak=0), fact)
        self.refusals[place] = refusal
        self.answered.add(place)
        if kept is refusal:
            self.market = altered(self.market, refusals={**self.market.refusals, place: refusal})
        return refusal

    def _refused(self, case: Case, machine: Machine, refusal: Refusal) -> None:
        case.put_machine(
            altered(machine, state=MachineState.REFUSED, because=refusal.code, due_at=None)
        )
        offer = self._heard(case, machine)
        if offer is not None:
            known = dict.fromkeys((*offer.refusals, refusal.id))
            offer = case.put_offer(altered(offer, refusals=tuple(known)))
            proceed(case, offer, self.market)
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
        what = f"{machine.place}: {fault.kind} {fault.code}: {fault.message}"
        machine = self._troubled(case, machine, what.strip())
        if fault.kind is not FaultKind.TRANSIENT and not machine.may_be_there:
            machine = case.put_machine(altered(machine, in_vain=machine.tries))
        if fault.kind not in OURS:
            after = timedelta(seconds=fault.retry_after_s) if fault.retry_after_s else None
            self._later(case, machine, after or poll_after(machine.tries))
            return
        self._close(case, machine, fault)
        commitment = case.commitments.get(machine.commitment) if machine.commitment else None
        ours = commitment is None or commitment.offer is not None or commitment.state.over
        if ours or machine.may_be_there:
            self._later(case, machine, TROUBLE_RECHECK)
        elif commitment is not None:
            fail_commitment(case, commitment, fault.kind, fault.code)

    def _close(self, case: Case, machine: Machine, fault: Fault) -> None:
        """Tell the trouble, once, and keep third-party orders away from the place meanwhile."""
        place, until = machine.place, case.now + TROUBLE_RECHECK
        known = self._known(place)
        if known.closed_until is not None and known.closed_until > case.now:
            return
        fact = troubled(place, fault, until)
        self._put(altered(known, closed_until=until), fact)
