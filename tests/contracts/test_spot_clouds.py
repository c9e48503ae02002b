"""Spot on every cloud: a stock of its own, a cap, a notice, and an end that tells itself apart."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Final

import pytest

from broker.domain.values import Purchase, instant
from broker.ports import Gone, Refused, Running
from providers.emulators.launches import MachineState
from providers.emulators.machines import LocalComputer
from tests.support.clouds import CLOUDS, Kind, LocalCloud, eventually, local_cloud
from workers.agent_notices import Source, source

TELL: Final = frozenset({"azure", "aws", "gcp"})
"""The clouds that tell a machine itself of its end."""


@pytest.fixture(scope="module")
def computer() -> Iterator[LocalComputer]:
    with LocalComputer() as running:
        yield running


@pytest.fixture(params=CLOUDS, ids=lambda kind: kind.name.value)
def local(request: pytest.FixtureRequest, computer: LocalComputer) -> Iterator[LocalCloud]:
    kind: Kind = request.param
    with local_cloud(kind, computer) as cloud:
        yield cloud


def told(local: LocalCloud, number: str) -> Source | None:
    where = {"BROKER_METADATA": f"{local.cloud.metadata}/machines/{number}"}
    return source({**where, "BROKER_NOTICES": local.kind.name.value})


def test_spot_and_on_demand_are_two_stocks(local: LocalCloud) -> None:
    spot = [local.on_spot(f"s{number}") for number in range(3)]
    plain = local.order("d")
    outcomes = [local.settled(order) for order in (*spot, plain)]
    assert [type(outcome) for outcome in outcomes] == [Running, Running, Refused, Running]
    bought = {machine.name: machine.place for machine in local.provider.owned(plain.owner)}
    assert bought == {order.name: order.place for order in (*spot[:2], plain)}
    for order in (*spot, plain):
        assert eventually(partial(local.provider.terminate, order, None))


def test_a_machine_taken_back_is_told_and_is_gone_by_its_clouds_will(local: LocalCloud) -> None:
    order = local.on_spot("one")
    standing = local.settled(order)
    assert isinstance(standing, Running)
    machine = local.machine(order)
    asked = told(local, machine.id)
    assert (asked is not None) is (local.kind.name.value in TELL)
    if asked is not None:
        assert asked.look() is None
    assert local.cloud.evict(machine.id, 1.0)
    if asked is not None:
        notice = asked.look()
        assert notice is not None
        due = local.machine(order).notice_until_s
        assert due is not None
        # Google says that it goes, and not when: 30 seconds are what it always gives.
        assert abs(instant(notice[0]).timestamp() - due) <= 31
    assert eventually(lambda: local.machine(order).state is MachineState.GONE)
    gone = local.provider.poll(order, standing.handle)
    assert isinstance(gone, Gone)
    assert gone.preempted


def test_a_machine_on_demand_that_ends_was_not_taken_back(local: LocalCloud) -> None:
    order = local.order("plain", start_up="#!/bin/sh\nexec sleep 600\n")
    standing = local.settled(order)
    assert isinstance(standing, Running)
    assert not local.cloud.evict(local.machine(order).id)
    local.cloud.terminate(local.machine(order).id)
    assert eventually(lambda: local.machine(order).state is MachineState.GONE)
    gone = local.provider.poll(order, standing.handle)
    assert isinstance(gone, Gone)
    assert not gone.preempted


def test_the_script_says_how_its_cloud_tells(local: LocalCloud) -> None:
    order = local.on_spot("said", start_up="#!/bin/sh\nenv >seen\nexec sleep 600\n")
    local.settled(order)
    home = local.computer.root / local.machine(order).id
    assert eventually(lambda: (home / "seen").exists() and "HOME" in (home / "seen").read_text())
    seen = (home / "seen").read_text().splitlines()
    assert f"BROKER_NOTICES={local.kind.name.value}" in seen
    assert any(line.startswith("BROKER_METADATA=http://127.0.0.1:") for line in seen)
    local.provider.terminate(order, None)


@pytest.mark.parametrize("local", CLOUDS[:2], indirect=True, ids=("azure", "aws"))
def test_above_the_cap_nothing_is_sold_and_what_runs_must_go(local: LocalCloud) -> None:
    """Google and Oracle sell spot at their own price, and know no cap."""
    order = local.on_spot("capped", cap="1.5")
    local.cloud.notice_s = 0.0
    local.cloud.price(local.kind.region, local.kind.sku, Decimal("1.5"))
    assert isinstance(local.settled(order), Running)
    local.cloud.price(local.kind.region, local.kind.sku, Decimal("1.6"))
    assert eventually(lambda: local.machine(order).preempted)
    assert isinstance(local.settled(local.on_spot("another", cap="1.5")), Refused)
    assert isinstance(local.settled(local.on_spot("generous", cap="1.7")), Running)


def test_stock_that_falls_takes_the_youngest_back(local: LocalCloud) -> None:
    old, young = local.on_spot("old"), local.on_spot("young")
    assert isinstance(local.settled(old), Running)
    assert isinstance(local.settled(young), Running)
    local.cloud.notice_s = 0.0
    local.cloud.restock(local.kind.region, f"{local.kind.sku} {Purchase.SPOT.value}", 1)
    assert eventually(lambda: local.machine(young).state is MachineState.GONE)
    assert local.machine(old).state is MachineState.RUNNING
    local.provider.terminate(old, None)
