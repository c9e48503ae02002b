"""What a place may be thought to answer before it is asked: advice, and never an answer.

Advice says no to nobody. Among third parties it decides between equals, and a place that is known
not to sell the kind of machine is asked after all the others. What was decided by it is on record.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, NewType

AdviceId = NewType("AdviceId", str)


class Thought(StrEnum):
    """What a place is thought to answer; the order is that of what outweighs what."""

    SOLD = "sold"
    """Sold there; whether there is any now is not told."""
    LIKELY = "likely"
    SHORT = "short"
    """Sold there, but thought to have none now."""
    OVER_QUOTA = "over_quota"
    """Our own limit there leaves no room for one more."""
    NOT_SOLD = "not_sold"

    @property
    def adverse(self) -> bool:
        return self not in (Thought.SOLD, Thought.LIKELY)

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS: Final[Mapping[Thought, str]] = {
    Thought.SOLD: "sold there",
    Thought.LIKELY: "thought to have room",
    Thought.SHORT: "thought to have none now",
    Thought.OVER_QUOTA: "thought to be over our limit",
    Thought.NOT_SOLD: "thought not to sell it",
}


GOOD_FOR: Final[Mapping[Thought, timedelta]] = {
    Thought.SOLD: timedelta(hours=1),
    Thought.LIKELY: timedelta(minutes=10),
    Thought.SHORT: timedelta(minutes=10),
    Thought.OVER_QUOTA: timedelta(minutes=10),
    Thought.NOT_SOLD: timedelta(hours=1),
}
"""How long advice may be gone by: shorter than what it tells of usually lasts (clouds, 2.6)."""
