"""A unit that the holder asks back, and what becomes of that."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from broker.domain.values import Purchase
from broker.wire.strict import Seen, Strict, Text, Word


class ReclaimBody(Strict):
    """What the holder keeps in place of the unit, by its own name."""

    hold: Word
    region: Word
    sku: Word
    purchase: Purchase = Purchase.ON_DEMAND
    by: Annotated[Text, Field(min_length=1, max_length=200)] = "desk"
    """Who asks."""


class ReclaimView(Seen):
    job: str
    unit: int
    notice_until: datetime
    """When its replacement is prepared; the unit runs on until that is there."""
