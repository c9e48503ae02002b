"""Places are looked into before they are asked: it decides between equals, and refuses nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from typing_extensions import override

from broker.agreements.read import read_recorded
from broker.domain.advice import GOOD_FOR, Thought
from broker.domain.explain import explain
from broker.domain.market import Advice, Place
from broker.domain.values import ProviderName
from broker.domain.workload import WorkClass
from broker.steps import scout as scouting
from broker.steps.quote import quote_job
from broker.steps.scout import FRESH, STALE, look_into
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, pool, work

AWS_WEST = Place(ProviderName.AWS, "us-west-2", "p4")
SHORT, NOT_SOLD, SOLD = Thought.SHORT, Thought.NOT_SOLD, Thought.SOLD


@dataclass
class PretendScout:
    """Says what it was told to say, and counts what it was asked."""

    name: ProviderName
    thinks: Mapping[Place, Thought]
    asked: list[Place] = field(default_factory=list)
    together: threading.Barrier | None = None

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        if self.together is not None:
            self.together.wait(10)
        assert len({place.region for place in places}) == 1
        self.asked += places
        return [
            Advice(place=place, thought=self.thinks[place], because="a look")
            for place in places
            if place in self.thinks
        ]


def looked(broker: Broker, **thinks: Mapping[Place, Thought]) -> list[PretendScout]:
    scouts = [PretendScout(ProviderName(name), said) for name, said in thinks.items()]
    for one in scouts:
        look_into(one.name, one, broker.store, broker.rules)
    return scouts


def test_among_equals_the_one_thought_to_be_short_comes_last() -> None:
    stock = {EAST: 0, AWS: 9, GCP: 9}
    with a_broker(stock, pools=[pool(p, "2.50") for p in stock]) as broker:
        looked(broker, aws={AWS: SHORT})
        (job,) = broker.placed(work())
        assert broker.where(job) == [GCP]
        (advised,) = broker.facts("PlaceAdvised")
        (bought,) = broker.facts("ThirdPartyCommitted")
        assert bought.data["passed_over"] == [advised.data["advice"]]


def test_without_advice_the_first_by_name_is_taken() -> None:
    stock = {EAST: 0, AWS: 9, GCP: 9}
    with a_broker(stock, pools=[pool(p, "2.50") for p in stock]) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [AWS]


def test_a_shortage_that_is_only_thought_of_is_worth_no_money() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        looked(broker, aws={AWS: SHORT})
        (job,) = broker.placed(work())
        assert broker.where(job) == [AWS]


def test_a_place_known_not_to_sell_it_comes_after_dearer_ones_and_is_asked_all_the_same() -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 1}) as broker:
        looked(broker, aws={AWS: NOT_SOLD})
        first, second = broker.placed(work(), work(name="second"))
        assert broker.where(first) == [GCP]
        broker.wait(300)
        assert broker.where(second) == [AWS]
        assert broker.clouds[ProviderName.AWS].calls_to(AWS) == 1


@pytest.mark.parametrize("thought", [SHORT, NOT_SOLD])
def test_advice_says_no_for_nobody_least_of_all_for_the_holder(thought: Thought) -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        looked(broker, azure={EAST: thought}, aws={AWS: thought})
        first, second = broker.placed(work(), work(name="second"))
        assert broker.where(first) == [EAST]
        broker.wait(60)
        assert broker.where(second) == [AWS]


def test_old_advice_is_gone_by_no_more() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        looked(broker, aws={AWS: NOT_SOLD})
        broker.wait(GOOD_FOR[NOT_SOLD].total_seconds())
        (job,) = broker.placed(work())
        assert broker.where(job) == [AWS]


def test_good_news_is_kept_and_not_told() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        looked(broker, aws={AWS: SOLD})
        with broker.store.transaction() as tx:
            assert tx.advice()[AWS].as_of == broker.clock.at
        assert broker.facts("PlaceAdvised") == []


def test_bad_news_is_told_anew_only_when_it_is_half_over() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        half = GOOD_FOR[NOT_SOLD] / 2
        for waits, told in ((timedelta(), 1), (STALE, 1), (half - STALE, 2)):
            broker.wait(waits.total_seconds() + 1)
            looked(broker, aws={AWS: NOT_SOLD})
            assert len(broker.facts("PlaceAdvised")) == told


def test_a_place_is_looked_into_again_when_what_is_known_of_it_is_old() -> None:
    with a_broker({EAST: 1, AWS: 1, AWS_WEST: 1}, pools=[pool(EAST), pool(AWS)]) as broker:
        scout = PretendScout(ProviderName.AWS, {AWS: SOLD})
        counts = []
        for waits in (timedelta(), FRESH * 2, STALE):
            broker.wait(waits.total_seconds())
            look_into(scout.name, scout, broker.store, broker.rules)
            counts.append(len(scout.asked))
        assert counts == [1, 1, 2]


def test_where_somebody_waits_for_the_holder_what_is_known_must_be_fresh() -> None:
    other = pool(AWS_WEST, "5.00", accelerator="V100")
    with a_broker({EAST: 1, AWS: 1, AWS_WEST: 1}, pools=[pool(EAST), pool(AWS), other]) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = 200
        scout = PretendScout(ProviderName.AWS, {AWS: SOLD, AWS_WEST: SOLD})
        look_into(scout.name, scout, broker.store, broker.rules)
        assert sorted(scout.asked) == [AWS, AWS_WEST]
        scout.asked.clear()
        broker.placed(work())
        broker.wait(FRESH.total_seconds() + 1)
        look_into(scout.name, scout, broker.store, broker.rules)
        assert scout.asked == [AWS]


def test_regions_are_looked_into_at_the_same_time() -> None:
    with a_broker({EAST: 1, AWS: 1, AWS_WEST: 1}, pools=[pool(AWS), pool(AWS_WEST, "3")]) as broker:
        both = PretendScout(
            ProviderName.AWS, {AWS: SOLD, AWS_WEST: SOLD}, together=threading.Barrier(2)
        )
        assert look_into(both.name, both, broker.store, broker.rules) == 2


def test_who_does_not_answer_in_time_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scouting, "_LIMIT_S", 0.05)
    over = threading.Event()

    class Slow(PretendScout):
        @override
        def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
            if places[0] == AWS_WEST:
                over.wait(10)
            return super().advice(places)

    with a_broker({EAST: 1, AWS: 1, AWS_WEST: 1}, pools=[pool(AWS), pool(AWS_WEST, "3")]) as broker:
        slow = Slow(ProviderName.AWS, {AWS: SOLD, AWS_WEST: NOT_SOLD})
        try:
            assert look_into(slow.name, slow, broker.store, broker.rules) == 1
        finally:
            over.set()
        with broker.store.transaction() as tx:
            assert list(tx.advice()) == [AWS]


def test_a_quote_shows_what_is_thought_and_how_old_that_is() -> None:
    with a_broker({EAST: 1, AWS: 1, GCP: 1}) as broker:
        looked(broker, aws={AWS: SHORT})
        broker.wait(40)
        quote = quote_job(work(), broker.store, broker.rules, {})
        (row,) = [row for row in quote.offers if row.provider == "aws"]
        assert row.why.endswith("; thought to have none now, 40 s ago: a look")


def test_an_explanation_shows_the_advice_that_put_a_place_behind() -> None:
    stock = {EAST: 0, AWS: 9, GCP: 9}
    with a_broker(stock, pools=[pool(p, "2.50") for p in stock]) as broker:
        looked(broker, aws={AWS: SHORT})
        (job,) = broker.placed(work(work_class=WorkClass.BATCH_INFERENCE))
        told = explain(broker.facts(), job, read_recorded)
        (row,) = [row for row in told.not_asked if row.provider == "aws"]
        assert row.because == "thought to have none now as of 2026-03-02T12:00:00.000000Z (a look)"
