"""Every cloud with reservations: a launch into one, one that is full, and one that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName, Purchase, RefusalReason
from broker.ports import Fault, FaultKind, Launching, Order, Outcome, Provider, Refused, Running
from providers.emulators.cloud import Cloud
from providers.emulators.wire import Wire
from providers.machine import OWNER_TAG
from providers.registry import provider
from tests.support.clouds import CLOUDS, OWNER, Kind, eventually

TAGGED = frozenset({ProviderName.AWS, ProviderName.AZURE, ProviderName.ORACLE})
"""Where a reservation can be marked as somebody's; Google's bear no labels."""


@pytest.fixture(params=CLOUDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def stocked(kind: Kind, *, reserved: int) -> Cloud:
    stock = {(kind.region, kind.sku): 9, (kind.region, kept(kind).sold): reserved}
    return Cloud(stock=stock, keys_stay=kind.keys_stay)


@contextmanager
def asked(kind: Kind, cloud: Cloud, **changes: str) -> Iterator[Provider]:
    face, account = import_module(f"providers.emulators.{kind.name.value}").open_account(cloud)
    wire = Wire(face)
    try:
        yield provider(kind.name, {**account, "endpoint": wire.url, "read_s": "5", **changes})
    finally:
        wire.close()


def kept(kind: Kind) -> Place:
    return Place(kind.name, kind.region, kind.sku, Purchase.RESERVED)


def order(place: Place, seed: str = "one") -> Order:
    return Order(name=machine_name(seed, 0, place), place=place, owner=OWNER, start_up="")


def settled(one: Provider, wanted: Order) -> Outcome:
    outcome = one.launch(wanted)
    for _ in range(9):
        if isinstance(outcome, Launching):
            outcome = one.poll(wanted, outcome.handle)
    return outcome


def test_a_launch_takes_its_place_in_the_reservation_and_leaves_the_rest_alone(kind: Kind) -> None:
    cloud = stocked(kind, reserved=2)
    with asked(kind, cloud) as one:
        assert isinstance(settled(one, order(kept(kind))), Running)
        assert cloud.left(kind.region, kept(kind).sold) == 1
        assert cloud.left(kind.region, kind.sku) == 9
        (owned,) = one.owned(OWNER)
        assert owned.place == kept(kind)
        assert isinstance(settled(one, order(Place(kind.name, kind.region, kind.sku))), Running)
        assert cloud.left(kind.region, kept(kind).sold) == 1


def test_a_repeated_launch_takes_one_place_even_if_that_was_the_last(kind: Kind) -> None:
    cloud = stocked(kind, reserved=1)
    with asked(kind, cloud) as one:
        for _ in range(3):
            assert isinstance(settled(one, order(kept(kind))), Running)
        assert len(cloud.list(gone=True)) == 1


def test_a_full_reservation_refuses_and_what_it_lets_go_can_be_had_again(kind: Kind) -> None:
    cloud = stocked(kind, reserved=1)
    with asked(kind, cloud) as one:
        first = settled(one, order(kept(kind)))
        assert isinstance(first, Running)
        refused = settled(one, order(kept(kind), "two"))
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.NO_CAPACITY
        assert len(cloud.list()) == 1
        assert eventually(lambda: one.terminate(order(kept(kind)), first.handle))
        assert isinstance(settled(one, order(kept(kind), "three")), Running)


def faulted(one: Provider, wanted: Order) -> str:
    fault = one.launch(wanted)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.INVALID
    return fault.message


def test_a_reservation_that_does_not_exist_is_told_with_the_field_and_the_remedy(
    kind: Kind,
) -> None:
    cloud = stocked(kind, reserved=1)
    entry = f"{kind.region}/{kind.sku}={UNKNOWN[kind.name]}"
    with asked(kind, cloud, reservations=entry) as one:
        said = faulted(one, order(kept(kind)))
        assert said.startswith(f"{kind.name}: the account's field `reservations` names ")
        assert f" for {kind.region} {kind.sku}; correct the " in said
        assert cloud.list(gone=True) == []


UNKNOWN = {
    ProviderName.AZURE: "no-such-group",
    ProviderName.AWS: "cr-0123456789abcdef0",
    ProviderName.GCP: "us-central1-a/no-such-reservation",
    ProviderName.ORACLE: "ocid1.capacityreservation.oc1.us-ashburn-1.kept",
}


def test_a_place_for_which_none_is_named_is_told_so(kind: Kind) -> None:
    with asked(kind, stocked(kind, reserved=1), reservations="") as one:
        assert "names no reservation for" in faulted(one, order(kept(kind)))


def test_a_reservation_that_bears_another_broker_s_tag_is_left_alone(kind: Kind) -> None:
    if kind.name not in TAGGED:
        pytest.skip("a reservation of Google's bears no labels")
    cloud = stocked(kind, reserved=1)
    cloud.told.tags[kind.region, kept(kind).sold] = {OWNER_TAG: "somebody"}
    with asked(kind, cloud) as one:
        said = faulted(one, order(kept(kind)))
        assert "which bears the tag broker-owner=somebody" in said
        assert said.endswith(f"name one of {OWNER}'s own")
        cloud.told.tags[kind.region, kept(kind).sold] = {OWNER_TAG: OWNER}
        assert isinstance(settled(one, order(kept(kind))), Running)


def test_a_capacity_block_is_launched_into_as_one() -> None:
    (aws,) = [kind for kind in CLOUDS if kind.name is ProviderName.AWS]
    cloud = stocked(aws, reserved=1)
    cloud.told.reserved_as[aws.region, kept(aws).sold] = "capacity-block"
    with asked(aws, cloud) as one:
        assert isinstance(settled(one, order(kept(aws))), Running)


def test_a_reservation_of_google_s_that_anybody_uses_is_not_launched_into() -> None:
    (google,) = [kind for kind in CLOUDS if kind.name is ProviderName.GCP]
    cloud = stocked(google, reserved=1)
    cloud.told.reserved_as[google.region, kept(google).sold] = "open"
    with asked(google, cloud) as one:
        assert "specificReservationRequired" in faulted(one, order(kept(google)))
