"""What the holder's desk says to an offer, and how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from broker.domain.values import ONE_OF_THE_REASONS, Purchase, RefusalReason
from broker.wire.strict import Count, Seen, Strict, Text, Word, wrong


class HoldBody(Strict):
    """Capacity that the holder keeps for so many of the offer's units."""

    hold: Word
    units: Count
    region: Word
    sku: Word
    purchase: Purchase = Purchase.ON_DEMAND
    via: Word | None = None
    """The pool through which the holder supplies it, where that is another's."""


class CounterBody(Strict):
    """What a counter would have instead; it is recorded, and nobody bargains."""

    units: Count | None = None
    price_usd_hour: Annotated[Decimal, Field(ge=0, max_digits=18)] | None = None
    start_by: AwareDatetime | None = None
    regions: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    accelerators: Annotated[tuple[Word, ...], Field(max_length=100)] = ()
    note: Annotated[Text, Field(min_length=1, max_length=1000)] | None = None

    def said(self) -> dict[str, str]:
        """What it says, in words."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return {
            name: ", ".join(value) if isinstance(value, list) else str(value)
            for name, value in said.items()
        }


class AnswerBody(Strict):
    kind: Literal["accept", "refuse", "counter", "query"]
    units: Annotated[int, Field(strict=True, le=10_000)] | None = None
    """How many units are accepted; left out: all of them."""
    holds: Annotated[tuple[HoldBody, ...], Field(max_length=10_000)] = ()
    reason: Annotated[RefusalReason | None, Field(validate_default=True)] = None
    """Of a refusal or a counter, which must have one."""
    question: Annotated[Text, Field(min_length=1, max_length=1000)] | None = None
    """Of a query; the notice's own fields answer it."""
    terms: CounterBody | None = None
    """Of a counter."""
    by: Annotated[Text, Field(min_length=1, max_length=200)] = "desk"
    """Who answers."""

    @field_validator("reason")
    @classmethod
    def _says_why(cls, reason: RefusalReason | None, said: ValidationInfo) -> RefusalReason | None:
        kind = said.data.get("kind")
        if reason is None and kind in ("refuse", "counter"):
            raise wrong(f"to {kind} is to say why; {ONE_OF_THE_REASONS}")
        return reason


class LinkBody(Strict):
    key: Word | None = None
    """The id of the desk's key that it stands for; revoked with it."""
    valid_s: Annotated[int, Field(strict=True, ge=60, le=30 * 86_400)] = 86_400


class LinkView(Seen):
    url: str
    expires_at: datetime


class JudgementView(Seen):
    """What became of an answer; a rejected one changed nothing but the log."""

    answer: str
    offer: str
    state: str
    rejected: str | None = None
    because: str = ""
    reply: Mapping[str, Any] = {}
    """What a question is answered with: what the notice says of it."""
