"""An outage of ours costs the holder nothing (design 3.5: T11, T17, case 3; laws I7, I12, I28)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from broker.agreements.registry import agreements
from broker.domain.offer import Desk
from broker.domain.tolling import Outage
from broker.domain.values import ProviderName
from broker.steps.answer import Rejection, acknowledge
from broker.steps.beat import Part, note_beat
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, NOON, Broker, a_broker, work
from tests.support.editions import spoilt

STOCK = {EAST: 1, AWS: 1}
MINUTE = 60


def alive(broker: Broker, *parts: Part) -> None:
    for part in parts or (Part.TICKER,):
        note_beat(broker.store, part)


def lives(broker: Broker, seconds: float, *parts: Part) -> None:
    """So much time passes, with a sign of life every few seconds."""
    end = broker.clock.at + timedelta(seconds=seconds)
    while broker.clock.at < end:
        broker.until(min(end, broker.clock.at + timedelta(seconds=4)))
        alive(broker, *parts)
    broker.settle()


def away(broker: Broker, seconds: float, *parts: Part) -> None:
    """Nobody works, and the clock runs on; then the parts come back."""
    broker.clock.at += timedelta(seconds=seconds)
    alive(broker, *parts)


def test_a_window_is_put_off_by_what_the_broker_was_away() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker)
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        away(broker, 20 * MINUTE)
        (up,) = broker.facts("BrokerUp")
        assert (up.data["from"], up.data["to"]) == (at(0), at(20 * MINUTE))
        (tolled,) = broker.facts("OfferTolled")
        assert (tolled.data["by_s"], tolled.data["expires_at"]) == ("1200", at(30 * MINUTE))
        lives(broker, 10 * MINUTE - 1)
        assert broker.offer(job).state == "open"
        lives(broker, 1)
        assert broker.offer(job).state == "lapsed"


def test_a_yes_within_the_window_that_was_put_off_is_honoured() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker)
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        away(broker, 3600)
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None
        broker.settle()
        assert broker.where(job) == [EAST]


def test_a_window_that_was_over_before_the_outage_stays_over() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        broker.clock.at += timedelta(minutes=10, seconds=30)
        alive(broker)
        away(broker, 20 * MINUTE)
        assert not broker.facts("OfferTolled")
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is Rejection.LATE
        broker.settle()
        assert len(broker.facts("OfferLapsed")) == 1


def test_two_outages_in_one_window_are_both_given_back() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker)
        (job,) = broker.placed(work())
        broker.wait(2)
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        away(broker, 100)  # two seconds of it before the window was open
        broker.wait(4)
        away(broker, 50)
        assert broker.offer(job).expires_at == NOON + timedelta(seconds=600 + 2 + 100 + 54)


def test_what_two_parts_are_away_together_is_given_back_once() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker, *Part)
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        away(broker, 60, Part.TICKER)
        away(broker, 30, Part.SERVER)
        outages = [(f.data["from"], f.data["to"]) for f in broker.facts("BrokerUp")]
        assert outages == [(at(0), at(60)), (at(60), at(90))]
        assert broker.offer(job).expires_at == NOON + timedelta(seconds=690)


def test_nothing_lapses_while_a_part_is_away() -> None:
    """The desk cannot reach the server; a ticker that works on must not end its window."""
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker, *Part)
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        lives(broker, 1200, Part.TICKER)
        assert broker.offer(job).state == "open"
        alive(broker, *Part)
        lives(broker, 9 * MINUTE, *Part)
        assert broker.answer(job, AnswerKind.ACCEPT, holds=[(EAST, 1)]).rejected is None


def test_an_acceptance_is_no_default_for_what_we_were_away() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker)
        (job,) = broker.placed(work())
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None
        broker.clouds[ProviderName.AZURE].stock[EAST] = 0
        away(broker, 3600)
        (tolled,) = broker.facts("OfferTolled")
        assert tolled.data["deliver_by"] == at(3 * 3600)
        lives(broker, 2.25 * 3600 - 1)
        assert not broker.facts("HolderDefaulted")
        alive(broker)
        lives(broker, 1)
        assert broker.facts("HolderDefaulted")


def test_the_tries_at_delivery_wait_for_us() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker)
        (job,) = broker.placed(work())
        away(broker, 3600)
        lives(broker, 99)
        assert not broker.facts("NoticeSent")
        lives(broker, 1)
        assert len(broker.facts("NoticeSent")) == 1
        assert broker.offer(job).state == "sent"


def test_a_clause_may_count_our_outages() -> None:
    file, flag = "azure-first-refusal.yaml", "toll_on_broker_outage: "
    text = spoilt(file, f"{flag}true", f"{flag}false")
    counted = agreements({file: text})["azure-first-refusal"]
    with a_broker(STOCK, desk=Desk.PERSON, agreement=counted) as broker:
        alive(broker)
        (job,) = broker.placed(work())
        acknowledge(broker.offer(job).id, broker.store, broker.rules)
        away(broker, 20 * MINUTE)
        assert not broker.facts("OfferTolled")
        broker.settle()
        assert broker.offer(job).state == "lapsed"


def test_a_short_silence_is_no_outage() -> None:
    with a_broker(STOCK, desk=Desk.PERSON) as broker:
        alive(broker)
        away(broker, 5)
        assert not broker.facts("BrokerDown", "BrokerUp")


@pytest.mark.parametrize(
    ("started", "due", "ends"),
    [
        (0, 10, 10),  # over before the outage began
        (0, 20, 20),  # over when it began
        (0, 21, 31),
        (25, 40, 45),  # begun while it lasted
        (30, 40, 40),  # begun when it was over
    ],
)
def test_a_timer_is_put_off_by_its_own_share(started: float, due: float, ends: float) -> None:
    outage = Outage(second(20), second(30))
    assert outage.puts_off(second(started), second(due)) == second(ends)


def second(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def at(seconds: float) -> str:
    return second(seconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
