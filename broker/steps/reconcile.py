"""Compare what a cloud says it runs for us with what we know: neither may have more.

A machine that was bought here and is over is ended at once. One that nobody here ever heard of may
be a purchase whose row is still to come: it has a grace, counted from when its cloud made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from broker.domain.events import OrphanEnded, OrphanFound
from broker.domain.losses import taken, vanished
from broker.domain.machine import Machine, MachineState
from broker.domain.values import MachineName, ProviderName
from broker.ports import Gone, OwnedMachine, Provider, Store, Transaction
from broker.steps.keeping import Registers
from broker.steps.probing import Probing
from broker.steps.rulebook import Rulebook

YOUNG: Final = timedelta(seconds=30)
"""A machine may be missing from a cloud's list for so long after it came up."""

_UNLISTED: Final = Gone("its cloud does not list it any more")


def reconcile(name: ProviderName, provider: Provider, store: Store, rules: Rulebook) -> int:
    """End what nobody here knows, and mourn what is known and not there; returns how many."""
    with store.transaction() as tx:
        before = {m.name: m for m in tx.machines(provider=name)}
    listed = {machine.name: machine for machine in provider.owned(rules.owner)}
    fates = _fates(provider, before, listed, rules)
    unwanted, lost = _compare(name, before, listed, fates, store, rules)
    ended = [
        orphan
        for orphan in unwanted
        if provider.terminate(rules.order(orphan.name, orphan.place, {}), orphan.handle)
    ]
    if ended:
        with store.transaction() as tx:
            for orphan in ended:
                fact = OrphanEnded(provider=name, machine=orphan.name)
                tx.record(_stream(orphan.name), [fact])
    return len(unwanted) + lost


def _fates(
    provider: Provider,
    before: Mapping[MachineName, Machine],
    listed: Mapping[MachineName, OwnedMachine],
    rules: Rulebook,
) -> Mapping[MachineName, Gone]:
    """What a cloud says of machines on spot that run no more, or not for long."""
    fates = {}
    for machine in before.values():
        found = listed.get(machine.name)
        stands = found is not None and found.running
        if machine.state is MachineState.RUNNING and machine.place.interruptible and not stands:
            order = rules.order(machine.name, machine.place, {}, machine.max_price_usd_hour)
            fate = provider.poll(order, machine.handle or "")
            if isinstance(fate, Gone):
                fates[machine.name] = fate
    return fates


def _compare(
    name: ProviderName,
    before: Mapping[MachineName, Machine],
    listed: Mapping[MachineName, OwnedMachine],
    fates: Mapping[MachineName, Gone],
    store: Store,
    rules: Rulebook,
) -> tuple[list[OwnedMachine], int]:
    with store.transaction() as tx:
        known = {m.name: m for m in tx.machines(provider=name)}
        strangers = [
            found
            for machine, found in listed.items()
            if machine not in known and machine not in before
        ]
        unwanted = [found for found in strangers if _unwanted(tx, found, rules.orphan_grace)]
        missing = [
            m
            for m in known.values()
            if m.state is MachineState.RUNNING
            and m.name in before
            and (m.name in fates or _missing(m, listed, tx.now))
        ]
        cases = tx.cases(dict.fromkeys(m.job for m in missing))
        for machine in missing:
            case = cases[machine.job]
            if machine.name in case.machines:
                fate = fates.get(machine.name, _UNLISTED)
                current = case.machines[machine.name]
                end = taken if machine.name in listed else vanished
                end(case, current, fate.because, preempted=fate.preempted)
        registers = Registers(tx)
        Probing(registers, rules).listed(name, _probe_id(name, tx.now))
        registers.keep(cases.values())
    return unwanted, len(missing)


def _unwanted(tx: Transaction, found: OwnedMachine, grace: timedelta) -> bool:
    """Whether it is to be ended now; it is on record from the first time it is seen."""
    over = tx.machine(found.name) is not None
    place, stream = found.place, _stream(found.name)
    if not tx.told(stream):
        fact = OrphanFound(
            provider=place.provider,
            region=place.region,
            sku=place.sku,
            purchase=place.purchase,
            machine=found.name,
            since=found.since,
            known=over,
        )
        tx.record(stream, [fact])
    return over or found.since is None or tx.now - found.since >= grace


def _stream(machine: MachineName) -> str:
    return f"orphan/{machine}"


def _missing(machine: Machine, listed: Mapping[MachineName, OwnedMachine], now: datetime) -> bool:
    up_at, found = machine.up_at, listed.get(machine.name)
    there = found is not None and not found.held
    return not there and up_at is not None and now - up_at > YOUNG


def _probe_id(name: ProviderName, now: datetime) -> Callable[[str], str]:
    """One listing of a cloud at one instant is one probe."""
    return lambda prefix: f"{prefix}_{name}_{now:%Y%m%dT%H%M%S%f}"
