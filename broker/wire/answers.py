"""What the holder's desk says to an offer, and how it is judged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from broker.domain.values import ONE_OF_THE_REASONS, RefusalReason
from broker.wire.strict import Count, Seen, Strict, Text, Word, wrong


class HoldBody(Strict):
    """Capacity that the holder keeps for so many of the offer's units."""

    hold: Word
    units: Count
    region: Word
    sku: Word


class AnswerBody(Strict):
    kind: Literal["accept", "refuse", "counter", "query"]
    units: Annotated[int, Field(strict=True, le=10_000)] | None = None
    """How many units are accepted; left out: all of them."""
    holds: Annotated[tuple[HoldBody, ...], Field(max_length=10_000)] = ()
    reason: Annotated[RefusalReason | None, Field(validate_default=True)] = None
    """Of a refusal or a counter, which must have one."""
    by: Annotated[Text, Field(min_length=1, max_length=200)] = "desk"
    """Who answers."""

    @field_validator("reason")
    @classmethod
    def _says_why(cls, reason: RefusalReason | None, said: ValidationInfo) -> RefusalReason | None:
        kind = said.data.get("kind")
        if reason is None and kind in ("refuse", "counter"):
            raise wrong(f"to {kind} is to say why; {ONE_OF_THE_REASONS}")
        return reason


class JudgementView(Seen):
    """What became of an answer; a rejected one changed nothing but the log."""

    answer: str
    offer: str
    state: str
    rejected: str | None = None
    because: str = ""
