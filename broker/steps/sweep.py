"""The safety net: machines that have fallen silent, grace periods that are over."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.altered import altered
from broker.domain.lease import PREEMPTED
from broker.domain.machine import Machine, MachineState
from broker.ports import Store
from broker.steps.run import LAPSES_S

SILENT_FOR: Final = timedelta(seconds=LAPSES_S + 30)
"""An agent that was not heard of for so long has ended its machine, or never will."""
HUSHED_FOR: Final = timedelta(seconds=10)
"""So soon a machine on spot is looked after: its cloud may have taken it back without a word."""


def sweep(store: Store, limit: int = 200) -> int:
    """Let go of machines whose agent is silent; their units go back through the agreement.

    Machines on spot are asked after before that. Returns how many were let go.
    """
    with store.transaction() as tx:
        silent = tx.silent_machines(tx.now - SILENT_FOR, limit)
        hushed = [m for m in tx.silent_machines(tx.now - HUSHED_FOR, limit) if _looked_after(m)]
        if not silent and not hushed:
            return 0
        cases = tx.cases(dict.fromkeys(machine.job for machine in (*silent, *hushed)))
        for machine in hushed:
            if (case := cases.get(machine.job)) and machine.name in case.machines:
                case.put_machine(altered(case.machines[machine.name], due_at=case.now))
        for machine in silent:
            case = cases.get(machine.job)
            current = case.machines.get(machine.name) if case else None
            if case is None or current is None or current.state is not MachineState.RUNNING:
                continue
            case.put_machine(
                altered(
                    current,
                    state=MachineState.ENDING,
                    because=current.because or (PREEMPTED if current.noticed_until else "lost"),
                    due_at=case.now,
                )
            )
        tx.keep(cases.values())
    return len(silent)


def _looked_after(machine: Machine) -> bool:
    idle = machine.due_at is None and not machine.stopping
    return idle and machine.state is MachineState.RUNNING and machine.place.interruptible
