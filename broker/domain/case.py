"""The file of one job, open while one step works on it.

The step moves units, offers, commitments and machines and tells facts; the store then keeps all of
it in one transaction. Nothing here reads a clock or makes an id: both come with the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.domain.altered import altered
from broker.domain.commitment import Commitment
from broker.domain.event import Event
from broker.domain.job import (
    JOB_MOVES,
    UNIT_MOVES,
    IllegalMoveError,
    Job,
    JobState,
    Unit,
    UnitState,
)
from broker.domain.machine import MACHINE_MOVES, Machine, MachineState
from broker.domain.offer import Offer
from broker.domain.values import CommitmentId, MachineName, OfferId, ProviderName, Usd

NewId = Callable[[str], str]
"""Makes an id that was never made before, from a prefix such as `offer`."""


@dataclass(slots=True, kw_only=True)
class Case:
    """A job with its open offers, live commitments and machines that are not over."""

    job: Job
    now: datetime
    new_id: NewId
    offers: dict[OfferId, Offer] = field(default_factory=dict)
    commitments: dict[CommitmentId, Commitment] = field(default_factory=dict)
    machines: dict[MachineName, Machine] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    """Ids of the offers, commitments and machines that the store has to write."""
    spent: list[tuple[ProviderName, Usd]] = field(default_factory=list)
    """What machines came to that are gone now, whether or not anybody is billed for them."""

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def set_job(self, **fields: Any) -> None:  # noqa: ANN401 - the job's own fields
        self.job = altered(self.job, **fields)

    def move(self, units: Iterable[int], to: UnitState, **fields: Any) -> None:  # noqa: ANN401
        """Move units, if the table of legal moves lets them; else raise IllegalMoveError.

        Where a unit has an heir, that is what is moved: offers, releases and commitments are its.
        """
        moved = list(self.job.units)
        for index in units:
            unit = moved[index]
            found = self._moved(unit.sought, to, fields)
            moved[index] = found if unit.heir is None else altered(unit, heir=found)
        self.job = altered(self.job, units=tuple(moved))

    def move_leased(self, index: int, to: UnitState, **fields: Any) -> None:  # noqa: ANN401
        """Move the unit itself, whatever its heir is at."""
        self.put_unit(self._moved(self.job.units[index], to, fields))

    def bind(self, units: Iterable[int], commitment: CommitmentId) -> None:
        """Name the commitment under which a supplier is to bring what is sought for these units."""
        for index in units:
            unit = self.job.units[index]
            bound = altered(unit.sought, commitment=commitment)
            self.put_unit(bound if unit.heir is None else altered(unit, heir=bound))

    def put_unit(self, unit: Unit) -> None:
        units = self.job.units
        self.set_job(units=(*units[: unit.index], unit, *units[unit.index + 1 :]))

    def _moved(self, unit: Unit, to: UnitState, fields: Mapping[str, Any]) -> Unit:
        if to not in UNIT_MOVES[unit.state]:
            raise IllegalMoveError(f"{self.job.id} unit {unit.index}: {unit.state} -> {to}")
        return altered(unit, state=to, **fields)

    def end(self, state: JobState, *, reason: str = "", exit_code: int | None = None) -> None:
        if state not in JOB_MOVES[self.job.state]:
            raise IllegalMoveError(f"{self.job.id}: {self.job.state} -> {state}")
        self.set_job(
            state=state,
            reason=reason,
            exit_code=exit_code,
            ended_at=self.now,
            due_at=None,
            trouble="",
        )

    def put_offer(self, offer: Offer) -> Offer:
        amends_at = offer.amends_at
        if amends_at is not None and offer.state.undecided and _runs_past(offer, amends_at):
            due = amends_at if offer.due_at is None else min(offer.due_at, amends_at)
            offer = altered(offer, due_at=due)
        self.offers[offer.id] = offer
        self.changed.add(offer.id)
        return offer

    def put_commitment(self, commitment: Commitment) -> Commitment:
        self.commitments[commitment.id] = commitment
        self.changed.add(commitment.id)
        return commitment

    def put_machine(self, machine: Machine) -> Machine:
        before = self.machines.get(machine.name)
        if before is not None and machine.state is not before.state:
            allowed = MACHINE_MOVES[before.state]
            if machine.state not in allowed:
                raise IllegalMoveError(f"{machine.name}: {before.state} -> {machine.state}")
        self.machines[machine.name] = machine
        self.changed.add(machine.name)
        return machine

    def machines_of(self, commitment: CommitmentId) -> list[Machine]:
        return [m for m in self.machines.values() if m.commitment == commitment]

    def give_back(self, machine: Machine, because: str) -> Machine:
        """Let a machine go. One that its cloud never heard of is simply gone."""
        if machine.state is MachineState.ENDING or machine.state.over:
            return machine
        unheard = (
            machine.state is MachineState.WANTED and machine.tries == 0 and machine.hold is None
        )
        return self.put_machine(
            altered(
                machine,
                state=MachineState.GONE if unheard else MachineState.ENDING,
                due_at=None if unheard else self.now,
                because=machine.because or because,
            )
        )


def _runs_past(offer: Offer, instant: datetime) -> bool:
    """Whether the offer is still open then; one whose window ends before is no matter of it."""
    return offer.expires_at is None or offer.expires_at > instant
