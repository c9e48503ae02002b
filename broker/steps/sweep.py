"""The safety net: machines that have fallen silent, grace periods that are over."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.altered import altered
from broker.domain.machine import MachineState
from broker.ports import Store
from broker.steps.run import LAPSES_S

SILENT_FOR: Final = timedelta(seconds=LAPSES_S + 30)
"""An agent that was not heard of for so long has ended its machine, or never will."""


def sweep(store: Store, limit: int = 200) -> int:
    """Let go of machines whose agent is silent; their units go back through the agreement."""
    with store.transaction() as tx:
        silent = tx.silent_machines(tx.now - SILENT_FOR, limit)
        if not silent:
            return 0
        cases = tx.cases(dict.fromkeys(machine.job for machine in silent))
        for machine in silent:
            case = cases.get(machine.job)
            current = case.machines.get(machine.name) if case else None
            if case is None or current is None or current.state is not MachineState.RUNNING:
                continue
            case.put_machine(
                altered(
                    current,
                    state=MachineState.ENDING,
                    because=current.because or "lost",
                    due_at=case.now,
                )
            )
        tx.keep(cases.values())
    return len(silent)
