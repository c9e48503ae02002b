"""The spot market of a local cloud, and the files that stock and price it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pytest

from broker.domain.market import Place
from broker.domain.place import option
from broker.domain.stock import COLUMNS as STOCK
from broker.domain.stock import MalformedCapacity, Series, read_capacity
from broker.domain.values import ProviderName, Purchase, usd
from broker.store.rows import place_from
from providers.catalogue import COLUMNS, MalformedCatalogue, read
from providers.emulators.cloud import Cloud, Launched, MachineState, NotSold, Spot, TooDear

SPOT: Final = ("here", "gpu spot")


@dataclass
class Hand:
    """A clock that is moved by hand."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def a_machine(cloud: Cloud, key: str = "k", spot: Spot | None = Spot()) -> str:  # noqa: B008
    made = cloud.launch(key=key, name=key, region="here", sku="gpu", spot=spot)
    assert isinstance(made, Launched)
    return made.machine.id


def state(cloud: Cloud, machine: str) -> MachineState:
    found = cloud.get(machine)
    assert found is not None
    return found.state


def test_a_series_that_falls_takes_back_what_is_out() -> None:
    hand = Hand()
    cloud = Cloud(stock={SPOT: Series((0.0, 10.0), (1, 0))}, clock=hand)
    cloud.notice_s = 0.0
    machine = a_machine(cloud)
    cloud.balance()
    assert state(cloud, machine) is MachineState.RUNNING
    hand.at = 10.0
    cloud.balance()
    assert state(cloud, machine) is MachineState.GONE
    gone = cloud.get(machine)
    assert gone is not None
    assert gone.preempted


def test_what_was_bought_on_demand_is_nobodys_to_take() -> None:
    cloud = Cloud(stock={("here", "gpu"): 1, SPOT: 0})
    machine = a_machine(cloud, spot=None)
    cloud.restock("here", "gpu", 0)
    assert not cloud.evict(machine, 0)
    assert state(cloud, machine) is MachineState.RUNNING


def test_spot_is_not_sold_where_only_machines_on_demand_are() -> None:
    cloud = Cloud(stock={("here", "gpu"): 1})
    assert cloud.launch(key="k", name="k", region="here", sku="gpu", spot=Spot()) == NotSold()


def test_a_notice_is_given_once_and_ends_with_the_machine() -> None:
    cloud = Cloud(stock={SPOT: 1})
    machine = a_machine(cloud)
    assert cloud.evict(machine, 600)
    noticed = cloud.noticed(machine)
    assert noticed is not None
    assert cloud.evict(machine, 0)
    again = cloud.noticed(machine)
    assert again is not None
    assert again.notice_until_s == noticed.notice_until_s
    cloud.terminate(machine)
    assert not cloud.evict(machine, 0)
    gone = cloud.get(machine)
    assert gone is not None
    assert not gone.preempted


def test_a_price_above_the_cap_is_told_and_one_below_is_none() -> None:
    cloud = Cloud(stock={SPOT: 1})
    cloud.price("here", "gpu", Decimal(2))
    capped = Spot(Decimal("1.5"))
    told = cloud.launch(key="k", name="k", region="here", sku="gpu", spot=capped)
    assert told == TooDear(Decimal(2))
    assert a_machine(cloud, "uncapped")


def test_only_a_shell_script_is_told_where_it_is() -> None:
    cloud = Cloud(stock={SPOT: 2})
    cloud.exports, cloud.metadata = {"BROKER_CHECKPOINTS": "/kept here"}, "http://127.0.0.1:1"
    for script in (b"#!/bin/sh\necho\n", b"#!/usr/bin/python3\n"):
        key = script.decode()
        made = cloud.launch(
            key=key, name=key, region="here", sku="gpu", spot=Spot(), user_data=script
        )
        assert isinstance(made, Launched)
        started = cloud.started_with(made.machine)
        told = b"export BROKER_CHECKPOINTS='/kept here'\nexport BROKER_METADATA="
        assert (told in started) is script.startswith(b"#!/bin/sh")
        assert started.endswith(script.rpartition(b"/")[2][-5:])


def test_a_capacity_file_may_say_how_its_machines_are_bought() -> None:
    head, row = ",".join(STOCK), "aws,us-east-1,p5,0,10,3"
    plain = Place(ProviderName.AWS, "us-east-1", "p5")
    assert set(read_capacity([head, row])) == {plain}
    both = read_capacity([f"{head},purchase", f"{row},spot", f"{row},"])
    assert set(both) == {plain, plain._replace(purchase=Purchase.SPOT)}
    with pytest.raises(MalformedCapacity, match="line 2: purchase is 'cheap'; write one of"):
        read_capacity([f"{head},purchase", f"{row},cheap"])


def test_a_catalogue_sells_twice_what_has_a_spot_price() -> None:
    head, row = ",".join(COLUMNS), "aws,us-east-1,p5,H100,8,80,192,2048,55,X,2026-06-18"
    on_demand, spot = read([f"{head},spot_usd_hour", f"{row},20.5"], "own.csv")
    assert (on_demand.place.purchase, spot.place.purchase) == (Purchase.ON_DEMAND, Purchase.SPOT)
    assert (spot.price_usd_hour, spot.gpus) == (usd("20.5"), on_demand.gpus)
    assert len(read([f"{head},spot_usd_hour", f"{row},"], "own.csv")) == 1
    assert len(read([head, row], "own.csv")) == 1
    with pytest.raises(MalformedCatalogue, match=r"line 2: .*no more than usd_hour"):
        read([f"{head},spot_usd_hour", f"{row},56"], "own.csv")


def test_what_was_kept_before_there_was_a_choice_is_on_demand() -> None:
    kept = place_from('{"place":["aws","us-east-1","p5"]}')
    assert kept.place == Place(ProviderName.AWS, "us-east-1", "p5", Purchase.ON_DEMAND)
    assert option(kept.place.purchase) == {}
