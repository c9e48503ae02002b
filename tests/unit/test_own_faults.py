"""Mistakes of ours and slow clouds: none is a refusal (design 3.5, cases 14 and 15)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.domain.offer import Desk
from broker.domain.values import MachineName, ProviderName
from broker.ports import Fault, FaultKind, Order
from tests.support.broker import AWS, EAST, GCP, WEST, a_broker, a_gang, work

AZURE = ProviderName.AZURE
OURS = [kind for kind in FaultKind if kind is not FaultKind.BAD_WISH]
"""A wish that cannot be is the job's own mistake, and ends it."""


@pytest.mark.parametrize("kind", OURS)
def test_a_fault_of_ours_at_the_holder_delivers_nothing_and_releases_nothing(
    kind: FaultKind,
) -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = Fault(kind, "SomeCode", "what the cloud said")
        (job,) = broker.placed(work())
        broker.wait(7200)
        assert broker.offer(job).state == "sent"
        assert broker.states(job) == ["offered"]
        assert str(kind) in broker.job(job).trouble
        assert "SomeCode" in broker.job(job).trouble
        assert not broker.facts("OfferDelivered", "PlaceRefused", "UnitsReleased")
        azure.fault = None
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert broker.job(job).trouble == ""


@pytest.mark.parametrize("kind", OURS)
def test_a_fault_within_the_window_withdraws_the_offer_and_a_new_one_is_put(
    kind: FaultKind,
) -> None:
    with a_broker({EAST: 0, WEST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.takes_s = 5
        (job,) = broker.placed(work())
        azure.fault = Fault(kind, "SomeCode")
        broker.wait(700)
        assert broker.facts("OfferWithdrawn")[0].data["why"] == "fault"
        assert not broker.facts("UnitsReleased", "OfferLapsed", "OfferRefused")
        azure.fault = None
        broker.wait(120)
        assert broker.where(job) == [WEST]


def test_the_trouble_at_one_place_outlives_the_good_answer_of_another() -> None:
    with a_broker({EAST: 9, WEST: 9, AWS: 9}, desk=Desk.PERSON) as broker:
        azure = broker.clouds[AZURE]

        def fails_in_the_east(order: Order) -> None:
            azure.fault = Fault(FaultKind.AUTH, "Expired") if order.place == EAST else None

        azure.before_launch, azure.takes_s = fails_in_the_east, 3
        (job,) = broker.placed(work(units=2))
        broker.answer(job, holds=[(EAST, 1), (WEST, 1)])
        broker.settle()
        azure.fault = None
        broker.wait(10)
        assert broker.states(job) == ["accepted", "active"]
        assert "Expired" in broker.job(job).trouble
        azure.before_launch = lambda _: None
        azure.fault = None
        broker.wait(60)
        assert broker.states(job) == ["active", "active"]
        assert broker.job(job).trouble == ""


def test_jobs_that_wait_for_a_fault_to_be_mended_do_not_wake_each_other_for_ever() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        broker.placed(work(), work())
        azure.fault = Fault(FaultKind.AUTH, "Expired")
        jobs = []
        for _ in range(4):
            jobs += broker.placed(work())
            broker.wait(7)
        before = len(azure.launches)
        broker.wait(600)
        assert len(azure.launches) - before <= len(jobs) * 25
        azure.fault = None
        broker.wait(60)
        assert all(broker.where(job) == [EAST] for job in jobs)


def test_a_throttled_call_is_repeated_when_the_cloud_says_so() -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = Fault(FaultKind.THROTTLED, "TooMany", retry_after_s=20)
        (job,) = broker.placed(work())
        azure.fault = None
        broker.wait(19)
        assert len(azure.launches) == 1
        broker.wait(1)
        assert broker.where(job) == [EAST]


def test_a_unit_that_was_never_answered_for_is_not_released_by_its_siblings_answer() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        broker.placed(work())
        throttled: list[MachineName] = []

        def only_one(order: Order) -> None:
            throttled[:] = throttled or [order.name]
            hit = order.name in throttled
            azure.fault = Fault(FaultKind.THROTTLED, "TooMany") if hit else None

        azure.before_launch = only_one
        (job,) = broker.placed(work(units=2))
        broker.wait(700)
        assert not broker.facts("UnitsReleased", job=job)
        assert broker.facts("OfferWithdrawn")[0].data["why"] == "fault"
        assert broker.where(job) == [EAST, EAST]


def test_a_fault_at_a_third_party_moves_on_to_the_next() -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 2}) as broker:
        broker.clouds[ProviderName.AWS].fault = Fault(FaultKind.AUTH, "Expired")
        (job,) = broker.placed(work())
        assert broker.where(job) == [GCP]
        assert broker.facts("PlaceTroubled")[0].data["provider"] == "aws"
        assert not broker.facts("PlaceRefused", provider="aws")


