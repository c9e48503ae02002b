"""Another edition in mid-offer (design 3.5: T14, T15, case 10; laws I13, I21, I28)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.agreements.registry import shipped
from broker.domain.offer import Desk
from broker.domain.values import ProviderName
from broker.domain.workload import WorkClass
from broker.steps.answer import acknowledge
from tests.support.broker import AWS, EAST, NOON, Broker, a_broker, work
from tests.support.two_editions import NEXT, two

STOCK = {EAST: 1, AWS: 1}
SOON = NOON + timedelta(seconds=90)
OLD = shipped()["azure-first-refusal"].editions[0].id


def issued(broker: Broker) -> list[tuple[str, int, object]]:
    facts = broker.facts("OfferIssued")
    return [(f.data["edition"], f.data["window_s"], f.data["supersedes"]) for f in facts]


def test_an_offer_runs_off_under_its_own_edition() -> None:
    agreement = two(SOON, "run_off")
    with a_broker(STOCK, desk=Desk.PERSON, agreement=agreement) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(599)
        assert broker.offer(job).state == "open"
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None
        broker.settle()
        assert broker.where(job) == [EAST]
        assert broker.facts("HolderCommitted")[0].data["edition"] == OLD
        assert issued(broker) == [(OLD, 600, None)]


def test_an_offer_that_runs_off_still_lapses_and_is_delivered_at_its_own_pace() -> None:
    with a_broker(STOCK, desk=Desk.PERSON, agreement=two(SOON, "run_off")) as broker:
        (job,) = broker.placed(work())
        broker.wait(99)
        assert not broker.facts("NoticeSent")
        broker.wait(1)
        assert len(broker.facts("NoticeSent")) == 1
        broker.wait(200 + 600)
        assert broker.where(job) == [AWS]


def test_an_open_offer_is_withdrawn_at_the_instant_and_resolved_anew() -> None:
    with a_broker(STOCK, desk=Desk.PERSON, agreement=two(SOON, "withdraw")) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(90)
        (withdrawn,) = broker.facts("OfferWithdrawn")
        assert withdrawn.data["why"] == "amended"
        assert withdrawn.at.startswith("2026-03-02T12:01:30.000000")
        assert issued(broker) == [(OLD, 600, None), (NEXT, 600, None)]
        assert not broker.facts("UnitsReleased")


def test_a_reissued_offer_names_the_one_it_stands_for_and_is_no_requote() -> None:
    with a_broker(STOCK, desk=Desk.PERSON, agreement=two(SOON, "reissue")) as broker:
        (job,) = broker.placed(work())
        first = broker.offer(job).id
        broker.wait(90)
        assert issued(broker) == [(OLD, 600, None), (NEXT, 600, first)]
        assert broker.job(job).requotes == ()
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None


def test_what_the_cloud_was_asked_for_under_a_withdrawn_offer_goes_back() -> None:
    with a_broker(STOCK, agreement=two(SOON, "withdraw")) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = 120
        (job,) = broker.placed(work())
        broker.wait(90)
        broker.clouds[ProviderName.AZURE].takes_s = 0
        broker.wait(300)
        assert broker.where(job) == [EAST]
        assert len(broker.clouds[ProviderName.AZURE].there) == 1
        assert broker.facts("HolderCommitted")[0].data["edition"] == NEXT


def test_a_window_that_ends_with_its_edition_lapses() -> None:
    with a_broker(STOCK, desk=Desk.PERSON, agreement=two(SOON, "withdraw")) as broker:
        broker.clock.at -= timedelta(seconds=510)
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.wait(600)
        assert broker.facts("OfferLapsed")
        assert not broker.facts("OfferWithdrawn")


@pytest.mark.parametrize("open_offers", ["run_off", "withdraw", "reissue"])
def test_what_is_accepted_or_runs_is_left_alone(open_offers: str) -> None:
    with a_broker(STOCK, agreement=two(SOON, open_offers)) as broker:
        (job,) = broker.placed(work())
        broker.wait(200)
        assert broker.where(job) == [EAST]
        broker.exit(job)
        assert broker.job(job).state == "finished"


def test_an_order_ends_when_its_class_is_free() -> None:
    """Fourth edition of the dated agreement: open offers are withdrawn, any cloud may serve."""
    dated = shipped()["microsoft-openai"]
    begins = dated.editions[3].begins
    assert begins is not None
    start = begins - timedelta(minutes=10)
    with a_broker(STOCK, agreement=dated, start=start) as broker:
        broker.clouds[ProviderName.AZURE].takes_s = 1000
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        broker.wait(600)
        assert [fact.data["why"] for fact in broker.facts("OfferWithdrawn")] == ["amended"]
        assert broker.where(job) == [AWS]
