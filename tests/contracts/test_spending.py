"""What is spent, in every store: machines that live by the hour, those that are gone in sum."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from broker.domain.altered import altered
from broker.domain.caps import Spend
from broker.domain.job import Job
from broker.domain.losses import gone
from broker.domain.machine import Machine, MachineState
from broker.domain.values import ProviderName
from tests.contracts.test_stores import store, world
from tests.support.stores import FULL, HOUR, World

__all__ = ["store", "world"]

PRICE = Decimal("98.32")
A_LITTLE = Decimal(1)


def spending(world: World) -> dict[tuple[ProviderName, str], Spend]:
    with world.store.transaction() as tx:
        return dict(tx.spending(hold=True))


def up_for_an_hour(world: World, job: Job, **fields: Any) -> Machine:  # noqa: ANN401
    since = world.now() - HOUR
    running = {"state": MachineState.RUNNING, "tries": 1, "up_at": since}
    return world.machine(job, due_in=None, **running, **fields)


def test_nothing_is_spent_before_a_cloud_is_asked(world: World) -> None:
    world.machine(world.submitted())
    assert spending(world) == {}


def test_what_is_asked_for_counts_by_the_hour_and_what_is_up_by_its_time_too(world: World) -> None:
    job = world.submitted()
    world.machine(job, tries=1)
    up_for_an_hour(world, job)
    found = spending(world)
    assert set(found) == {(FULL.provider, "lab")}
    hour, total = found[FULL.provider, "lab"]
    assert hour == 2 * PRICE
    assert PRICE - A_LITTLE < total < PRICE + A_LITTLE


def test_what_is_gone_stays_in_the_sum_and_leaves_the_hour(world: World) -> None:
    job = world.submitted()
    for _ in range(2):
        machine = up_for_an_hour(world, job)
        with world.case(job.id) as case:
            gone(case, case.machines[machine.name], "ended")
    hour, total = spending(world)[FULL.provider, "lab"]
    assert hour == 0
    assert 2 * PRICE <= total < 2 * PRICE + A_LITTLE


def test_what_never_came_up_cost_nothing(world: World) -> None:
    job = world.submitted()
    machine = world.machine(job, tries=1)
    with world.case(job.id) as case:
        case.put_machine(altered(machine, state=MachineState.REFUSED, due_at=None))
    assert spending(world) == {}


def test_tenants_are_kept_apart(world: World) -> None:
    for tenant in ("one", "other"):
        world.machine(world.submitted(tenant=tenant), tries=1)
    found = spending(world)
    assert {who: spend.usd_hour for (_, who), spend in found.items()} == {
        "one": PRICE,
        "other": PRICE,
    }
