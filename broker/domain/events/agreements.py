"""The facts of an agreement: what its parties have put on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from typing_extensions import override

from broker.domain.event import Event
from broker.domain.values import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionRecorded(Event):
    agreement: str
    edition: str
    document: Mapping[str, Any]
    """The whole edition, so that an audit needs no other file."""

    @override
    def payload(self) -> dict[str, Any]:
        return {**plain(self.document), "agreement": self.agreement, "edition": self.edition}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyFound(Event):
    """An edition that was recorded late would have read a past decision otherwise; that stands."""

    agreement: str
    edition: str
    position: int
    """Of the fact of that decision."""
    job: str
    subject: str
    was: str
    would: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareBelow(Event):
    """Of the own-built GPU-hours billed over a period, too few were for a clause's classes."""

    agreement: str
    edition: str
    clause: str
    share: Decimal
    """To a millionth, half to even."""
    min_share: Decimal
    over_s: int
    until: datetime
    """The end of the period, the beginning of a day (UTC)."""
