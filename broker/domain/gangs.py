"""Machines that stand or fall together: all of them in one placement domain of a place, or none.

A place is a region, and a region has several domains. One that cannot take all of them keeps none:
what it has given is given back, and the next domain is asked for all of them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.machine import Machine, MachineState, machine_name

_AT_MOST: Final = timedelta(minutes=1)
"""How long the next domain waits for what the last one gave to be gone."""


def ask_next_domain(case: Case, refused: Machine, code: str) -> Machine:
    """One of them was refused in its domain; returns that machine as it is then."""
    siblings = [one for one in case.machines.values() if _stands_with(one, refused)]
    for one in siblings:
        if one.name != refused.name:
            case.give_back(one, "gang incomplete")
    refused = case.put_machine(
        altered(refused, state=MachineState.REFUSED, because=code, due_at=None)
    )
    wait = any(case.machines[one.name].state is MachineState.ENDING for one in siblings)
    for one in siblings:
        case.put_machine(
            altered(
                one,
                # Named after what it follows: whoever asks again asks for the same machine.
                name=machine_name(one.name, one.unit, one.place),
                domain=one.domain + 1,
                state=MachineState.WANTED,
                handle=None,
                hold=None,
                address="",
                up_at=None,
                tries=0,
                in_vain=0,
                trouble="",
                because="",
                wanted_at=case.now,
                due_at=case.now + _AT_MOST if wait else case.now,
            )
        )
    return refused


def given_back(case: Case, gone: Machine) -> None:
    """A machine is gone; where it was the last of its gang in a domain, the next one is asked."""
    gang = [m for m in case.machines.values() if _one_gang(m, gone) and not m.state.over]
    if any(m.state is MachineState.ENDING for m in gang):
        return
    for one in gang:
        if one.domain > gone.domain and one.state is MachineState.WANTED and one.tries == 0:
            case.put_machine(altered(one, due_at=case.now))


def _one_gang(one: Machine, other: Machine) -> bool:
    """Whether they stand or fall with each other, in whatever domain they were asked for."""
    return (one.place, one.offer, one.commitment) == (other.place, other.offer, other.commitment)


def _stands_with(one: Machine, other: Machine) -> bool:
    """Whether they were asked for in one go, and are still there or may come."""
    return (
        not one.state.over
        and one.state is not MachineState.ENDING
        and one.domain == other.domain
        and _one_gang(one, other)
    )
