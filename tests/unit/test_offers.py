"""The course of an offer, from the notice to its end (design 3.5, T1 to T6, T9, T11, T13, T28)."""

from __future__ import annotations

from datetime import timedelta

from broker.agreements.registry import shipped
from broker.domain.job import JobState
from broker.domain.offer import Desk
from broker.domain.values import ProviderName, RefusalReason, instant
from broker.domain.workload import WorkClass
from broker.ports import Fault, FaultKind
from broker.steps.answer import Rejection
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, GCP, NOON, OWN, WEST, a_broker, work

DATED = shipped()["microsoft-openai"]
WINDOW_S = 600


def test_a_free_class_goes_to_the_cheapest_cloud_without_an_offer() -> None:
    start = DATED.editions[2].begins
    assert start is not None
    with a_broker({EAST: 1, AWS: 1, GCP: 1}, agreement=DATED, start=start) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [AWS]
        assert not broker.facts("OfferIssued")
        (bound,) = broker.facts("ThirdPartyCommitted")
        assert bound.data["basis"] == "free"


def test_a_free_class_may_go_to_the_holder_if_it_is_the_cheapest_left() -> None:
    start = DATED.editions[2].begins
    assert start is not None
    with a_broker({EAST: 1, AWS: 0}, agreement=DATED, start=start) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [EAST]
        assert broker.facts("HolderCommitted")[0].data["offer"] is None


def test_a_carve_out_opens_the_own_pool_where_no_right_stands_in_the_way() -> None:
    with a_broker({EAST: 1, OWN: 1}) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.RESEARCH))
        assert broker.where(job) == [OWN]
        (bound,) = broker.facts("ThirdPartyCommitted")
        assert (bound.data["basis"], bound.data["cites"]) == (
            "carve_out",
            ["clause:own-build-carve-out"],
        )


def test_the_holder_is_asked_before_an_own_pool_if_a_third_party_fits_too() -> None:
    with a_broker({EAST: 1, OWN: 1, AWS: 1}) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.RESEARCH))
        assert broker.where(job) == [EAST]
        assert len(broker.facts("OfferIssued")) == 1


def test_an_order_that_the_holder_refuses_releases_nothing_and_is_put_again() -> None:
    with a_broker({EAST: 0, AWS: 9}) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        assert broker.states(job) == ["pending"]
        assert broker.facts("OfferIssued")[0].data["kind"] == "order"
        broker.wait(14 * 60)
        assert len(broker.facts("OfferIssued")) == 1
        broker.clouds[ProviderName.AZURE].stock[EAST] = 1
        broker.wait(3600)
        assert broker.where(job) == [EAST]
        assert not broker.facts("UnitsReleased", "ThirdPartyCommitted")


def test_patience_counts_for_an_order_that_was_refused() -> None:
    with a_broker({EAST: 0, AWS: 9}) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API, patience_s=60))
        broker.wait(61)
        assert broker.job(job).state is JobState.UNMET


def test_an_order_goes_to_the_holders_cloud_even_where_people_answer_offers() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        azure = broker.clouds[ProviderName.AZURE]
        azure.fault = Fault(FaultKind.AUTH, "InvalidAuthentication")
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        broker.wait(500)
        azure.fault = None
        broker.wait(31)
        assert broker.where(job) == [EAST]
        assert not broker.facts("NoticeSent")
        assert broker.facts("OfferDelivered")[0].data["how"] == "ack"


def test_the_holder_is_asked_first_although_it_is_the_dearest() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [EAST]
        assert broker.clouds[ProviderName.AWS].launches == []
        types = [fact.type for fact in broker.facts() if fact.stream.startswith("job/")]
        assert types == [
            "JobSubmitted",
            "OfferIssued",
            "OfferDelivered",
            "AnswerReceived",
            "OfferAccepted",
            "HolderCommitted",
            "LeaseActivated",
            "OfferFulfilled",
        ]


def test_every_place_of_the_holders_is_asked_before_anything_spills() -> None:
    with a_broker({EAST: 0, WEST: 0, AWS: 1}) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [AWS]
        asked = [place for _, place in broker.clouds[ProviderName.AZURE].launches]
        assert asked == [EAST, WEST]
        (refused,) = broker.facts("OfferRefused")
        assert len(refused.data["cites"]) == 2


def test_a_job_is_released_without_an_offer_while_all_places_stand_refused() -> None:
    with a_broker({EAST: 0, WEST: 0, AWS: 2}) as broker:
        broker.placed(work())
        (second,) = broker.placed(work())
        assert broker.where(second) == [AWS]
        assert len(broker.facts("OfferIssued")) == 1
        (released,) = broker.facts("UnitsReleased", job=second)
        refusals = [fact.data["refusal"] for fact in broker.facts("PlaceRefused")]
        assert released.data["basis"] == "standing_refusal"
        assert sorted(released.data["cites"]) == sorted(refusals)
        assert len(broker.clouds[ProviderName.AZURE].launches) == 2


