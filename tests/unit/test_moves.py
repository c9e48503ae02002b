"""The tables of legal moves: what they do not have, nobody can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from broker.domain import offering as offers
from broker.domain.case import Case
from broker.domain.job import JOB_MOVES, UNIT_MOVES, IllegalMoveError, JobState, UnitState
from broker.domain.machine import MACHINE_MOVES, MachineState
from broker.domain.offer import OFFER_MOVES, Desk, OfferState
from tests.support.broker import AWS, EAST, NOON, a_broker, work

TABLES: tuple[tuple[Any, Any], ...] = (
    (JobState, JOB_MOVES),
    (UnitState, UNIT_MOVES),
    (OfferState, OFFER_MOVES),
    (MachineState, MACHINE_MOVES),
)


@pytest.fixture
def case() -> Iterator[Case]:
    """A job with an offer that nobody has fetched."""
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        with broker.store.transaction() as tx:
            yield tx.cases([job])[job]


@pytest.mark.parametrize(("states", "moves"), TABLES)
def test_every_state_is_in_its_table_and_can_be_reached(states: Any, moves: Any) -> None:  # noqa: ANN401
    assert set(moves) == set(states)
    first = next(iter(states))
    assert set().union(*moves.values()) | {first} == set(states)


@pytest.mark.parametrize(("states", "moves"), TABLES)
def test_what_is_over_does_not_move(states: Any, moves: Any) -> None:  # noqa: ANN401
    for state in states:
        if getattr(state, "over", False):
            assert not moves[state]


@pytest.mark.parametrize("to", list(UnitState))
@pytest.mark.parametrize("state", list(UnitState))
def test_a_unit_moves_as_its_table_says(case: Case, state: UnitState, to: UnitState) -> None:
    (unit,) = case.job.units
    case.set_job(units=(replace(unit, state=state),))
    if to in UNIT_MOVES[state]:
        case.move((0,), to)
        assert case.job.units[0].state is to
    else:
        with pytest.raises(IllegalMoveError, match="unit 0"):
            case.move((0,), to)


@pytest.mark.parametrize("to", list(JobState))
@pytest.mark.parametrize("state", list(JobState))
def test_a_job_ends_as_its_table_says(case: Case, state: JobState, to: JobState) -> None:
    case.set_job(state=state)
    if to in JOB_MOVES[state]:
        case.end(to)
    else:
        with pytest.raises(IllegalMoveError, match=case.job.id):
            case.end(to)


@pytest.mark.parametrize("state", [state for state in OfferState if state is not OfferState.OPEN])
def test_only_an_open_offer_is_decided(case: Case, state: OfferState) -> None:
    (offer,) = case.offers.values()
    put = case.put_offer(replace(offer, state=state))
    with pytest.raises(IllegalMoveError):
        offers.accept(case, put, put.units, ())
    with pytest.raises(IllegalMoveError):
        offers.refuse(case, put, "strategic")
    with pytest.raises(IllegalMoveError):
        offers.lapse(case, put, "window ended")


@pytest.mark.parametrize("state", [s for s in OfferState if not s.undecided])
def test_a_decided_offer_is_not_withdrawn(case: Case, state: OfferState) -> None:
    (offer,) = case.offers.values()
    put = case.put_offer(replace(offer, state=state))
    with pytest.raises(IllegalMoveError):
        offers.withdraw(case, put, "cancelled")


def test_a_machine_that_is_gone_does_not_come_back() -> None:
    with a_broker({EAST: 1}) as broker:
        (job,) = broker.placed(work())
        with broker.store.transaction() as tx:
            case = tx.cases([job])[job]
            (machine,) = case.machines.values()
            assert machine.wanted_at == NOON
            gone = case.put_machine(replace(machine, state=MachineState.GONE))
            with pytest.raises(IllegalMoveError, match=machine.name):
                case.put_machine(replace(gone, state=MachineState.RUNNING))
