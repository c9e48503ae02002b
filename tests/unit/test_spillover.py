"""What happens once units are released (design 3.5, T17, T19 to T22)."""

from __future__ import annotations

import pytest

from broker.agreements.registry import agreements
from broker.domain.agreement import Agreement
from broker.domain.offer import Desk
from broker.domain.values import ProviderName, usd
from broker.domain.workload import Limits, WorkClass
from tests.support.broker import (
    AWS,
    EAST,
    GCP,
    ORACLE,
    OWN,
    WEST,
    a_broker,
    a_gang,
    in_regions,
    pool,
    work,
)
from tests.support.editions import spoilt

FILE = "azure-first-refusal.yaml"
PROVISION_S, CURE_S = 7200, 900


def with_tail(tail: str) -> Agreement:
    text = spoilt(FILE, "tail: PT24H, tolerance_price: 0.00, tail_from: window_end", tail)
    return agreements({FILE: text})["azure-first-refusal"]


def test_third_parties_are_asked_cheapest_first() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 0, ORACLE: 1}) as broker:
        (job,) = broker.placed(work())
        asked = [fact.data["provider"] for fact in broker.facts("ThirdPartyCommitted")]
        assert asked == ["aws", "gcp", "oracle"]
        assert broker.where(job) == [ORACLE]


def test_a_third_party_that_fails_is_followed_by_the_next_under_the_same_release() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 1}) as broker:
        broker.clouds[ProviderName.AWS].takes_s = 30
        (job,) = broker.placed(work())
        assert broker.states(job) == ["committed"]
        broker.wait(60)
        assert broker.where(job) == [GCP]
        (failed,) = broker.facts("CommitmentFailed")
        assert (failed.data["provider"], failed.data["code"]) == ("aws", "Full")
        assert len(broker.facts("UnitsReleased")) == 1
        assert len(broker.facts("OfferIssued")) == 1
        first, second = broker.facts("ThirdPartyCommitted")
        assert first.data["cites"] == second.data["cites"]


def test_a_job_that_finds_no_third_party_waits_and_tries_again() -> None:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work())
        assert broker.states(job) == ["released"]
        broker.clouds[ProviderName.AWS].stock[AWS] = 1
        broker.wait(179)
        assert broker.states(job) == ["released"]
        broker.wait(1)
        assert broker.where(job) == [AWS]
        assert broker.clouds[ProviderName.AWS].calls_to(AWS) == 2


def test_a_stale_refusal_means_that_the_holder_is_asked_again() -> None:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work())
        broker.clouds[ProviderName.AZURE].stock[EAST] = 1
        broker.wait(15 * 60)
        assert broker.where(job) == [EAST]
        assert broker.facts("ReleaseExpired")[0].data["why"] == "stale"
        assert [fact.data["version"] for fact in broker.facts("OfferIssued")] == [1, 2]


def test_nothing_is_committed_after_the_tail_and_a_new_offer_is_due() -> None:
    five = with_tail("tail: PT5M, tolerance_price: 0.00, tail_from: window_end")
    with a_broker({EAST: 1, AWS: 0}, agreement=five, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(900)
        assert broker.states(job) == ["released"]
        broker.wait(299)
        broker.clouds[ProviderName.AWS].stock[AWS] = 1
        broker.wait(1)
        assert broker.facts("ReleaseExpired")[0].data["why"] == "tail"
        assert broker.states(job) == ["offered"]


def test_a_tail_may_run_from_the_notice() -> None:
    ten = with_tail("tail: PT16M, tolerance_price: 0.00, tail_from: notice")
    with a_broker({EAST: 1, AWS: 0}, agreement=ten, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(16 * 60 - 1)
        assert broker.states(job) == ["released"]
        broker.wait(1)
        assert broker.states(job) == ["offered"]


def test_nobody_dearer_than_the_notice_is_committed() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 1, ORACLE: 1}) as broker:
        (job,) = broker.placed(work(limits=Limits(max_price_usd_hour=usd("2.55"))))
        assert broker.facts("OfferIssued")[0].data["terms"]["price_usd_hour"] == "2.55"
        assert broker.states(job) == ["released"]
        broker.wait(3600)
        assert {f.data["provider"] for f in broker.facts("ThirdPartyCommitted")} == {"aws"}


def test_a_clause_may_tolerate_a_price_a_little_higher() -> None:
    tolerant = with_tail("tail: PT24H, tolerance_price: 0.05, tail_from: window_end")
    limits = Limits(max_price_usd_hour=usd("2.50"))
    with a_broker({EAST: 0, GCP: 1, ORACLE: 1}, agreement=tolerant) as broker:
        (job,) = broker.placed(work(limits=limits))
        assert broker.where(job) == [GCP]
    with a_broker({EAST: 0, ORACLE: 1}, agreement=tolerant) as broker:
        (job,) = broker.placed(work(limits=limits))
        assert broker.states(job) == ["released"]


