"""What a desk can say to an offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.domain.key import Shown
from broker.domain.values import Purchase, RefusalReason


class AnswerKind(StrEnum):
    ACCEPT = "accept"
    REFUSE = "refuse"
    COUNTER = "counter"
    QUERY = "query"


NEED_A_REASON: Final = frozenset({AnswerKind.REFUSE, AnswerKind.COUNTER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Capacity that the holder keeps for so many of the offer's units."""

    hold: str
    units: int
    region: str
    sku: str
    purchase: Purchase = Purchase.ON_DEMAND
    via: str | None = None
    """The pool through which the holder supplies it, where that is another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    kind: AnswerKind
    units: int | None = None
    """How many units are accepted; None is all."""
    holds: tuple[Hold, ...] = ()
    reason: RefusalReason | None = None
    by: str
    shown: Shown = None
    """What the desk shows to be believed."""
    question: str | None = None
    terms: Mapping[str, str] | None = None
    """What a counter would have instead."""
