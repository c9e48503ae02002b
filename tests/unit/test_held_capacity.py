"""The automatic desk accepts with room that its cloud keeps, and launches into it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from typing_extensions import override

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, RefusalReason
from broker.ports import Held, Order, Outcome, Refused
from tests.support.broker import AWS, EAST, WEST, Broker, a_broker, a_gang, work
from tests.support.pretend import PretendCloud


@dataclass(kw_only=True)
class KeepingCloud(PretendCloud):
    """A pretend cloud that keeps room; what is kept is off its stock until it is let go."""

    kept: dict[MachineName, Place] = field(default_factory=dict)

    def hold(self, order: Order) -> Outcome:
        if self.fault is not None:
            return self.fault
        if order.name not in self.kept:
            if self.stock.get(order.place, 0) < 1:
                return Refused(RefusalReason.NO_CAPACITY, "Full")
            self.stock[order.place] -= 1
            self.kept[order.name] = order.place
        return Held(f"room/{order.name}")

    @override
    def launch(self, order: Order) -> Outcome:
        if order.hold is not None and order.name not in self.there:
            assert order.hold == f"room/{order.name}"
            self.stock[self.kept[order.name]] += 1  # which the launch takes again
        return super().launch(order)

    @override
    def terminate(self, order: Order, handle: str | None) -> bool:
        ended = super().terminate(order, handle)
        room = self.kept.pop(order.name, None) if ended else None
        if room is not None and not any(name == order.name for name, _ in self.made):
            self.stock[room] += 1
        return ended


@contextmanager
def keeping(stock: dict[Place, int]) -> Iterator[tuple[Broker, KeepingCloud]]:
    with a_broker(stock) as broker:
        here = {place: count for place, count in stock.items() if place.provider == "azure"}
        cloud = KeepingCloud(name=ProviderName.AZURE, clock=broker.clock, stock=here)
        broker.clouds = {**broker.clouds, ProviderName.AZURE: cloud}
        yield broker, cloud


def test_an_offer_is_accepted_with_what_is_kept_and_the_machine_comes_after() -> None:
    with keeping({EAST: 1, AWS: 1}) as (broker, cloud):
        (job,) = broker.placed(work())
        assert broker.where(job) == [EAST]
        kinds = [fact.type for fact in broker.facts() if fact.data.get("job") == job]
        assert kinds.index("HolderCommitted") < kinds.index("LeaseActivated")
        assert len(cloud.kept) == len(cloud.made) == 1
        broker.exit(job)
        broker.wait(10)
        assert cloud.kept == {}
        assert cloud.stock[EAST] == 1


def test_no_machine_runs_before_the_holder_is_bound() -> None:
    with keeping({EAST: 1, AWS: 1}) as (broker, cloud):
        cloud.before_launch = lambda _: seen.append(len(broker.facts("OfferAccepted")))
        seen: list[int] = []
        broker.placed(work())
        assert seen == [1]


def test_a_gang_is_accepted_when_room_for_all_of_it_is_kept() -> None:
    with keeping({EAST: 2, WEST: 3, AWS: 9}) as (broker, cloud):
        (job,) = broker.placed(a_gang(3))
        assert broker.where(job) == [WEST] * 3
        assert sorted(cloud.kept.values()) == [WEST] * 3
        assert cloud.stock[EAST] == 2
        assert len(cloud.made) == 3


def test_what_is_kept_is_let_go_when_the_job_is_cancelled_in_the_window() -> None:
    with keeping({EAST: 1, AWS: 9}) as (broker, cloud):
        (job,) = broker.placed(work(units=2, chunk=2))
        broker.wait(5)
        broker.cancel(job)
        broker.wait(60)
        assert cloud.kept == {}
        assert cloud.stock[EAST] == 1
        assert cloud.there == {}


def test_a_machine_that_does_not_come_after_all_is_asked_for_again() -> None:
    with keeping({EAST: 2, AWS: 1}) as (broker, cloud):
        cloud.takes_s, cloud.vanish = 5, True
        (job,) = broker.placed(work())
        assert broker.states(job) == ["accepted"]
        broker.wait(6)
        cloud.vanish = False
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert len(broker.facts("OfferIssued")) == 1
