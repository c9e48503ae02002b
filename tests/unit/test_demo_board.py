"""The board and the figures of the demonstration, from facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from broker.domain.chain import Fact
from tests.support.logs import NOON, Story, sealed
from tests.support.stories import GOOD_STORIES, a_shared_job, a_spilled_job
from workers.demo.board import FIXED, lines
from workers.demo.figures import figures, sentences
from workers.demo.tale import Tale
from workers.demo.workload import FULL_S, programme, units

NAME = {"name": "llama-sft"}


def an_offered_job() -> Story:
    """Offered, the window just open."""
    story = Story().edition().after(1)
    story.job().submitted(4, **NAME).offered("o1", 0, 1, 2, 3).delivered("o1")
    return story


def a_demonstrated(story: Story) -> list[Fact]:
    """The story's log with what the demonstration reads besides the laws: names and prices."""
    facts = []
    for fact in sealed(story.drafts):
        more: dict[str, object] = {}
        if fact.type == "JobSubmitted":
            more = {"name": fact.data.get("name", fact.data["job"])}
        elif fact.type == "LeaseActivated":
            more = {"price_usd_hour": "2.5"}
        facts.append(fact._replace(data={**fact.data, **more}))
    return facts


def told(facts: Sequence[Fact]) -> Tale:
    tale = Tale()
    for fact in facts:
        tale.hear(fact)
    return tale


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 12)])
@pytest.mark.parametrize("teller", GOOD_STORIES)
def test_the_board_fits_its_room_whatever_has_happened(
    teller: object, size: tuple[int, int]
) -> None:
    assert callable(teller)
    width, height = size
    facts = a_demonstrated(teller())
    for seen in range(len(facts)):
        picture = lines(told(facts[:seen]), NOON, width, height)
        assert len(picture) == height
        assert all(len(line) <= width for line in picture)


def test_an_open_window_counts_down() -> None:
    facts = a_demonstrated(an_offered_job())
    early = lines(told(facts), NOON + timedelta(seconds=2), 100, 10)
    late = lines(told(facts), NOON + timedelta(seconds=101.5), 100, 10)
    assert "a person's desk, offered, 599.0 of 600.0 s left" in "\n".join(early)
    assert "offered, 499.5 of 600.0 s left" in "\n".join(late)


def test_a_spilled_job_shows_its_way() -> None:
    facts = a_demonstrated(a_spilled_job())
    began = next(n for n, fact in enumerate(facts) if fact.type == "JobStarted")
    picture = "\n".join(lines(told(facts[: began + 1]), NOON, 120, 10))
    assert "azure → refused (no_capacity) → aws eu-central-1 running" in picture
    assert "A100-80GB:8 x2" in picture
    assert "running 1" in picture


def test_shares_are_of_machines_that_went_live() -> None:
    picture = "\n".join(lines(told(a_demonstrated(a_shared_job())), NOON, 120, FIXED))
    assert "33 %  aws" in picture
    assert "67 %  oracle" in picture


def test_what_did_not_happen_is_said_to_be_missing() -> None:
    found = figures(sealed(a_spilled_job().drafts)[:-1], ())
    assert found.report.holds
    assert found.lost == 1
    assert found.outcomes["refused"] == 1
    assert "cancelled" in found.missing
    assert not found.good
    assert any(line.startswith("missing") for line in sentences(found))


def test_the_full_programme_has_forty_jobs_and_most_need_one_gpu() -> None:
    parts = programme(FULL_S)
    single = [part for part in parts if part.job.to_workload().units == 1]
    assert len(parts) >= 40
    assert len(single) * 3 > len(parts) * 2
    assert {part.job.kind for part in parts} == {"training", "inference", "batch"}
    assert units(parts) > len(parts)


def test_a_short_programme_keeps_what_shows_each_outcome() -> None:
    full, short = programme(FULL_S), programme(20)
    assert len(short) < len(full)
    assert short[-1].at_s <= 20
    assert {"embed-nightly", "chat-7b", "eval-math", "ablation-7", "reward-model"} <= {
        part.job.name for part in short
    }
