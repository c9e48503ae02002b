"""What every cloud is read to say of its places, over its own wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

import pytest

from broker.domain.advice import Thought
from broker.domain.market import Advice, Place
from broker.domain.values import ProviderName, Purchase
from broker.ports import Scout
from providers.emulators.cloud import Cloud, InjectedFault
from providers.emulators.wire import Wire
from providers.registry import SCOUTED, scout
from tests.support.clouds import CLOUDS, Kind

TELLS_STOCK = frozenset({ProviderName.GCP, ProviderName.ORACLE})
"""Whose interfaces say whether there is a machine on demand now; the others say it of spot."""


@pytest.fixture(params=CLOUDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@contextmanager
def looking(kind: Kind, cloud: Cloud, **changes: str) -> Iterator[Scout]:
    face, account = import_module(f"providers.emulators.{kind.name.value}").open_account(cloud)
    wire = Wire(face)
    try:
        yield scout(kind.name, {**account, "endpoint": wire.url, "read_s": "5", **changes})
    finally:
        wire.close()


def thoughts(one: Scout, *places: Place) -> Mapping[Place, Advice]:
    return {advice.place: advice for advice in one.advice(places)}


def test_every_cloud_with_a_scout_is_in_this_contract() -> None:
    assert {kind.name for kind in CLOUDS} == SCOUTED


def test_what_is_sold_is_told_from_what_is_not(kind: Kind) -> None:
    here = Place(kind.name, kind.region, kind.sku)
    never = Place(kind.name, kind.region, "no-such-machine")
    with looking(kind, Cloud(stock={(kind.region, kind.sku): 2})) as one:
        said = thoughts(one, here, never)
    assert not said[here].thought.adverse
    assert said[never].thought is Thought.NOT_SOLD
    assert said[never].because


def test_a_shortage_is_told_where_the_cloud_tells_it_and_a_rumour_is_believed(kind: Kind) -> None:
    here = Place(kind.name, kind.region, kind.sku)
    cloud = Cloud(stock={(kind.region, kind.sku): 0})
    with looking(kind, cloud) as one:
        empty = thoughts(one, here)[here].thought
        cloud.told.rumours[kind.region, kind.sku] = 3
        rumoured = thoughts(one, here)[here].thought
    tells = kind.name in TELLS_STOCK
    assert empty is (Thought.SHORT if tells else Thought.SOLD)
    assert rumoured is (Thought.LIKELY if tells else Thought.SOLD)


def test_our_own_limit_is_told_when_it_leaves_nothing(kind: Kind) -> None:
    here = Place(kind.name, kind.region, kind.sku)
    cloud = Cloud(stock={(kind.region, kind.sku): 9}, quota={(kind.region, kind.sku): 1})
    with looking(kind, cloud) as one:
        assert not thoughts(one, here)[here].thought.adverse
        if kind.name is ProviderName.AWS:  # which says what the limit is, not what is used of it
            cloud.quota[kind.region, kind.sku] = 0
        else:
            cloud.launch(key="k", name="k", region=kind.region, sku=kind.sku)
        said = thoughts(one, here)[here]
    assert said.thought is Thought.OVER_QUOTA
    assert said.because


@pytest.mark.parametrize(("left", "thought"), [(0, Thought.SHORT), (2, Thought.LIKELY)])
def test_spot_is_thought_of_by_itself(kind: Kind, left: int, thought: Thought) -> None:
    if kind.name is ProviderName.ORACLE:
        pytest.skip("Oracle sells preemptible machines from one stock with the others")
    spot = Place(kind.name, kind.region, kind.sku, Purchase.SPOT)
    stock = {(kind.region, kind.sku): 5, (kind.region, spot.sold): left}
    with looking(kind, Cloud(stock=stock)) as one:
        said = thoughts(one, spot)
    assert said[spot].thought is thought


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (403, "forbidden")])
def test_a_check_that_fails_says_nothing(kind: Kind, status: int, code: str) -> None:
    here = Place(kind.name, kind.region, kind.sku)
    cloud = Cloud(stock={(kind.region, kind.sku): 0})
    fault = InjectedFault(operation="scout", status=status, code=code, times=99)
    cloud.faults.add(fault)
    with looking(kind, cloud) as one:
        assert thoughts(one, here) == {}


def test_checks_after_one_that_failed_are_still_made(kind: Kind) -> None:
    """The first says that it is sold; the second breaks; nothing adverse follows from that."""
    here = Place(kind.name, kind.region, kind.sku)
    cloud = Cloud(stock={(kind.region, kind.sku): 1}, quota={(kind.region, kind.sku): 1})
    with looking(kind, cloud) as one:
        whole = thoughts(one, here)[here]
        cloud.faults.add(InjectedFault(operation="scout", dropped=True))
        cut = thoughts(one, here)
    assert not whole.thought.adverse
    assert all(not said.thought.adverse for said in cut.values())


def test_a_cloud_that_is_away_says_nothing(kind: Kind) -> None:
    here = Place(kind.name, kind.region, kind.sku)
    away = {"endpoint": "http://127.0.0.1:9", "connect_s": "0.2"}
    with looking(kind, Cloud(stock={(kind.region, kind.sku): 1}), **away) as one:
        assert thoughts(one, here) == {}


def test_credentials_that_are_no_good_say_nothing(kind: Kind) -> None:
    here = Place(kind.name, kind.region, kind.sku)
    with looking(kind, Cloud(stock={(kind.region, kind.sku): 1}), **kind.wrong) as one:
        assert thoughts(one, here) == {}


def test_an_account_without_what_is_needed_is_told_so(kind: Kind) -> None:
    with pytest.raises(ValueError, match=f"the {kind.name} account names no "):
        scout(kind.name, {"user": "u"} if kind.name is not ProviderName.ORACLE else {"tenancy": ""})


def test_more_shapes_than_a_report_takes_are_asked_in_several() -> None:
    (oracle,) = [kind for kind in CLOUDS if kind.name is ProviderName.ORACLE]
    shapes = [f"VM.GPU.{number}" for number in range(23)]
    cloud = Cloud(stock={(oracle.region, shape): 1 for shape in shapes})
    places = [Place(oracle.name, oracle.region, shape) for shape in shapes]
    with looking(oracle, cloud) as one:
        said = thoughts(one, *places)
    assert {advice.thought for advice in said.values()} == {Thought.LIKELY}
    assert len(said) == len(shapes)