def test_a_stock_out_that_comes_late_is_a_refusal_of_that_place() -> None:
    with a_broker({EAST: 0, WEST: 1, AWS: 9}) as broker:
        broker.clouds[AZURE].takes_s = 30
        (job,) = broker.placed(work())
        assert broker.states(job) == ["offered"]
        broker.wait(120)
        assert broker.where(job) == [WEST]
        (refused,) = broker.facts("PlaceRefused")
        assert refused.data["region"] == "eastus"
        assert not broker.facts("HolderDefaulted")


def test_a_hold_that_is_not_ready_in_time_is_given_back() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        azure = broker.clouds[AZURE]
        azure.takes_s, azure.keeps_s = 605, 20
        (job,) = broker.placed(work())
        broker.wait(599.5)
        assert broker.states(job) == ["offered"]
        broker.wait(0.5)
        broker.settle()
        assert broker.facts("OfferLapsed")[0].data["reason"] == "window ended"
        assert broker.where(job) == [AWS]
        broker.wait(60)
        assert azure.there == {}
        assert [m.place for m in broker.store.live[job].values()] == [AWS]


def test_the_desk_answers_at_the_end_of_its_window_with_what_it_has() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.takes_s = 400
        (job,) = broker.placed(work(units=3))
        broker.wait(760)
        assert broker.states(job) == ["active"] * 3
        assert sorted(broker.where(job)) == sorted([EAST, AWS, AWS])
        assert list(azure.there.values()) == [EAST]


def test_a_cloud_without_a_multiple_of_the_chunk_gives_the_rest_back() -> None:
    with a_broker({EAST: 3, AWS: 9}) as broker:
        (job,) = broker.placed(work(units=4, chunk=2))
        broker.wait(10)
        assert broker.where(job).count(EAST) == 2
        assert broker.where(job).count(AWS) == 2
        assert len(broker.clouds[AZURE].there) == 2


def test_a_gang_that_is_not_whole_at_the_end_of_the_window_is_given_back_whole() -> None:
    with a_broker({EAST: 2, AWS: 2}) as broker:
        azure = broker.clouds[AZURE]
        azure.takes_s = 400
        (job,) = broker.placed(a_gang(2))
        broker.wait(900)
        assert broker.where(job) == [AWS, AWS]
        assert azure.there == {}


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("at", [EAST, AWS])
def test_an_unsure_outcome_never_leads_to_a_second_machine(*, made: bool, at: object) -> None:
    stock = {EAST: 1, AWS: 1, GCP: 1} if at == EAST else {EAST: 0, AWS: 1, GCP: 1}
    with a_broker(stock) as broker:
        cloud = broker.clouds[AZURE if at == EAST else ProviderName.AWS]
        cloud.unsure = [made]
        (job,) = broker.placed(work())
        assert "not known whether it was bought" in broker.job(job).trouble
        broker.wait(60)
        assert broker.where(job) == [at]
        assert len({name for name, _ in cloud.launches if _ == at}) == 1
        assert sum(len(c.made) for c in broker.clouds.values()) == 1


def test_a_machine_that_may_have_been_made_is_ended_before_its_job_is_over() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        azure = broker.clouds[AZURE]
        azure.unsure = [True]
        (job,) = broker.placed(work())
        assert len(azure.there) == 1
        broker.cancel(job)
        broker.wait(10)
        assert azure.there == {}


def test_a_cancelled_job_among_those_refused_together_harms_no_other() -> None:
    with a_broker({EAST: 0, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        first, second = broker.submit(work(), work())

        def cancel_first(_: Order) -> None:
            azure.before_launch = lambda _: None
            broker.store.clock = broker.clock
            broker.cancel(first)

        azure.before_launch = cancel_first
        broker.settle()
        broker.wait(1)
        assert broker.where(second) == [AWS]


def test_a_holders_machine_that_vanishes_while_it_is_made_is_no_refusal() -> None:
    with a_broker({EAST: 2, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.takes_s = 5
        (job,) = broker.placed(work())
        azure.vanish = True
        broker.wait(6)
        azure.vanish = False
        assert not broker.facts("UnitsReleased")
        broker.wait(60)
        assert broker.where(job) == [EAST]


def test_a_persons_acceptance_is_delivered_after_a_fault_of_ours() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        azure = broker.clouds[AZURE]
        azure.fault = Fault(FaultKind.AUTH, "Expired")
        (job,) = broker.placed(work())
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(timedelta(hours=1).total_seconds())
        azure.fault = None
        broker.wait(31)
        assert broker.where(job) == [EAST]
