"""Terms that move in mid-offer (design 3.5: T12, cases 6 and 8; laws I8, I20, I21)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from broker.domain.offer import Desk
from broker.domain.values import JobId, ProviderName, usd
from broker.domain.workload import Limits, WorkClass
from broker.steps.amend import Amended, Became, amend_job
from broker.steps.answer import Rejection, acknowledge
from broker.steps.said import AnswerKind
from broker.steps.submit import InvalidJobError
from tests.support.broker import AWS, EAST, GCP, WEST, Broker, a_broker, a_gang, work

STOCK = {EAST: 1, WEST: 0, AWS: 1, GCP: 1}
AT_THREE = Limits(max_price_usd_hour=usd("3.00"))


def amend(broker: Broker, job: JobId, **changes: Any) -> Amended:  # noqa: ANN401
    amended = amend_job(job, changes, broker.store, broker.rules)
    broker.settle()
    return amended


def test_a_higher_price_in_mid_offer_is_noticed_anew() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        first = broker.offer(job)
        assert amend(broker, job, max_price_usd_hour=usd("4.00")).became is Became.REQUOTED
        (withdrawn,) = broker.facts("OfferWithdrawn")
        assert withdrawn.data == {"offer": first.id, "why": "superseded"}
        second = broker.facts("OfferIssued")[1].data
        assert (second["supersedes"], second["version"]) == (first.id, 2)
        assert second["terms"]["price_usd_hour"] == "4"
        assert second["window_s"] == 600
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None


def test_a_lower_price_leaves_the_offer_as_it_was_noticed() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        assert amend(broker, job, max_price_usd_hour=usd("2.80")).became is Became.AMENDED
        assert broker.offer(job).terms.price_usd_hour == usd("3.00")
        assert len(broker.facts("OfferIssued")) == 1
        assert broker.answer(job, AnswerKind.REFUSE, reason="strategic").rejected is None
        broker.settle()
        assert broker.where(job) == [AWS]


def test_cheaper_but_elsewhere_cannot_be_compared_and_is_noticed_anew() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        limits = Limits(max_price_usd_hour=usd("3.00"), regions=("us-*", "east*"))
        (job,) = broker.placed(work(limits=limits))
        changed = amend(broker, job, max_price_usd_hour=usd("2.90"), regions=("*",))
        assert changed.became is Became.REQUOTED


def test_narrower_regions_leave_the_holder_the_places_it_was_offered() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        assert amend(broker, job, regions=("us-*", "westus")).became is Became.AMENDED
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None


def test_an_answer_to_a_superseded_offer_binds_nobody() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        amend_job(job, {"max_price_usd_hour": None}, broker.store, broker.rules)
        judged = broker.answer(job, holds=[(EAST, 1)])
        assert judged.rejected is Rejection.DUPLICATE
        assert broker.states(job) == ["pending"]


def test_the_machines_a_superseded_offer_had_asked_for_go_back() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = 30
        (job,) = broker.placed(work(limits=AT_THREE))
        amend(broker, job, max_price_usd_hour=usd("9.00"))
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert len(broker.clouds[ProviderName.AZURE].there) == 1
        assert len(broker.facts("OfferIssued")) == 2


def test_after_three_requotes_the_request_waits() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        for cents in (10, 20, 30):
            assert amend(broker, job, max_price_usd_hour=usd(f"3.{cents}")).became == "requoted"
        facts, before = len(broker.facts()), broker.job(job)
        refused = amend(broker, job, max_price_usd_hour=usd("3.40"))
        assert refused.became is Became.REFUSED
        assert "3 new notices" in refused.because
        assert "2026-03-03T12:00:00" in refused.because
        assert (len(broker.facts()), broker.job(job)) == (facts, before)
        assert amend(broker, job, max_price_usd_hour=usd("3.05")).became is Became.AMENDED
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None


def test_a_tail_later_there_is_room_for_more() -> None:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        for cents in (10, 20, 30):
            amend(broker, job, max_price_usd_hour=usd(f"3.{cents}"))
        assert amend(broker, job, max_price_usd_hour=usd("3.40")).became is Became.REFUSED
        broker.wait(24 * 3600)
        assert amend(broker, job, max_price_usd_hour=usd("3.50")).became is Became.REQUOTED


def test_a_change_beyond_the_ceiling_ends_the_release_and_asks_the_holder_anew() -> None:
    with a_broker({EAST: 9, AWS: 0}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(a_gang(2, limits=AT_THREE))
        broker.answer(job, AnswerKind.REFUSE, reason="strategic")
        broker.settle()
        refused = broker.offer(job)
        assert amend(broker, job, max_price_usd_hour=usd("9.00")).became is Became.REQUOTED
        (expired,) = broker.facts("ReleaseExpired")
        assert expired.data["why"] == "terms"
        assert broker.facts("OfferIssued")[-1].data["supersedes"] == refused.id
        assert broker.states(job) == ["offered", "offered"]


def test_a_change_within_the_ceiling_leaves_the_release() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 0}) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        assert broker.states(job) == ["released"]
        assert amend(broker, job, max_price_usd_hour=usd("2.65")).became is Became.AMENDED
        assert broker.states(job) == ["released"]
        assert not broker.facts("ReleaseExpired")


def test_a_job_in_line_moves_to_the_line_of_its_new_terms() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 1}) as broker:
        only_aws = Limits(exclude=(ProviderName.GCP,))
        first, second = broker.placed(work(limits=only_aws), work(limits=only_aws))
        amend(broker, second, exclude=())
        assert broker.where(second) == [GCP]
        assert broker.states(first) == ["released"]
        assert not broker.job(second).in_line
        assert not broker.store.in_line.first(broker.job(first).line)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"exclude": (ProviderName.AZURE,)}, "limits.exclude"),
        ({"regions": ("mars-*",)}, "limits"),
    ],
)
def test_what_can_nowhere_be_had_changes_nothing(changes: dict[str, Any], field: str) -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        before = broker.job(job)
        with pytest.raises(InvalidJobError) as refused:
            amend_job(job, changes, broker.store, broker.rules)
        assert refused.value.field == field
        assert broker.job(job) == before
        assert not broker.facts("JobAmended")


def test_a_job_that_is_placed_or_over_keeps_its_terms() -> None:
    with a_broker(STOCK) as broker:
        (job,) = broker.placed(work())
        assert "the job is placed" in amend(broker, job, max_price_usd_hour=None).because
        assert amend(broker, job, max_price_usd_hour=usd("1.00")).became is Became.REFUSED
        broker.cancel(job)
        said = amend(broker, job, max_price_usd_hour=usd("1.00"))
        assert (said.became, "the job is cancelled" in said.because) == (Became.REFUSED, True)


def test_the_same_terms_again_are_no_change() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        assert amend(broker, job, max_price_usd_hour=usd("3.00")).became is Became.UNCHANGED
        assert not broker.facts("JobAmended")


def test_an_order_is_put_anew_as_well() -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = 30
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API, limits=AT_THREE))
        assert amend(broker, job, max_price_usd_hour=usd("4.00")).became is Became.REQUOTED
        broker.wait(60)
        assert broker.where(job) == [EAST]


def test_a_new_version_opens_a_window_of_its_own() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(limits=AT_THREE))
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(599)
        amend(broker, job, max_price_usd_hour=None)
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(599)
        assert broker.offer(job).state == "open"
        broker.wait(1)
        assert broker.offer(job).state == "lapsed"


# -- a late yes


def late(broker: Broker, job: JobId) -> None:
    """The window ends while nobody answers, and then the holder says yes."""
    acknowledge(broker.offer(job).id, broker.store, broker.rules)
    broker.wait(600)
    assert broker.answer(job, holds=[(EAST, 1)]).rejected is Rejection.LATE
    broker.settle()


def test_after_a_late_yes_the_holder_gets_a_new_offer() -> None:
    with a_broker({EAST: 1, AWS: 0}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        first = broker.offer(job)
        late(broker, job)
        assert [fact.data["why"] for fact in broker.facts("ReleaseExpired")] == ["late"]
        again = broker.offer(job)
        assert (again.supersedes, again.version, again.state) == (first.id, 2, "sent")
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None
        broker.settle()
        assert broker.where(job) == [EAST]


def test_a_late_yes_before_anybody_has_closed_the_offer_does_the_same() -> None:
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        first = broker.offer(job)
        acknowledge(first.id, broker.store, broker.rules)
        broker.clock.at += timedelta(seconds=601)
        judged = broker.answer(job, holds=[(EAST, 1)])
        assert (judged.rejected, judged.state) == (Rejection.LATE, "lapsed")
        assert judged.because.endswith("its units are offered anew")
        broker.settle()
        assert broker.offer(job).supersedes == first.id
        assert not broker.facts("ThirdPartyCommitted")


def test_a_late_yes_is_too_late_for_what_another_has() -> None:
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        late(broker, job)
        assert broker.where(job) == [AWS]
        assert len(broker.facts("OfferIssued")) == 1


def test_who_is_late_four_times_is_asked_four_times_and_no_more() -> None:
    with a_broker({EAST: 1, AWS: 0}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        for _ in range(4):
            late(broker, job)
        assert len(broker.facts("OfferIssued")) == 4
        assert broker.states(job) == ["released"]


def test_a_late_no_brings_no_new_offer() -> None:
    with a_broker({EAST: 1, AWS: 0}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(600)
        broker.answer(job, AnswerKind.REFUSE, reason="strategic")
        broker.settle()
        assert len(broker.facts("OfferIssued")) == 1
