"""Every planted fault is caught, by the law that should catch it, within few histories."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fuzz import planted, planted_courses, planted_leases, planted_records, planted_terms
from tests.fuzz.actions import FIRST, drawn
from tests.fuzz.history import judged, lived
from tests.fuzz.planted import Plant
from tests.fuzz.world import World

PLANTS = (
    *planted.PLANTS,
    *planted_records.PLANTS,
    *planted_courses.PLANTS,
    *planted_leases.PLANTS,
    *planted_terms.PLANTS,
)
BUDGET = 300
"""Histories within which a fault must be caught; most need one."""


def caught_after(plant: Plant, budget: int) -> int | None:
    """How many histories it took until the audit named the law.

    They are drawn from the first verbs: what came later has stories of its own.
    """
    if plant.story is not None:
        return 1 if plant.law in lived(plant.story).broken else None
    for number in range(1, budget + 1):
        if plant.law in judged(drawn(number, FIRST)).broken:
            return number
    return None


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_fault_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.bend(monkeypatch)
    assert caught_after(plant, BUDGET) is not None


STORIES = sorted({plant.story for plant in PLANTS if plant.story}, key=lambda one: one.__name__)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_without_the_fault_its_story_is_good(story: Callable[[World], object]) -> None:
    verdict = lived(story)
    assert verdict.broken == frozenset(), verdict.surprise


def test_there_are_faults_enough_and_each_has_its_name() -> None:
    assert len({plant.name for plant in PLANTS}) == len(PLANTS) >= 40
