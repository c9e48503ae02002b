"""A third party's quote that is taken back, and what becomes of that."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from broker.wire.strict import Seen, Strict, Text


class WithdrawalBody(Strict):
    why: Annotated[Text, Field(min_length=1, max_length=200)] = "withdrawn by its supplier"
    """Kept in the log."""


class EndedView(Seen):
    """What became of one offer that was frozen on the quote."""

    offer: str
    became: str
    """withdrawn, survives, stands (the holder has accepted), release_ended."""


class WithdrawalView(Seen):
    job: str
    quote: str
    offers: tuple[EndedView, ...]
