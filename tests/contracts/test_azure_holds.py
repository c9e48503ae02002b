"""Azure holds by a capacity reservation: made once, launched into, and gone with its machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import Fault, FaultKind, Held, Holder, Launching, Order, Outcome, Refused, Running
from providers.azure.adapter import Azure
from providers.emulators import azure
from providers.emulators.azure_reserved import is_reservation
from providers.emulators.cloud import Cloud, InjectedFault
from providers.emulators.wire import Wire
from tests.support.clouds import OWNER, eventually

HERE = Place(ProviderName.AZURE, "eastus", "Standard_ND96isr_H100_v5")


@contextmanager
def opened(cloud: Cloud, hold: str = "reservation") -> Iterator[Azure]:
    face, account = azure.open_account(cloud)
    wire = Wire(face)
    try:
        yield Azure({**account, "endpoint": wire.url, "hold": hold, "read_s": "5"})
    finally:
        wire.close()


def stocked(units: int, **more: float) -> Cloud:
    return Cloud(stock={HERE[1:3]: units}, **more)  # type: ignore[arg-type]


def order(seed: str = "one") -> Order:
    return Order(name=machine_name(seed, 0, HERE), place=HERE, owner=OWNER, start_up="")


def settled(one: Azure, wanted: Order, outcome: Outcome) -> Outcome:
    for _ in range(50):
        if isinstance(outcome, Launching):
            outcome = one.poll(wanted, outcome.handle)
    return outcome


def machines(cloud: Cloud) -> list[str]:
    return [m.name for m in cloud.list() if not is_reservation(m.name)]


def test_room_is_held_without_a_machine_and_held_once() -> None:
    cloud = stocked(2)
    with opened(cloud) as one:
        assert isinstance(one, Holder)
        for _ in range(3):
            assert isinstance(settled(one, order(), one.hold(order())), Held)
        assert machines(cloud) == []
        assert cloud.left(*HERE[1:3]) == 1


def test_the_machine_is_launched_into_what_is_held_and_takes_nothing_more() -> None:
    cloud = stocked(1)
    with opened(cloud) as one:
        held = settled(one, order(), one.hold(order()))
        assert isinstance(held, Held)
        bound = replace(order(), hold=held.handle)
        running = settled(one, bound, one.launch(bound))
        assert isinstance(running, Running)
        assert len(machines(cloud)) == 1
        assert cloud.left(*HERE[1:3]) == 0
        assert eventually(lambda: one.terminate(bound, running.handle))
        assert cloud.list() == []
        assert list(one.owned(OWNER)) == []
        assert cloud.left(*HERE[1:3]) == 1


def test_a_place_without_room_refuses_and_nothing_is_left_of_the_try() -> None:
    cloud = stocked(0)
    with opened(cloud) as one:
        refused = settled(one, order(), one.hold(order()))
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.NO_CAPACITY
        assert list(one.owned(OWNER)) == []
        assert cloud.list() == []


def test_a_refusal_that_comes_late_leaves_nothing_either() -> None:
    cloud = stocked(0, boot_s=0.05)
    cloud.late_stock_out = True
    with opened(cloud) as one:
        waiting = [one.hold(order())]
        assert isinstance(waiting[0], Launching)

        def decided() -> bool:
            waiting.append(one.poll(order(), waiting[0].handle))  # type: ignore[union-attr]
            return isinstance(waiting[-1], Refused)

        assert eventually(decided)
        assert cloud.list() == []
        assert list(one.owned(OWNER)) == []


def test_what_is_held_for_nobody_is_found_by_the_owner_s_tag_and_let_go() -> None:
    cloud = stocked(1)
    with opened(cloud) as one:
        one.hold(order())
        (found,) = one.owned(OWNER)
        assert (found.name, found.place, found.held) == (order().name, HERE, True)
        assert list(one.owned("somebody")) == []
        assert eventually(lambda: one.terminate(order(), found.handle))
        assert cloud.list() == []
        assert cloud.left(*HERE[1:3]) == 1


def test_a_hold_whose_answer_was_lost_is_let_go_by_its_name_alone() -> None:
    cloud = stocked(1)
    with opened(cloud) as one:
        cloud.faults.add(InjectedFault(operation="reserve", dropped=True))
        one.hold(order())
        one.hold(order())
        assert eventually(lambda: one.terminate(order(), None))
        assert cloud.list() == []


@pytest.mark.parametrize("operation", ["scout", "reserve"])
def test_a_fault_on_the_way_is_no_refusal(operation: str) -> None:
    cloud = stocked(1)
    with opened(cloud) as one:
        cloud.faults.add(InjectedFault(operation=operation, status=429, code="TooManyRequests"))
        fault = one.hold(order())
        assert isinstance(fault, Fault)
        assert fault.kind is FaultKind.THROTTLED
        assert isinstance(settled(one, order(), one.hold(order())), Held)


def test_an_account_that_does_not_ask_for_it_holds_by_its_machine() -> None:
    cloud = stocked(1)
    with opened(cloud, hold="") as one:
        assert isinstance(settled(one, order(), one.hold(order())), Running)
        assert len(machines(cloud)) == len(cloud.list()) == 1
