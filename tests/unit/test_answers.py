"""What a person at the holder's desk may answer, and what becomes of it (design 3.5, T7 to T11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.domain.market import Place
from broker.domain.offer import Desk
from broker.domain.values import ProviderName, RefusalReason
from broker.steps.answer import Rejection, acknowledge
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, GCP, WEST, a_broker, a_gang, in_regions, pool, work

EVERYWHERE = {EAST: 9, WEST: 9, AWS: 9, GCP: 9}


def test_an_acknowledgement_opens_the_window_once() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(100)
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        (delivered,) = broker.facts("OfferDelivered")
        assert delivered.data["how"] == "ack"
        broker.wait(499)
        assert broker.offer(job).state == "open"
        broker.wait(1)
        assert broker.facts("OfferLapsed")[0].data["reason"] == "window ended"


def test_a_fetched_notice_is_not_called_unreachable_for_an_attempt_that_failed_before() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(150)
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(600)
        assert broker.facts("OfferLapsed")[0].data["reason"] == "window ended"


def test_an_answer_before_the_acknowledgement_is_itself_the_receipt() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None
        assert broker.facts("OfferDelivered")[0].data["how"] == "answer"


def test_an_acceptance_of_all_binds_the_holder_and_is_delivered() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=3))
        assert broker.answer(job, holds=[(EAST, 2), (WEST, 1)]).state == "accepted"
        assert broker.states(job) == ["accepted"] * 3
        broker.settle()
        assert broker.where(job) == [EAST, EAST, WEST]
        assert broker.offer(job).state == "fulfilled"


def test_an_acceptance_in_part_releases_the_rest_in_the_same_entry() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=3))
        broker.answer(job, units=2, holds=[(EAST, 2)])
        assert broker.states(job) == ["accepted", "accepted", "released"]
        (accepted,) = broker.facts("OfferAccepted")
        (released,) = broker.facts("UnitsReleased")
        assert accepted.at == released.at
        assert released.data["basis"] == "refusal"
        broker.settle()
        assert broker.where(job) == [EAST, EAST, AWS]


def test_a_gang_that_is_accepted_whole_comes_whole() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(a_gang(3))
        broker.answer(job, holds=[(EAST, 3)])
        broker.settle()
        assert broker.where(job) == [EAST] * 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(a_gang(3), {"units": 2, "holds": [(EAST, 2)]}, id="a gang in part"),
        pytest.param(a_gang(3), {"holds": [(EAST, 2), (WEST, 1)]}, id="a gang in two places"),
        pytest.param(
            work(units=4, chunk=2), {"units": 3, "holds": [(EAST, 3)]}, id="the wrong chunk"
        ),
        pytest.param(work(units=2), {"units": 3, "holds": [(EAST, 3)]}, id="more than offered"),
        pytest.param(work(units=2), {"units": 0}, id="none at all"),
        pytest.param(work(units=2), {"units": -1}, id="fewer than none"),
        pytest.param(work(units=2), {}, id="no hold"),
        pytest.param(work(units=2), {"holds": [(EAST, 1)]}, id="too small a hold"),
        pytest.param(work(units=2), {"holds": [(EAST, 3), (WEST, -1)]}, id="a negative hold"),
        pytest.param(work(units=2), {"holds": [(EAST, 2), (WEST, 0)]}, id="an empty hold"),
        pytest.param(work(), {"holds": [(AWS, 1)]}, id="a hold with somebody else"),
        pytest.param(
            work(),
            {"holds": [(Place(ProviderName.AZURE, "atlantis", "nd"), 1)]},
            id="a hold in no pool",
        ),
        pytest.param(
            work(limits=in_regions("*east*")),
            {"holds": [(WEST, 1)]},
            id="a hold outside the regions asked for",
        ),
    ],
)
def test_an_answer_that_does_not_conform_changes_nothing(asked: Any, said: Any) -> None:  # noqa: ANN401
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(asked)
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        before = broker.job(job), broker.offer(job)
        judged = broker.answer(job, **said)
        assert judged.rejected is Rejection.NONCONFORMING
        assert judged.because
        assert (replace(broker.job(job), version=before[0].version), broker.offer(job)) == before
        assert broker.facts("AnswerRejected")[0].data["why"] == "nonconforming"
        assert broker.answer(job, holds=[(EAST, asked.units)]).rejected is None
        broker.settle()
        assert broker.where(job) == [EAST] * asked.units


def test_a_hold_of_machines_that_do_not_fit_does_not_conform() -> None:
    small = Place(ProviderName.AZURE, "eastus", "small")
    pools = [pool(EAST), pool(AWS), pool(small, "0.10", accelerator="", gpus=0)]
    stock = {EAST: 1, AWS: 1, small: 1}
    with a_broker(stock, desk=Desk.PERSON, pools=pools) as broker:
        (job,) = broker.placed(work())
        assert broker.answer(job, holds=[(small, 1)]).rejected is Rejection.NONCONFORMING
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None


def test_a_remainder_smaller_than_the_chunk_can_be_accepted_with_all_the_rest() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=3, chunk=2))
        assert broker.answer(job, holds=[(EAST, 3)]).rejected is None


def test_a_refusal_releases_with_its_reason() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.answer(job, AnswerKind.REFUSE, reason=RefusalReason.TOO_LATE)
        broker.settle()
        assert broker.facts("OfferRefused")[0].data["reason"] == "too_late"
        assert broker.where(job) == [AWS]


@pytest.mark.parametrize("kind", [AnswerKind.REFUSE, AnswerKind.COUNTER])
def test_nobody_refuses_without_saying_why(kind: AnswerKind) -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        judged = broker.answer(job, kind)
        assert judged.rejected is Rejection.NONCONFORMING
        assert all(reason in judged.because for reason in RefusalReason)
        assert broker.offer(job).state == "open"
        assert not broker.facts("OfferRefused", "UnitsReleased")


def test_one_hold_stands_behind_one_live_acceptance_only() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        first, second = broker.placed(work(), work())
        one_hold: Any = {"holds": [(EAST, 1)], "names": {0: "rack-7"}}
        assert broker.answer(first, **one_hold).rejected is None
        judged = broker.answer(second, **one_hold)
        assert judged.rejected is Rejection.NONCONFORMING
        assert f"rack-7 stands behind the acceptance of {broker.offer(first).id}" in judged.because
        broker.settle()
        broker.exit(first)
        broker.settle()
        assert broker.answer(second, **one_hold).rejected is None
        broker.settle()
        assert broker.where(second) == [EAST]


def test_a_hold_is_named_once_in_an_acceptance() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=2))
        twice = broker.answer(job, holds=[(EAST, 1), (EAST, 1)], names={0: "a", 1: "a"})
        assert twice.rejected is Rejection.NONCONFORMING
        assert "a is named twice" in twice.because


def test_a_bound_holder_is_asked_for_its_own_units_though_its_place_refused_others() -> None:
    with a_broker(EVERYWHERE | {EAST: 0}, desk=Desk.PERSON) as broker:
        azure = broker.clouds[EAST.provider]
        first, second = broker.placed(work(), work())
        broker.answer(first, holds=[(EAST, 1)])
        broker.wait(1)
        assert azure.calls_to(EAST) == 1
        broker.answer(second, holds=[(EAST, 1)])
        broker.wait(1)
        assert azure.calls_to(EAST) == 2
        azure.stock[EAST] = 2
        broker.wait(15)
        assert broker.where(first) == broker.where(second) == [EAST]


def test_a_counter_offer_is_a_refusal() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        judged = broker.answer(job, AnswerKind.COUNTER, reason=RefusalReason.NOT_ECONOMIC)
        assert judged.state == "refused"
        broker.settle()
        assert broker.facts("AnswerReceived")[0].data["kind"] == "counter"
        assert broker.where(job) == [AWS]


def test_a_question_changes_nothing_and_does_not_stop_the_clock() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(599)
        before = broker.offer(job)
        assert broker.answer(job, AnswerKind.QUERY).state == "open"
        assert broker.offer(job) == before
        broker.wait(1)
        assert broker.offer(job).state == "lapsed"


@pytest.mark.parametrize("kind", list(AnswerKind))
def test_an_answer_after_the_decision_is_rejected_and_logged(kind: AnswerKind) -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.answer(job, AnswerKind.REFUSE, reason=RefusalReason.RISK)
        broker.settle()
        before = broker.job(job).units
        assert broker.answer(job, kind, holds=[(EAST, 1)]).rejected is Rejection.DUPLICATE
        broker.settle()
        assert broker.job(job).units == before
        assert len(broker.facts("AnswerRejected")) == 1


def test_an_answer_after_the_lapse_revives_nothing() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(901)
        assert broker.where(job) == [AWS]
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is not None
        broker.settle()
        assert broker.where(job) == [AWS]
        assert broker.offer(job).state == "lapsed"
