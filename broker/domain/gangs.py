"""Machines that stand or fall together: all of them in one placement domain of a place, or none.

A place is a region, and a region has several domains. One that cannot take all of them keeps none:
what it has given is given back, and the next domain is asked for all of them.
"""

from __future__ import annotations

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.machine import Machine, MachineState, machine_name


def ask_next_domain(case: Case, refused: Machine, code: str) -> Machine:
    """One of them was refused in its domain; returns that machine as it is then."""
    siblings = [one for one in case.machines.values() if _stands_with(one, refused)]
    for one in siblings:
        if one.name != refused.name:
            case.give_back(one, "gang incomplete")
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
                trouble="",
                because="",
                wanted_at=case.now,
                due_at=case.now,
            )
        )
    gone = altered(refused, state=MachineState.REFUSED, because=code, due_at=None)
    return case.put_machine(gone)


def _stands_with(one: Machine, other: Machine) -> bool:
    """Whether they were asked for in one go, and are still there or may come."""
    return (
        not one.state.over
        and one.state is not MachineState.ENDING
        and (one.place, one.domain) == (other.place, other.domain)
        and (one.offer, one.commitment) == (other.offer, other.commitment)
    )
