"""A gang stands in one placement domain of its place, or it does not stand there at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from typing_extensions import override

from broker.domain.market import Place
from broker.domain.values import MachineName, RefusalReason
from broker.ports import Order, Outcome, Refused, Running
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, a_gang, work
from tests.support.pretend import PretendCloud


@dataclass(kw_only=True)
class ZonedCloud(PretendCloud):
    """A pretend cloud whose places have zones, each with a stock of its own."""

    zones: dict[Place, list[int]] = field(default_factory=dict)
    in_zone: dict[MachineName, int] = field(default_factory=dict)
    standing: list[Counter[int]] = field(default_factory=list)
    """How many of ours stood in each zone whenever a machine was asked for."""

    @override
    def launch(self, order: Order) -> Outcome:
        self.standing.append(Counter(self.in_zone.values()))
        if order.name in self.in_zone:
            return Running(order.name)
        zones = self.zones[order.place]
        asked = range(len(zones)) if order.domain is None else [order.domain]
        for zone in asked:
            if zones[zone] > 0:
                zones[zone] -= 1
                self.in_zone[order.name] = zone
                return super().launch(order)
        self.launches.append((order.name, order.place))
        left = 0 if order.domain is None else len(zones) - 1 - order.domain
        return Refused(RefusalReason.NO_CAPACITY, "Full", domains_left=left)

    @override
    def terminate(self, order: Order, handle: str | None) -> bool:
        ended = super().terminate(order, handle)
        zone = self.in_zone.pop(order.name, None) if ended else None
        if zone is not None:
            self.zones[order.place][zone] += 1
        return ended


@contextmanager
def zoned(**zones: list[int]) -> Iterator[tuple[Broker, dict[str, ZonedCloud]]]:
    named = {"azure": EAST, "aws": AWS, "gcp": GCP}
    stock = {named[name]: sum(counts) for name, counts in zones.items()}
    with a_broker(stock) as broker:
        clouds = {
            place.provider: ZonedCloud(
                name=place.provider,
                clock=broker.clock,
                stock={place: stock[place]},
                zones={place: zones[place.provider.value]},
            )
            for place in stock
        }
        broker.clouds = clouds
        yield broker, {name.value: cloud for name, cloud in clouds.items()}


def test_a_gang_goes_to_the_first_zone_that_takes_all_of_it() -> None:
    with zoned(azure=[2, 2, 3], aws=[9]) as (broker, clouds):
        (job,) = broker.placed(a_gang(3))
        broker.wait(10)
        assert broker.where(job) == [EAST] * 3
        assert Counter(clouds["azure"].in_zone.values()) == {2: 3}
        assert clouds["azure"].zones[EAST] == [2, 2, 0]


def test_stock_that_is_split_among_zones_is_not_enough_however_much_it_is() -> None:
    with zoned(azure=[2, 2, 2], aws=[2, 2], gcp=[1, 3]) as (broker, clouds):
        (job,) = broker.placed(a_gang(3))
        broker.wait(60)
        assert broker.where(job) == [GCP] * 3
        assert clouds["azure"].zones[EAST] == [2, 2, 2]
        assert clouds["aws"].zones[AWS] == [2, 2]
        refusals = broker.facts("PlaceRefused")
        assert [fact.data["units"] for fact in refusals] == [3, 3]
        assert [fact.data["provider"] for fact in refusals] == ["azure", "aws"]


def test_what_one_zone_gave_is_given_back_before_the_next_one_is_asked() -> None:
    with zoned(azure=[0], aws=[2, 3]) as (broker, clouds):
        (job,) = broker.placed(a_gang(3))
        broker.wait(10)
        assert broker.where(job) == [AWS] * 3
        cloud = clouds["aws"]
        assert all(len(standing) <= 1 for standing in cloud.standing)
        assert Counter(cloud.in_zone.values()) == {1: 3}


def test_other_jobs_take_what_there_is_in_any_zone() -> None:
    with zoned(azure=[1, 1, 1], aws=[9]) as (broker, clouds):
        (job,) = broker.placed(work(units=3))
        broker.wait(10)
        assert broker.where(job) == [EAST] * 3
        assert sorted(clouds["azure"].in_zone.values()) == [0, 1, 2]


def test_a_gang_that_stands_nowhere_leaves_nothing_behind() -> None:
    with zoned(azure=[1, 1], aws=[1, 1]) as (broker, clouds):
        (job,) = broker.placed(a_gang(2))
        broker.wait(60)
        assert broker.where(job) == []
        assert all(cloud.there == {} for cloud in clouds.values())
        assert replace(broker.job(job)).state.value == "queued"
