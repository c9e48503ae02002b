"""Ten thousand machines of one cloud, compared with what is on record of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

from broker.domain.altered import altered
from broker.domain.machine import MachineState
from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName
from broker.steps.reconcile import reconcile
from broker.store.sql import SqlStore
from broker.wiring import open_store
from providers.emulators.host import LocalClouds
from providers.registry import provider
from tests.bench.clouds import REGIONS, shape
from tests.bench.databases import SQLITE
from tests.bench.harness import Measure, Row, scratch
from tests.bench.inputs import rules as usual_rules
from tests.support.stores import CountingIds, World, a_machine

MACHINES: Final = 10_000
STRAYS: Final = 100
"""So many that nobody knows, and so many that are known and not there."""
_A_JOB: Final = 100
_OLD: Final = timedelta(hours=1)


def rows() -> list[Row]:
    return [
        Row(
            name=f"{MACHINES:,} machines of {name} reconciled, {STRAYS} orphans, {STRAYS} lost",
            figure="s",
            at_most=60,
            open=_reconciled(ProviderName(name)),
            runs=1,
            warm_ups=0,
        )
        for name in REGIONS
    ]


def _reconciled(name: ProviderName) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        place = Place(name, REGIONS[name.value], shape(name.value, 0))
        names = [f"cb-{number:024x}" for number in range(MACHINES + STRAYS)]
        rules = usual_rules()
        with ExitStack() as stack:
            folder = stack.enter_context(scratch())
            stock = folder / "pools.csv"
            stock.write_text(
                f"provider,region,sku,max_units\n{name},{place.region},{place.sku},{2 * MACHINES}\n"
            )
            clouds = stack.enter_context(LocalClouds("--pools", str(stock), "--faces", name.value))
            _fill(clouds, place, names[:MACHINES], rules.owner)
            store = open_store(stack.enter_context(SQLITE.fresh()))
            stack.callback(store.close)
            store.migrate()
            _known(store, place, names[STRAYS:])
            adapter = provider(name, {**clouds.accounts[name.value], "read_s": "60"})

            def run() -> float:
                began = time.perf_counter()
                found = reconcile(name, adapter, store, rules)
                took = time.perf_counter() - began
                left = len(clouds.order(name.value, tell=True)["machines"])
                if (found, left) != (2 * STRAYS, MACHINES - STRAYS):
                    raise AssertionError(f"{found} strays were found, {left} machines are left")
                return took

            yield run

    return opened


def _fill(clouds: LocalClouds, place: Place, names: list[str], owner: str) -> None:
    what = {"region": place.region, "sku": place.sku, "tags": {"broker-owner": owner}}
    clouds.order(place.provider.value, fill={**what, "names": names})


def _known(store: SqlStore, place: Place, names: list[str]) -> None:
    """Put these machines on record, as running for an hour, some for each job."""
    world = World(store, CountingIds())
    jobs = [
        world.job(due_in=None, units=_A_JOB) for _ in range((len(names) + _A_JOB - 1) // _A_JOB)
    ]
    world.submit(*jobs)
    for number, job in enumerate(jobs):
        with world.case(job.id) as case:
            for unit, one in enumerate(names[number * _A_JOB : (number + 1) * _A_JOB]):
                made = a_machine(job, one, case.now)
                made = replace(made, name=MachineName(one), place=place, unit=unit)
                up_at = case.now - _OLD
                up = altered(made, state=MachineState.RUNNING, up_at=up_at, due_at=None)
                case.put_machine(up)
