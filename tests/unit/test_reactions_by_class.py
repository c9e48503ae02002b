"""What follows from each class of answer: next place now, a long skip, later, an alert, an end."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from broker.domain.cool_downs import CoolDown, standing
from broker.domain.market import Place
from broker.domain.place import Reach
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import Fault, FaultKind, Order, Refused
from broker.steps.clear_cool_downs import Within, clear_cool_downs
from tests.support.broker import AWS, EAST, GCP, WEST, Broker, a_broker, in_regions, pool, work

AZURE, AMAZON = ProviderName.AZURE, ProviderName.AWS
P4 = Place(AMAZON, "us-east-1", "p4d.24xlarge")
P5 = Place(AMAZON, "us-east-1", "p5.48xlarge")
G5 = Place(AMAZON, "us-east-1", "g5.xlarge")
P4_WEST = Place(AMAZON, "us-west-2", "p4d.24xlarge")
CHEAPEST_FIRST = {EAST: "3.00", P4: "1.00", P5: "1.10", G5: "1.20", P4_WEST: "1.30", GCP: "1.40"}
POOLS = [pool(place, price) for place, price in CHEAPEST_FIRST.items()]
ALL_FULL = dict.fromkeys(CHEAPEST_FIRST, 0)


def cool_downs(broker: Broker) -> list[CoolDown]:
    return standing(broker.store.place_records.values(), broker.clock.at)


def asked(broker: Broker, cloud: ProviderName = AMAZON) -> list[Place]:
    """The places of a cloud in the order in which they were asked, each call once."""
    return [place for _, place in broker.clouds[cloud].launches]


# -- a no: capacity, quota, a kind that is not sold


def test_a_shortage_leads_to_the_next_place_at_once_and_to_no_further_conclusion() -> None:
    with a_broker({**ALL_FULL, P5: 1}, pools=POOLS) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [P5]
        assert asked(broker) == [P4, P5]
        assert {one.place: one.reach for one in cool_downs(broker)} == {
            EAST: Reach.PLACE,
            P4: Reach.PLACE,
        }


@pytest.mark.parametrize(
    ("reach", "next_asked"),
    [
        (Reach.PLACE, P5),
        (Reach.FAMILY, G5),
        (Reach.ZONE, P4_WEST),
        (Reach.REGION, P4_WEST),
        (Reach.CLOUD, GCP),
    ],
)
def test_a_quota_skips_all_that_it_reaches_for_as_long_as_it_cools_down(
    reach: Reach, next_asked: Place
) -> None:
    stock = {**ALL_FULL, P5: 9, G5: 9, P4_WEST: 9, GCP: 9}
    with a_broker(stock, pools=POOLS) as broker:
        broker.clouds[AMAZON].says_no = Refused(
            RefusalReason.OVER_QUOTA, "VcpuLimitExceeded", "too many", reach
        )
        (job,) = broker.placed(work())
        assert broker.where(job) == [next_asked]
        (told,) = broker.facts("PlaceRefused", provider="aws")
        assert told.data["scope"] == reach
        broker.wait(179)
        (again,) = broker.placed(work())
        assert broker.where(again) == [next_asked]
        assert asked(broker).count(P4) == 1
        broker.wait(2)
        broker.placed(work())
        assert asked(broker).count(P4) == 2


def test_a_kind_that_is_not_sold_is_not_asked_for_again_the_same_day() -> None:
    with a_broker({**ALL_FULL, GCP: 9}, pools=POOLS) as broker:
        broker.clouds[AMAZON].says_no = Refused(RefusalReason.NOT_STOCKED, "Unsupported")
        broker.placed(work())
        broker.wait(timedelta(hours=22).total_seconds())
        broker.placed(work())
        assert asked(broker).count(P4) == 1


@pytest.mark.parametrize("reach", [Reach.REGION, Reach.CLOUD])
def test_the_holder_is_asked_at_each_of_its_places_whatever_one_of_them_says_of_all(
    reach: Reach,
) -> None:
    with a_broker({EAST: 0, WEST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.says_no = Refused(RefusalReason.OVER_QUOTA, "QuotaExceeded", "all of it", reach)
        (job,) = broker.placed(work())
        assert broker.where(job) == [WEST]
        assert not broker.facts("UnitsReleased")


# -- too many calls


def test_who_is_throttled_waits_as_long_as_the_cloud_says_and_so_does_everybody_there() -> None:
    with a_broker({EAST: 9, WEST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = Fault(FaultKind.THROTTLED, "TooMany", "slow", 20, Reach.CLOUD)
        jobs = broker.placed(work(), work(), work())
        azure.fault = None
        jobs += broker.placed(work())
        broker.wait(19)
        assert len(azure.launches) == 1
        assert "TooMany" in broker.job(jobs[-1]).trouble
        (told,) = broker.facts("PlaceTroubled")
        assert (told.data["kind"], told.data["scope"]) == ("throttled", "cloud")
        broker.wait(2)
        assert all(broker.where(job) == [EAST] for job in jobs)
        assert all(broker.job(job).trouble == "" for job in jobs)
        assert not broker.facts("UnitsReleased")


def test_a_limit_of_one_region_leaves_the_others_alone() -> None:
    with a_broker({**ALL_FULL, P4: 9, P4_WEST: 9}, pools=POOLS) as broker:
        aws = broker.clouds[AMAZON]

        def throttles_the_east(order: Order) -> None:
            there = order.place.region == "us-east-1"
            limit = Fault(FaultKind.THROTTLED, "TooMany", "slow", 60, Reach.REGION)
            aws.fault = limit if there else None

        aws.before_launch = throttles_the_east
        (held_up,) = broker.placed(work())
        (elsewhere,) = broker.placed(work(limits=in_regions("us-west-2")))
        assert broker.states(held_up) == ["committed"]
        assert broker.where(elsewhere) == [P4_WEST]
        aws.before_launch = lambda _: None
        aws.fault = None
        broker.wait(61)
        assert broker.where(held_up) == [P4]


def test_without_a_word_for_how_long_the_pauses_grow() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = Fault(FaultKind.THROTTLED, "TooMany")
        broker.placed(work(), work())
        calls = []
        for _ in range(6):
            broker.wait(60)
            calls.append(len(azure.launches))
        grown = [later - earlier for earlier, later in pairwise(calls)]
        assert calls[0] <= 7
        assert grown[-3:] == [1, 1, 1]


def test_a_unit_held_up_by_a_limit_on_calls_is_not_let_go_when_its_window_ends() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        broker.placed(work())
        azure.takes_s = 1000
        (job,) = broker.placed(work(units=2))
        azure.fault = Fault(FaultKind.THROTTLED, "TooMany", "", 3000)
        broker.wait(1000)
        assert not broker.facts("UnitsReleased", job=job)


# -- credentials


EXPIRED = Fault(FaultKind.AUTH, "Expired", "AWS, access key AK: renew it", None, Reach.CLOUD)


def test_bad_credentials_skip_the_whole_cloud_for_one_call_and_alert() -> None:
    with a_broker({**ALL_FULL, GCP: 99}, pools=POOLS) as broker:
        aws = broker.clouds[AMAZON]
        aws.fault = EXPIRED
        jobs = broker.placed(*[work()] * 20)
        broker.wait(60)
        assert all(broker.where(job) == [GCP] for job in jobs)
        assert len(aws.launches) == 1
        (alert,) = [one for one in cool_downs(broker) if one.alert]
        assert (alert.place.provider, alert.reach, alert.why) == (AMAZON, Reach.CLOUD, "auth")
        assert alert.message == EXPIRED.message
        (told,) = broker.facts("PlaceTroubled")
        assert told.data["scope"] == "cloud"


def test_a_cloud_whose_credentials_were_renewed_is_asked_again_once_it_has_cooled_down() -> None:
    with a_broker({**ALL_FULL, P4: 9, GCP: 99}, pools=POOLS) as broker:
        aws = broker.clouds[AMAZON]
        aws.fault = EXPIRED
        broker.placed(work())
        aws.fault = None
        broker.wait(599)
        (before,) = broker.placed(work())
        broker.wait(2)
        (after,) = broker.placed(work())
        assert (broker.where(before), broker.where(after)) == ([GCP], [P4])


def test_a_holder_with_bad_credentials_keeps_its_right_and_is_tried_twice_a_minute() -> None:
    with a_broker({EAST: 99, WEST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = EXPIRED
        jobs = broker.placed(*[work()] * 10)
        broker.wait(7200)
        assert not broker.facts("UnitsReleased", "OfferDelivered", "ThirdPartyCommitted")
        assert all("Expired" in broker.job(job).trouble for job in jobs)
        assert len(azure.launches) <= 7200 / 30 + 1
        azure.fault = None
        broker.wait(31)
        assert all(broker.where(job) == [EAST] for job in jobs)
        assert [one for one in cool_downs(broker) if one.why == "auth"] == []
        opened = broker.facts("CoolDownCleared")
        assert {fact.data["by"] for fact in opened} == {"broker"}


# -- what is asked for cannot be


def test_a_mistake_in_the_account_closes_the_place_and_moves_a_third_party_s_order_on() -> None:
    with a_broker({**ALL_FULL, P4: 9, GCP: 9}, pools=POOLS) as broker:
        aws = broker.clouds[AMAZON]
        aws.fault = Fault(FaultKind.INVALID, "InvalidAMIID", "image: none", None, Reach.REGION)
        (job,) = broker.placed(work())
        assert broker.where(job) == [GCP]
        assert asked(broker) == [P4, P4_WEST]


def test_a_quota_that_was_never_raised_is_an_alert_and_no_refusal_of_the_holder_s() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = Fault(FaultKind.NO_QUOTA, "QuotaExceeded", "ask", None, Reach.FAMILY)
        broker.placed(work())
        broker.wait(3600)
        assert not broker.facts("UnitsReleased", "PlaceRefused")
        assert [one.reach for one in cool_downs(broker) if one.alert] == [Reach.FAMILY]


@pytest.mark.parametrize("at", [EAST, P4])
def test_a_wish_that_no_cloud_can_grant_ends_the_job_and_spills_nowhere(at: Place) -> None:
    with a_broker({**ALL_FULL, EAST: 0 if at == P4 else 9, GCP: 9}, pools=POOLS) as broker:
        cloud = broker.clouds[at.provider]
        cloud.fault = Fault(FaultKind.BAD_WISH, "MaxPriceValueInvalid", "max price: below 0")
        (job,) = broker.placed(work())
        (unmet,) = broker.facts("JobUnmet", job=job)
        assert "max price: below 0" in unmet.data["reason"]
        assert broker.clouds[ProviderName.GCP].launches == []
        assert not [fact for fact in broker.facts("UnitsReleased") if at == EAST]
        cloud.fault = None
        broker.wait(60)
        assert sum(len(one.there) for one in broker.clouds.values()) == 0


# -- an operator clears


def clear(broker: Broker, provider: ProviderName, region: str | None = None) -> list[CoolDown]:
    broker.store.clock = broker.clock
    within = Within(provider=provider, region=region)
    found = clear_cool_downs(within, "op", "renewed", broker.store)
    broker.settle()
    return found


def test_a_cleared_cloud_is_asked_again_at_once() -> None:
    with a_broker({**ALL_FULL, P4: 9}, pools=POOLS) as broker:
        aws = broker.clouds[AMAZON]
        aws.fault = EXPIRED
        (job,) = broker.placed(work())
        assert broker.states(job) == ["released"]
        aws.fault = None
        (cleared,) = [one for one in clear(broker, AMAZON) if one.effect == "closed"]
        assert cleared.reach is Reach.CLOUD
        assert broker.where(job) == [P4]
        (fact, *_) = broker.facts("CoolDownCleared")
        assert (fact.data["by"], fact.data["reason"]) == ("op", "renewed")


def test_a_cleared_refusal_of_the_holder_s_makes_what_it_released_stale() -> None:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work())
        assert broker.states(job) == ["released"]
        broker.wait(1)
        broker.clouds[AZURE].stock[EAST] = 1
        clear(broker, AZURE, "eastus")
        assert broker.where(job) == [EAST]
        (expired,) = broker.facts("ReleaseExpired")
        assert expired.data["why"] == "stale"
        assert len(broker.facts("OfferIssued", job=job)) == 2


def test_what_was_bought_under_a_release_stays_bought_when_its_refusal_is_cleared() -> None:
    with a_broker({EAST: 0, AWS: 1}) as broker:
        (job,) = broker.placed(work())
        broker.clouds[AZURE].stock[EAST] = 1
        clear(broker, AZURE)
        broker.wait(60)
        assert broker.where(job) == [AWS]


def test_a_region_is_cleared_with_its_places_and_nothing_else_is() -> None:
    with a_broker(ALL_FULL, pools=POOLS) as broker:
        broker.placed(work())
        before = {one.place for one in cool_downs(broker)}
        assert {P4, P5, G5, P4_WEST} <= before
        gone = {one.place for one in clear(broker, AMAZON, "us-west-2")}
        assert gone == {P4_WEST}


def test_clearing_what_is_not_there_changes_nothing() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        broker.placed(work())
        facts = len(broker.facts())
        assert clear(broker, AMAZON) == []
        assert len(broker.facts()) == facts
