"""An edition that is put on record while the broker runs, and what it would have said before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.wire.strict import Seen, Strict, Word


class EditionBody(Strict):
    by: Word
    """The party that puts it on record."""
    edition: dict[str, Any]
    """The whole edition, as its file has it."""


class DiscrepancyView(Seen):
    """One past decision that a late edition would have read otherwise; it stands."""

    edition: str
    position: int
    job: str
    subject: str
    was: str
    would: str


class DiscrepanciesView(Seen):
    items: tuple[DiscrepancyView, ...]


class EditionRecordedView(Seen):
    agreement: str
    edition: str
    begins: datetime
    discrepancies: tuple[DiscrepancyView, ...]