def test_a_stale_refusal_is_not_used() -> None:
    with a_broker({EAST: 0, AWS: 2}) as broker:
        broker.placed(work())
        (fact,) = broker.facts("PlaceRefused")
        assert instant(fact.data["valid_until"]) == NOON + timedelta(minutes=15)
        broker.wait(15 * 60)
        (second,) = broker.placed(work())
        assert len(broker.facts("OfferIssued", job=second)) == 1
        assert broker.clouds[ProviderName.AZURE].calls_to(EAST) == 2


def test_one_place_that_is_not_refused_yet_is_enough_for_an_offer() -> None:
    with a_broker({EAST: 0, WEST: 1, AWS: 2}) as broker:
        broker.placed(work())
        (second,) = broker.placed(work())
        assert len(broker.facts("OfferIssued", job=second)) == 1
        assert broker.clouds[ProviderName.AZURE].calls_to(EAST) == 1


def test_the_window_opens_when_the_holders_cloud_has_answered() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = 5
        (job,) = broker.placed(work())
        (delivered,) = broker.facts("OfferDelivered")
        assert delivered.data["how"] == "ack"
        assert instant(delivered.data["expires_at"]) == NOON + timedelta(seconds=WINDOW_S)
        broker.wait(10)
        assert broker.active(job)


def test_a_notice_nobody_fetched_counts_as_received_after_logged_attempts() -> None:
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(299)
        assert broker.offer(job).state == "sent"
        broker.wait(1)
        assert [fact.data["attempt"] for fact in broker.facts("NoticeSent")] == [1, 2, 3]
        assert broker.facts("OfferDelivered")[0].data["how"] == "deemed"
        broker.wait(WINDOW_S)
        assert broker.facts("OfferLapsed")[0].data["reason"] == "unreachable"
        assert broker.where(job) == [AWS]


def test_an_offer_lapses_exactly_at_the_end_of_its_window() -> None:
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(300 + WINDOW_S - 0.000001)
        assert broker.offer(job).state == "open"
        broker.wait(0.000001)
        assert broker.offer(job).state == "lapsed"
        assert broker.facts("UnitsReleased")[0].data["basis"] == "lapse"


def test_at_the_instant_of_its_end_an_answer_is_late() -> None:
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        assert broker.answer(job, AnswerKind.QUERY).rejected is None
        broker.clock.at += timedelta(seconds=WINDOW_S)
        first = broker.offer(job)
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is Rejection.LATE
        broker.settle()
        assert broker.store.past_offers[first.id].state == "lapsed"
        assert not broker.facts("OfferAccepted")
        assert broker.facts("AnswerRejected")[0].data["why"] == "late"


def test_after_a_lapse_an_answer_is_late_and_after_an_answer_it_is_a_repeat() -> None:
    with a_broker({EAST: 1, AWS: 2}, desk=Desk.PERSON) as broker:
        lapsed, refused = broker.placed(work(), work())
        broker.answer(lapsed, AnswerKind.QUERY)
        broker.answer(refused, AnswerKind.REFUSE, reason=RefusalReason.RISK)
        assert broker.answer(refused, holds=[(EAST, 1)]).rejected is Rejection.DUPLICATE
        broker.wait(WINDOW_S)
        broker.settle()
        assert broker.answer(lapsed, holds=[(EAST, 1)]).rejected is Rejection.LATE
        assert [fact.data["why"] for fact in broker.facts("AnswerRejected")] == [
            "duplicate",
            "late",
        ]
        assert broker.where(lapsed) == broker.where(refused) == [AWS]


def test_a_job_gives_up_when_its_patience_is_over_although_an_offer_is_open() -> None:
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(patience_s=60))
        broker.wait(59)
        assert broker.job(job).state is JobState.QUEUED
        broker.wait(1)
        broker.settle()
        assert broker.job(job).state is JobState.UNMET
        assert broker.states(job) == ["unmet"]
        assert broker.offer(job).state == "withdrawn"
        assert not broker.facts("UnitsReleased")


def test_a_released_job_gives_up_too() -> None:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work(patience_s=60))
        broker.wait(61)
        assert broker.job(job).state is JobState.UNMET


def test_cancelling_in_the_window_releases_nothing_and_gives_machines_back() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        azure = broker.clouds[ProviderName.AZURE]
        azure.takes_s = 5
        (job,) = broker.placed(work())
        broker.cancel(job)
        broker.wait(60)
        assert broker.job(job).state is JobState.CANCELLED
        assert broker.offer(job).state == "withdrawn"
        assert azure.there == {}
        assert not broker.store.live[job]
        assert not broker.facts("UnitsReleased", "ThirdPartyCommitted")
