"""An edition that is recorded while the broker runs, in time or late (design 3.5, case 10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.agreements.document import parse
from broker.agreements.errors import AgreementError
from broker.domain.offer import Desk
from broker.steps.answer import acknowledge
from broker.steps.new_edition import Recorded, record_edition
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, NOON, Broker, a_broker, work
from tests.support.two_editions import FILE, NEXT, second

STOCK = {EAST: 1, AWS: 1}
NAME = "azure-first-refusal"


def record(broker: Broker, text: str, by: str = "azure") -> Recorded:
    recorded = record_edition(NAME, parse(text, FILE), by, broker.store, broker.rules)
    broker.settle()
    return recorded


def test_an_edition_recorded_in_time_takes_over_at_its_instant() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        recorded = record(broker, second(NOON + timedelta(seconds=60), "withdraw"))
        assert (recorded.edition, recorded.refused, recorded.discrepancies) == (NEXT, None, ())
        broker.wait(59)
        assert broker.offer(job).version == 1
        broker.wait(1)
        assert broker.facts("OfferWithdrawn")[0].data["why"] == "amended"
        assert broker.offer(job).edition == NEXT


def test_another_process_reads_it_when_it_decides() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        record(broker, second(NOON + timedelta(seconds=60), "withdraw"))
        broker.rules.later.clear()
        broker.wait(60)
        (job,) = broker.placed(work())
        assert broker.offer(job).edition == NEXT


def spilled(broker: Broker) -> None:
    """One job goes elsewhere after a refusal."""
    (job,) = broker.placed(work())
    broker.answer(job, AnswerKind.REFUSE, reason="strategic")
    broker.settle()
    assert broker.where(job) == [AWS]
    broker.wait(1)


def late() -> str:
    """The same again, as if it had come into force a day before."""
    return second(NOON - timedelta(days=1), "run_off")


def test_a_late_edition_rewrites_nothing_and_reports_what_it_would_have_said() -> None:
    shorter = late().replace("batch_inference: PT10M", "batch_inference: PT5M")
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        spilled(broker)
        before = broker.facts()
        recorded = record(broker, shorter)
        assert broker.facts()[: len(before)] == before
        (found,) = recorded.discrepancies
        assert (found.was, found.would) == ("a window of 600 s", "a window of 300 s")
        (told,) = broker.facts("DiscrepancyFound")
        assert told.data["position"] == found.position
        assert broker.facts()[found.position - 1].type == "OfferIssued"
        (job,) = broker.placed(work())
        assert (broker.offer(job).edition, broker.offer(job).mechanics.window_s) == (NEXT, 300)


def test_a_late_edition_that_says_the_same_has_nothing_to_report() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        spilled(broker)
        assert record(broker, late()).discrepancies == ()
        assert not broker.facts("DiscrepancyFound")


def test_a_late_edition_without_the_right_reports_the_offer_and_the_purchase() -> None:
    rule = "capacity: [new, renewal], pool_kind: [third"
    wide = late().replace(rule, "capacity: [renewal], pool_kind: [third")
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        spilled(broker)
        found = record(broker, wide).discrepancies
        assert [(one.was, one.would) for one in found] == [
            ("offered as right", "nothing to offer"),
            ("bought from aws on the basis refusal", "allow"),
        ]


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ('supersedes: "2025-01-21"', "supersedes: null", "supersedes says null"),
        ("status: in_force", "status: draft", "draft"),
        ("tolerance_price: 0", "tolerance_price: -1", "tolerance"),
        (f"agreement: {NAME}", "agreement: other", "must be 'azure-first-refusal'"),
    ],
)
def test_an_edition_that_fails_the_lint_changes_nothing(good: str, bad: str, says: str) -> None:
    text = late()
    assert good in text
    with a_broker(STOCK) as broker:
        before = len(broker.facts())
        with pytest.raises(AgreementError, match=says):
            record(broker, text.replace(good, bad, 1))
        assert len(broker.facts()) == before


def test_only_a_party_records_an_edition() -> None:
    with a_broker(STOCK) as broker:
        before = len(broker.facts())
        recorded = record(broker, late(), by="aws")
        assert recorded.refused is not None
        assert "aws is no party" in recorded.refused
        assert len(broker.facts()) == before
