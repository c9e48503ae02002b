"""A log that kept every law is found to have kept every law."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest

from broker.domain.laws import LAWS, audit, sentences
from tests.support.logs import Draft, Story, sealed
from tests.support.spoils import an_equal, both, thought_of
from tests.support.stories import GOOD_STORIES, a_spilled_job


@pytest.mark.parametrize("story", GOOD_STORIES, ids=lambda story: story.__name__)
def test_a_good_log_breaks_no_law(story: Callable[[], Story]) -> None:
    facts = sealed(story().drafts)
    report = audit(facts, head=facts[-1].hash)
    assert report.breaches == ()
    assert report.facts == len(facts)
    assert report.head_hash == facts[-1].hash


LAST: Final = 36
"""The last law of the agreement's list."""


def test_every_law_of_this_version_is_checked_once() -> None:
    assert [law.number for law in LAWS] == [f"I{number}" for number in range(1, LAST + 1)]


@pytest.mark.parametrize("story", GOOD_STORIES, ids=lambda story: story.__name__)
def test_a_log_that_ends_early_is_still_a_good_log(story: Callable[[], Story]) -> None:
    drafts = story().drafts
    for end in range(len(drafts)):
        if end and drafts[end].at == drafts[end - 1].at:
            continue  # what is decided in one instant is written in one go
        assert audit(sealed(drafts[:end])).breaches == ()


def test_two_jobs_may_interleave_though_one_is_dated_before_the_other() -> None:
    story = Story().edition().after(10)
    story.job("late").submitted()
    story.after(-5).job("early").submitted()
    assert audit(sealed(story.drafts)).holds


def test_a_fact_of_a_kind_the_laws_do_not_know_changes_nothing() -> None:
    drafts = a_spilled_job().drafts
    later = drafts[-1].at + timedelta(seconds=1)
    drafts.append(Draft(at=later, stream="job/j1", type="SomethingNew", data={"job": "j1"}))
    assert audit(sealed(drafts)).holds


@pytest.mark.parametrize(
    ("price", "thought"),
    [("29.5", "short"), ("29.5", "over_quota"), ("29.5", "not_sold"), ("20", "not_sold")],
)
def test_a_place_may_be_put_behind_by_advice_that_is_named(price: str, thought: str) -> None:
    drafts = a_spilled_job().drafts
    both(an_equal(price), thought_of(thought))(drafts)
    assert audit(sealed(drafts)).breaches == ()


def test_an_empty_log_is_told_as_such() -> None:
    report = audit([])
    assert report.holds
    assert sentences(report)[0] == "The log is empty."


def test_the_sentences_name_span_head_and_laws() -> None:
    facts = sealed(a_spilled_job().drafts)
    first, second = sentences(audit(facts))
    assert first.startswith(f"{len(facts)} facts from 2026-03-02T12:00:00.000000Z to ")
    assert facts[-1].hash in first
    assert second.startswith(f"The chain and {len(LAWS)} laws hold: I1, I2, ")
