"""Compare what a cloud says it runs for us with what we know: neither may have more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from broker.domain.lease import vanished
from broker.domain.machine import MachineState
from broker.domain.values import MachineName, ProviderName
from broker.ports import OwnedMachine, Provider, Store
from broker.steps.keeping import Registers
from broker.steps.probing import Probing
from broker.steps.rulebook import Rulebook

YOUNG: Final = timedelta(seconds=30)
"""A machine may be missing from a cloud's list for so long after it came up."""


def reconcile(name: ProviderName, provider: Provider, store: Store, rules: Rulebook) -> int:
    """End what nobody here knows, and mourn what is known and not there; returns how many."""
    with store.transaction() as tx:
        before = {m.name for m in tx.machines(provider=name)}
    listed = {machine.name: machine for machine in provider.owned(rules.owner)}
    orphans, lost = _compare(name, before, listed, store, rules)
    for orphan in orphans:
        order = rules.order(orphan.name, orphan.place, {})
        provider.terminate(order, orphan.handle)
    return len(orphans) + lost


def _compare(
    name: ProviderName,
    before: set[MachineName],
    listed: dict[MachineName, OwnedMachine],
    store: Store,
    rules: Rulebook,
) -> tuple[list[OwnedMachine], int]:
    with store.transaction() as tx:
        known = {m.name: m for m in tx.machines(provider=name)}
        orphans = [
            found
            for machine, found in listed.items()
            if machine not in known and machine not in before
        ]
        missing = [
            m
            for m in known.values()
            if m.state is MachineState.RUNNING
            and m.name in before
            and m.name not in listed
            and m.up_at is not None
            and tx.now - m.up_at > YOUNG
        ]
        cases = tx.cases(dict.fromkeys(m.job for m in missing))
        for machine in missing:
            case = cases[machine.job]
            if machine.name in case.machines:
                vanished(case, case.machines[machine.name], "its cloud does not list it any more")
        registers = Registers(tx)
        Probing(registers, rules).listed(name, _probe_id(name, tx.now))
        registers.keep(cases.values())
    return orphans, len(missing)


def _probe_id(name: ProviderName, now: datetime) -> Callable[[str], str]:
    """One listing of a cloud at one instant is one probe."""
    return lambda prefix: f"{prefix}_{name}_{now:%Y%m%dT%H%M%S%f}"
