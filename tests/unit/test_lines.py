"""The cost of waiting: of those who want just the same, one asks and the others stand in line."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from broker.agreements.registry import shipped
from broker.domain.agreement import Agreement
from broker.domain.values import RefusalReason, instant_text, usd
from broker.domain.workload import Limits, Workload
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.provision import provision
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, WEST, Broker, a_broker, a_gang, work

JOBS = 30
EXCLUSIVE = shipped()["exclusive"]
OPEN = shipped()["open"]


def asked_after(broker: Broker, begun: str) -> Counter[tuple[str, str]]:
    """How often an order was put, or a place asked, in one instant."""
    asked = broker.facts("OfferIssued", "HolderCommitted", "ThirdPartyCommitted")
    return Counter((fact.at, fact.data.get("region", "")) for fact in asked if fact.at > begun)


@pytest.mark.parametrize("agreement", [EXCLUSIVE, OPEN], ids=["exclusive", "open"])
@pytest.mark.parametrize("asked", [work(), a_gang(2)], ids=["single units", "gangs"])
def test_a_backlog_asks_once_for_all_whenever_a_refusal_ends(
    agreement: Agreement, asked: Workload
) -> None:
    with a_broker({EAST: 0, WEST: 0, AWS: 0}, agreement=agreement) as broker:
        broker.placed(*[asked] * JOBS)
        broker.wait(60)
        begun = instant_text(broker.clock.at)
        broker.wait(5 * 3600)
        later = asked_after(broker, begun)
        assert later
        assert set(later.values()) == {1}


def test_no_order_is_issued_while_every_place_of_the_holder_stands_refused() -> None:
    with a_broker({EAST: 2, WEST: 0}, agreement=EXCLUSIVE) as broker:
        jobs = broker.placed(*[work()] * JOBS)
        for job in [job for job in jobs if broker.active(job)]:
            broker.wait(1700)
            broker.exit(job)
        broker.wait(1700)
        shut: dict[str, str] = {}
        for fact in broker.facts("PlaceRefused", "OfferIssued", "LeaseEnded"):
            if fact.type == "LeaseEnded":
                shut.clear()
            elif fact.type == "PlaceRefused":
                shut[fact.data["region"]] = fact.data["valid_until"]
            else:
                assert any(fact.at >= until for until in shut.values()) or len(shut) < 2


def test_who_is_first_in_line_has_what_another_lets_go_of_at_once() -> None:
    with a_broker({EAST: 3}, agreement=EXCLUSIVE) as broker:
        jobs = broker.placed(*[work()] * 6)
        broker.wait(100)
        for done in range(3):
            assert [broker.active(job) for job in jobs[done:]] == [True] * 3 + [False] * (3 - done)
            broker.exit(jobs[done])


def test_the_line_is_served_to_its_end_when_stock_comes() -> None:
    with a_broker({EAST: 0}, agreement=EXCLUSIVE) as broker:
        jobs = broker.placed(*[work()] * JOBS)
        broker.wait(3000)
        broker.clouds[EAST.provider].stock[EAST] = JOBS
        broker.wait(900)
        assert all(broker.active(job) for job in jobs)


def test_a_place_too_dear_for_the_order_does_not_keep_the_job_asking() -> None:
    cheap = work(limits=Limits(max_price_usd_hour=usd("3.05")))
    with a_broker({EAST: 0, WEST: 9}, agreement=EXCLUSIVE) as broker:
        broker.placed(cheap, cheap)
        broker.wait(600)
        assert len(broker.facts("PlaceRefused")) == 1
        assert len(broker.facts("OfferIssued")) == 2


def test_a_person_who_refused_an_order_is_not_asked_again_at_once() -> None:
    with a_broker({EAST: 5}, agreement=EXCLUSIVE) as broker:
        broker.clouds[EAST.provider].takes_s = 60
        (job,) = broker.placed(work())
        broker.answer(job, AnswerKind.REFUSE, reason=RefusalReason.STRATEGIC)
        broker.settle()
        refused = broker.clock.at
        broker.wait(1000)
        again = [fact.at for fact in broker.facts("OfferIssued")][1:]
        assert again
        assert all(datetime.fromisoformat(at) >= refused + timedelta(minutes=15) for at in again)


def test_the_next_heads_its_line_when_a_job_that_headed_it_failed() -> None:
    with a_broker({EAST: 1}, agreement=OPEN) as broker:
        head, behind = broker.placed(work(units=2), work())
        broker.wait(10)
        assert broker.states(head) == ["active", "pending"]
        broker.exit(head, code=1)
        assert broker.active(behind)


def looks(broker: Broker, hours: int) -> int:
    """How many jobs placement looks at in so many hours."""
    end, looked = broker.clock.at + timedelta(hours=hours), 0
    while (due := broker.store.next_due()) is not None and due <= end:
        broker.clock.at = max(due, broker.clock.at)
        looked += place_round(broker.store, broker.rules)
        put_offers(broker.store, broker.rules)
        for name, cloud in broker.clouds.items():
            provision(name, cloud, broker.store, broker.rules)
    return looked


def test_a_backlog_is_looked_at_hardly_more_often_than_one_job() -> None:
    looked = []
    for jobs in (1, 100):
        with a_broker({EAST: 0, AWS: 0}, agreement=OPEN) as broker:
            broker.placed(*[work()] * jobs)
            looked.append(looks(broker, hours=100))
    alone, among = looked
    assert among < alone + 100 * 10
