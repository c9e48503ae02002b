"""Every planted fault is caught, by the law that should catch it, within few histories."""

from __future__ import annotations

import pytest

from tests.fuzz.actions import drawn
from tests.fuzz.history import judged
from tests.fuzz.planted import PLANTS, Plant

BUDGET = 300
"""Histories within which a fault must be caught; most need one."""


def caught_after(plant: Plant, budget: int) -> int | None:
    """How many histories it took until the audit named the law."""
    for number in range(1, budget + 1):
        if plant.law in judged(drawn(number)).broken:
            return number
    return None


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_fault_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.bend(monkeypatch)
    assert caught_after(plant, BUDGET) is not None


def test_there_are_faults_enough_and_each_has_its_name() -> None:
    assert len({plant.name for plant in PLANTS}) == len(PLANTS) >= 40