def test_a_notice_without_a_limit_names_the_highest_list_price_the_holders_included() -> None:
    pools = [pool(EAST, "3.00"), pool(AWS, "2.00"), pool(GCP, "4.00")]
    with a_broker({EAST: 0, AWS: 0, GCP: 1}, pools=pools) as broker:
        (job,) = broker.placed(work())
        assert broker.facts("OfferIssued")[0].data["terms"]["price_usd_hour"] == "4"
        assert broker.where(job) == [GCP]


def test_a_place_of_the_holders_above_the_limit_refuses_as_not_economic() -> None:
    with a_broker({EAST: 9, WEST: 9, AWS: 1}) as broker:
        (job,) = broker.placed(work(limits=Limits(max_price_usd_hour=usd("2.90"))))
        assert broker.facts("OfferRefused")[0].data["reason"] == "not_economic"
        assert broker.clouds[ProviderName.AZURE].launches == []
        assert broker.where(job) == [AWS]


def test_a_holder_without_such_a_machine_is_offered_the_job_all_the_same() -> None:
    pools = [pool(EAST, accelerator="V100"), pool(AWS)]
    with a_broker({EAST: 9, AWS: 1}, pools=pools) as broker:
        (job,) = broker.placed(work())
        assert broker.facts("OfferRefused")[0].data["reason"] == "spec_unsupported"
        assert broker.where(job) == [AWS]


def test_only_the_regions_of_the_job_are_asked() -> None:
    with a_broker({EAST: 0, WEST: 1, AWS: 1, GCP: 1}) as broker:
        (job,) = broker.placed(work(limits=in_regions("us-*", "eastus")))
        assert broker.where(job) == [AWS]
        assert broker.clouds[ProviderName.AZURE].calls_to(WEST) == 0


def test_an_own_pool_that_is_carved_out_is_cited_as_such_under_a_release() -> None:
    with a_broker({EAST: 0, OWN: 1, AWS: 1}) as broker:
        from_research = work(work_class=WorkClass.RESEARCH)
        (job,) = broker.placed(from_research)
        assert broker.where(job) == [OWN]
        assert broker.facts("ThirdPartyCommitted")[0].data["basis"] == "carve_out"


@pytest.mark.parametrize("size", [1, 3])
def test_what_is_accepted_and_not_delivered_is_in_default_and_released_once(size: int) -> None:
    stock = {EAST: 0, AWS: 9}
    asked = work() if size == 1 else a_gang(size)
    with a_broker(stock, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(asked)
        broker.answer(job, holds=[(EAST, size)])
        broker.wait(PROVISION_S + CURE_S - 1)
        assert broker.states(job) == ["accepted"] * size
        broker.wait(1)
        broker.settle()
        assert broker.offer(job).state == "defaulted"
        assert broker.where(job) == [AWS] * size
        (released,) = broker.facts("UnitsReleased")
        assert released.data["basis"] == "default"
        assert len(broker.facts("OfferIssued")) == 1


def test_only_what_was_not_delivered_is_released() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=2))
        broker.answer(job, holds=[(EAST, 2)])
        broker.wait(PROVISION_S + CURE_S)
        assert sorted(broker.where(job)) == sorted([EAST, AWS])
        (default,) = broker.facts("HolderDefaulted")
        assert len(default.data["units"]) == 1


def test_a_delivery_in_the_cure_period_is_no_default() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = PROVISION_S + 60
        (job,) = broker.placed(work())
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(PROVISION_S + CURE_S - 1)
        assert broker.where(job) == [EAST]
        assert broker.offer(job).state == "fulfilled"


def test_a_holder_that_accepted_is_asked_again_until_it_delivers() -> None:
    with a_broker({EAST: 0, AWS: 9}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(60)
        broker.clouds[ProviderName.AZURE].stock[EAST] = 1
        broker.wait(15)
        assert broker.where(job) == [EAST]
        assert broker.clouds[ProviderName.AZURE].calls_to(EAST) == 8
        assert len(broker.facts("PlaceRefused")) == 1


def test_units_in_default_are_not_offered_again_while_their_release_lasts() -> None:
    with a_broker({EAST: 0, AWS: 0}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(PROVISION_S + CURE_S + 20 * 3600)
        assert len(broker.facts("OfferIssued")) == 1
        assert broker.states(job) == ["released"]
        broker.wait(5 * 3600)
        assert broker.facts("ReleaseExpired")[0].data["why"] == "tail"
