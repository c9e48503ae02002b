"""A region of Google or Oracle is asked zone by zone, and refuses when all of them do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import (
    Fault,
    FaultKind,
    Launching,
    Order,
    Outcome,
    Provider,
    Refused,
    Running,
)
from providers.emulators import aws, gcp, oracle
from providers.emulators.cloud import Cloud, Launch
from providers.emulators.wire import Wire
from providers.registry import provider
from tests.support.clouds import OWNER, eventually

GOOGLE = Place(ProviderName.GCP, "us-central1", "a2-ultragpu-1g")
PHOENIX = Place(ProviderName.ORACLE, "us-phoenix-1", "VM.GPU.A10.1")
A, B = ("us-central1-a", GOOGLE.sku), ("us-central1-b", GOOGLE.sku)


@contextmanager
def asked(name: ProviderName, face: ModuleType, cloud: Cloud, **more: str) -> Iterator[Provider]:
    opened, account = face.open_account(cloud)
    wire = Wire(opened)
    try:
        yield provider(name, {**account, **more, "endpoint": wire.url})
    finally:
        wire.close()


def order(place: Place, owner: str = OWNER) -> Order:
    return Order(name=machine_name("one", 0, place), place=place, owner=owner, start_up="")


def settled(one: Provider, wanted: Order) -> Outcome:
    outcome = one.launch(wanted)
    for _ in range(9):
        if isinstance(outcome, Launching):
            outcome = one.poll(wanted, outcome.handle)
    return outcome


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(stock={A: 0, B: 1})


@pytest.mark.parametrize("late", [False, True])
def test_a_zone_that_refuses_hands_on_to_the_next(cloud: Cloud, late: bool) -> None:  # noqa: FBT001
    cloud.late_stock_out = late
    with asked(ProviderName.GCP, gcp, cloud) as google:
        running = settled(google, order(GOOGLE))
        assert isinstance(running, Running)
        assert running.handle == "us-central1-b"
        (owned,) = google.owned(OWNER)
        assert owned.place == GOOGLE


@pytest.mark.parametrize("late", [False, True])
def test_a_region_refuses_when_all_its_zones_do(cloud: Cloud, late: bool) -> None:  # noqa: FBT001
    cloud.late_stock_out = late
    cloud.restock(*B, 0)
    with asked(ProviderName.GCP, gcp, cloud) as google:
        refused = settled(google, order(GOOGLE))
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.NO_CAPACITY
        assert list(google.owned(OWNER)) == []


ALL = (A, B, ("us-central1-c", GOOGLE.sku), ("us-central1-f", GOOGLE.sku))
EVERY_ZONE = " ".join(zone for zone, _ in ALL)


@pytest.mark.parametrize("late", [False, True])
def test_the_zone_that_an_exhausted_one_names_is_asked_next(
    late: bool,  # noqa: FBT001
) -> None:
    cloud = Cloud(stock=dict.fromkeys(ALL, 0) | {ALL[3]: 1}, late_stock_out=late)
    asked_in: list[str] = []
    with asked(ProviderName.GCP, gcp, cloud, zones=EVERY_ZONE) as google:
        launch = cloud.launch

        def noted(**how: Any) -> Launch:  # noqa: ANN401
            asked_in.append(how["region"])
            return launch(**how)

        vars(cloud)["launch"] = noted
        running = settled(google, order(GOOGLE))
        assert isinstance(running, Running)
        assert running.handle == "us-central1-f"
        assert asked_in == ["us-central1-a", "us-central1-f"]


@pytest.mark.parametrize("late", [False, True])
def test_a_named_zone_that_refuses_after_all_leads_to_those_that_were_not_named(
    late: bool,  # noqa: FBT001
) -> None:
    cloud = Cloud(stock=dict.fromkeys(ALL, 0) | {ALL[2]: 1}, late_stock_out=late)
    with asked(ProviderName.GCP, gcp, cloud, zones=EVERY_ZONE) as google:
        says_f = {"left": lambda region, _: int(region.endswith("-f"))}
        vars(cloud).update(says_f)
        running = settled(google, order(GOOGLE))
        assert isinstance(running, Running)
        assert running.handle == "us-central1-c"


def test_a_zone_that_the_account_leaves_out_is_not_asked_though_it_is_named() -> None:
    cloud = Cloud(stock={A: 0, B: 1})
    with asked(ProviderName.GCP, gcp, cloud, zones="us-central1-a") as google:
        refused = settled(google, order(GOOGLE))
        assert isinstance(refused, Refused)
        assert refused.elsewhere == ("us-central1-b",)
        assert cloud.list() == []


def test_a_repeated_order_is_one_machine_though_an_earlier_zone_has_stock_again(
    cloud: Cloud,
) -> None:
    with asked(ProviderName.GCP, gcp, cloud) as google:
        assert isinstance(settled(google, order(GOOGLE)), Running)
        cloud.restock(*A, 1)
        assert isinstance(settled(google, order(GOOGLE)), Running)
        assert len(cloud.list(gone=True)) == 1


def test_a_lost_handle_costs_no_second_machine(cloud: Cloud) -> None:
    cloud.late_stock_out = True
    with asked(ProviderName.GCP, gcp, cloud) as google:
        first = google.launch(order(GOOGLE))
        assert isinstance(first, Launching)
        assert isinstance(google.poll(order(GOOGLE), first.handle), Launching)
        moved = google.poll(order(GOOGLE), first.handle)
        assert isinstance(moved, Launching | Running)
        assert eventually(lambda: google.terminate(order(GOOGLE), first.handle))
        assert list(google.owned(OWNER)) == []


def test_a_name_of_somebody_else_is_neither_taken_nor_ended(cloud: Cloud) -> None:
    cloud.restock(*A, 1)
    with asked(ProviderName.GCP, gcp, cloud, zones="us-central1-a") as google:
        cloud.launch(key="k", name=f"us-central1-a/{order(GOOGLE).name}", region=A[0], sku=A[1])
        fault = google.launch(order(GOOGLE))
        assert isinstance(fault, Fault)
        assert fault.kind is FaultKind.CONFLICT
        assert google.terminate(order(GOOGLE), None)
        assert len(cloud.list()) == 1


def test_a_machine_that_oracle_never_gives_a_volume_is_a_shortage() -> None:
    cloud = Cloud(stock={PHOENIX[1:3]: 1}, boot_s=600.0, keys_stay=True)
    with asked(ProviderName.ORACLE, oracle, cloud) as one:
        launched = one.launch(order(PHOENIX))
        assert isinstance(launched, Launching)
        assert isinstance(one.poll(order(PHOENIX), launched.handle), Launching)
        (machine,) = cloud.list()
        # The past is not to be had otherwise: the machine is made to be an hour old.
        object.__setattr__(machine, "created_s", machine.created_s - 3600.0)
        refused = one.poll(order(PHOENIX), launched.handle)
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.NO_CAPACITY
        assert list(one.owned(OWNER)) == []


# -- machines that belong together


def gang(place: Place, domain: int, seed: str = "one") -> Order:
    return replace(order(place), name=machine_name(seed, 0, place), domain=domain)


@pytest.mark.parametrize("late", [False, True])
def test_a_machine_of_a_gang_is_asked_for_in_its_zone_only(late: bool) -> None:  # noqa: FBT001
    cloud = Cloud(stock={A: 0, B: 1})
    cloud.late_stock_out = late
    with asked(ProviderName.GCP, gcp, cloud) as google:
        refused = settled(google, gang(GOOGLE, 0))
        assert isinstance(refused, Refused)
        assert refused.domains_left == 1
        running = settled(google, gang(GOOGLE, 1))
        assert isinstance(running, Running)
        assert running.handle == "us-central1-b"
        last = settled(google, gang(GOOGLE, 1, "two"))
        assert isinstance(last, Refused)
        assert last.domains_left == 0


def test_aws_keeps_a_gang_in_one_zone_though_the_region_has_more() -> None:
    sku = "p5.48xlarge"
    place = Place(ProviderName.AWS, "us-east-1", sku)
    cloud = Cloud(stock={("us-east-1a", sku): 0, ("us-east-1b", sku): 1}, keys_stay=True)
    with asked(ProviderName.AWS, aws, cloud) as amazon:
        refused = settled(amazon, gang(place, 0))
        assert isinstance(refused, Refused)
        assert refused.domains_left == 1
        assert isinstance(settled(amazon, gang(place, 1, "two")), Running)
        (machine,) = cloud.list()
        assert machine.region == "us-east-1b"


def test_oracle_keeps_a_gang_in_one_availability_domain() -> None:
    cloud = Cloud(stock={PHOENIX[1:3]: 1}, keys_stay=True)
    two = "us-phoenix-1=US-PHOENIX-1-AD-1 us-phoenix-1=US-PHOENIX-1-AD-2"
    with asked(ProviderName.ORACLE, oracle, cloud, domains=two) as one:
        cloud.restock(*PHOENIX[1:3], 0)
        refused = settled(one, gang(PHOENIX, 0))
        assert isinstance(refused, Refused)
        assert refused.domains_left == 1
        cloud.restock(*PHOENIX[1:3], 1)
        assert isinstance(settled(one, gang(PHOENIX, 1, "two")), Running)
