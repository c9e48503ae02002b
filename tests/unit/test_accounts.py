"""Scorecards, meters and shares, added up from the facts of the real steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from broker.agreements.registry import shipped
from broker.domain.accounts.meters import Meters
from broker.domain.accounts.scorecards import Scorecards
from broker.domain.accounts.sketch import ERROR, Sketch
from broker.domain.agreement import Agreement
from broker.domain.offer import Desk
from broker.domain.values import RefusalReason, instant
from broker.domain.workload import WorkClass
from broker.steps.ledger import Ledger, begins
from broker.steps.said import AnswerKind
from broker.steps.shares import Shares
from tests.support.broker import AWS, EAST, NOON, OWN, Broker, a_broker, work


def cards(broker: Broker, **how: object) -> dict[str, dict[str, object]]:
    told = Scorecards(**how)  # type: ignore[arg-type]
    for fact in broker.facts():
        told.read(fact)
    return told.figures()


def a_busy_day(broker: Broker) -> None:
    """One offer is accepted whole, one in part, one refused, one lapses, one is defaulted on."""
    whole, part, refused, silent, broken = (
        broker.placed(work(units=units))[0] for units in (1, 2, 1, 1, 1)
    )
    broker.wait(20)
    broker.answer(whole, holds=[(EAST, 1)])
    broker.answer(part, holds=[(EAST, 1)], units=1)
    broker.answer(refused, AnswerKind.REFUSE, reason=RefusalReason.NOT_ECONOMIC)
    broker.wait(60)
    broker.exit(whole)
    broker.exit(part, 0)
    broker.exit(part, 1)
    broker.exit(refused)
    broker.clouds[EAST.provider].stock[EAST] = 0
    broker.answer(broken, holds=[(EAST, 1)])
    broker.wait(10000)
    broker.exit(silent)
    broker.exit(broken)


def test_the_holders_card_tells_how_each_offer_ended() -> None:
    with a_broker({EAST: 2, AWS: 9}, desk=Desk.PERSON) as broker:
        a_busy_day(broker)
        card = cards(broker)["azure"]
    told = {name: card[name] for name in ("offers", "accepted", "accepted_in_part", "lapsed")}
    assert told == {"offers": 5, "accepted": 2, "accepted_in_part": 1, "lapsed": 1}
    assert card["refused"] == {"not_economic": 1}
    assert (card["defaults"], card["releases"], card["units_released"]) == (1, 4, 4)
    assert card["units"] == 2
    near = {"p50": pytest.approx(20, rel=0.01), "p90": pytest.approx(80, rel=0.01)}
    assert card["answer_s"] == {"count": 4, **near}


def test_a_rivals_card_tells_what_it_was_bought_for_and_what_it_came_to() -> None:
    with a_broker({EAST: 2, AWS: 9}, desk=Desk.PERSON) as broker:
        a_busy_day(broker)
        card = cards(broker)["aws"]
        bills = broker.facts("LeaseBilled", provider="aws")
    assert (card["offers"], card["commitments"], card["units"]) == (0, 4, 4)
    cost = sum((Decimal(bill.data["usd"]) for bill in bills), Decimal(0))
    assert Decimal(str(card["usd"])) == cost.quantize(Decimal("0.01"))


def test_a_card_of_lately_leaves_out_what_was_before() -> None:
    with a_broker({EAST: 2, AWS: 9}, desk=Desk.PERSON) as broker:
        a_busy_day(broker)
        late = cards(broker, since=NOON + timedelta(seconds=60))["azure"]
    assert (late["offers"], late["accepted"], late["defaults"]) == (0, 1, 1)


def test_little_is_remembered_once_all_is_over() -> None:
    with a_broker({EAST: 2, AWS: 9}, desk=Desk.PERSON) as broker:
        a_busy_day(broker)
        told = Scorecards()
        for fact in broker.facts():
            told.read(fact)
    assert [*told._jobs, *told._offers, *told._bought] == []  # noqa: SLF001 - what it keeps


@pytest.mark.parametrize("seed", range(5))
def test_a_quantile_is_as_near_as_it_says(seed: int) -> None:
    chance, sketch = Random(seed), Sketch()  # noqa: S311 - the same every time
    values = sorted(chance.lognormvariate(4, 3) for _ in range(2000))
    for value in values:
        sketch.add(value)
    for share in (0.01, 0.5, 0.9, 1):
        true = values[max(0, round(share * 2000) - 1)]
        assert sketch.quantile(share) == pytest.approx(true, rel=ERROR * 1.001)


def test_nothing_has_no_quantile_and_no_time_at_all_is_nought() -> None:
    sketch = Sketch()
    assert sketch.quantile(0.5) is None
    sketch.add(0)
    assert sketch.quantile(0.9) == 0


def with_amount(amount: int | None) -> Agreement:
    """The usual agreement with so large a commitment."""
    known = shipped()["azure-first-refusal"]
    (edition,) = known.editions
    written = [dict(clause) for clause in edition.document["clauses"]]
    written[0]["meter"] = {"unit": "usd", "amount": amount}
    document = {**edition.document, "clauses": written}
    return replace(known, editions=(replace(edition, document=document),))


@pytest.mark.parametrize(("amount", "left"), [(100, "96.999167"), (None, None)])
def test_a_commitment_is_drawn_down_by_what_its_holder_delivered(
    amount: int | None, left: str | None
) -> None:
    with a_broker({EAST: 1, AWS: 1}, agreement=with_amount(amount)) as broker:
        jobs = broker.placed(work(), work())
        broker.wait(3601)
        for job in jobs:
            broker.exit(job)
        meters = Meters()
        for fact in broker.facts():
            meters.read(fact)
    (meter,) = meters.meters("azure-first-refusal")
    assert meter["clause"] == "committed-baseline"
    assert (meter["drawn"], meter["remaining"], meter["leases"]) == ("3.000833", left, 1)
    assert meter["by_month"] == {"2026-03": "3.000833"}
    assert meters.meters("another") == []


def use_the_rack(broker: Broker, work_class: WorkClass, hours: float) -> None:
    (job,) = broker.placed(work(work_class=work_class))
    assert broker.where(job) == [OWN]
    broker.wait(3600 * hours)
    broker.exit(job)


@pytest.mark.parametrize(("research", "other", "told"), [(1, 2, 1), (2, 1, 0), (1, 1, 0)])
def test_a_rack_used_for_other_work_is_reported_once_a_day(
    research: float, other: float, told: int
) -> None:
    with a_broker({EAST: 0, OWN: 1}) as broker:
        use_the_rack(broker, WorkClass.RESEARCH, research)
        use_the_rack(broker, WorkClass.BATCH_INFERENCE, other)
        shares = Shares()
        broker.facts()
        assert shares.report(broker.store) == 0, "the day is not over"
        broker.until(NOON.replace(hour=0, minute=11) + timedelta(days=1))
        assert [shares.report(broker.store), shares.report(broker.store)] == [told, 0]
        broker.wait(86400)
        broker.facts()
        assert shares.report(broker.store) == told
        reports = [fact.data for fact in broker.facts("ShareBelow")]
    for said in reports:
        assert (said["share"], said["min_share"]) == ("0.333333", "0.5")
        assert (said["clause"], said["over_s"]) == ("own-build-carve-out", 90 * 86400)
    assert [said["until"][:10] for said in reports] == ["2026-03-03", "2026-03-04"][: 2 * told]


def test_another_process_does_not_tell_a_share_again() -> None:
    with a_broker({EAST: 0, OWN: 1}) as broker:
        use_the_rack(broker, WorkClass.BATCH_INFERENCE, 1)
        broker.until(NOON + timedelta(days=1))
        broker.facts()
        assert [Shares().report(broker.store) for _ in range(2)] == [1, 0]


def test_a_ledger_reads_each_fact_once_and_a_piece_at_a_time() -> None:
    with a_broker({EAST: 9}) as broker:
        broker.placed(*[work()] * 9)
        facts, read = broker.facts(), list[int]()
        ledger = Ledger(lambda fact: read.append(fact.position))
        assert not ledger.catch_up(broker.store, 10)
        assert read == list(range(1, 11))
        assert ledger.catch_up(broker.store)
        assert ledger.catch_up(broker.store)
        assert read == [fact.position for fact in facts]


def test_where_a_time_begins_in_the_log_is_found_by_position() -> None:
    with a_broker({EAST: 9}) as broker:
        for _ in range(5):
            broker.placed(work())
            broker.wait(60)
        facts = broker.facts()
        for minutes in (-1, 0, 1, 2.5, 4, 9):
            at = NOON + timedelta(minutes=minutes)
            first = [fact.position for fact in facts if instant(fact.at) >= at]
            assert begins(broker.store, at) == (first[0] if first else len(facts) + 1) - 1
