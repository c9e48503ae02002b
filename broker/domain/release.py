"""A release: the recorded freedom to place units elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from broker.domain.altered import made_at_once
from broker.domain.market import Place
from broker.domain.terms import Terms
from broker.domain.values import OfferId


class Basis(StrEnum):
    """What a commitment stands on (design law I2). The first six are bases of a release."""

    REFUSAL = "refusal"
    LAPSE = "lapse"
    DEFAULT = "default"
    SUSPENSION = "suspension"
    UNAVAILABILITY = "unavailability"
    STANDING_REFUSAL = "standing_refusal"
    FREE = "free"
    CARVE_OUT = "carve_out"
    DE_MINIMIS = "de_minimis"
    WAIVER = "waiver"
    CONSENT = "consent"
    CONTINUITY = "continuity"


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Freedom for some units of one job, up to a ceiling and until its tail ends.

    It is a freedom, never a ban on asking the holder again: once the refusal it stands on is
    older than the clause's `standing_answers.refusal_max_age`, at `stale_at`, the release expires
    and a new offer is due (design transition T20b).
    """

    number: int
    """Counts the releases of one job, from 1."""
    basis: Basis
    offer: OfferId | None
    ceiling: Terms
    since: datetime
    tail_until: datetime
    stale_at: datetime | None
    cites: tuple[str, ...]
    """The offer or the refusals that a commitment under this release will cite."""
    quote: str | None = None
    """The third party's quote it stands on, and until when that is valid."""
    quote_until: datetime | None = None
    quoted: Place | None = None
    """The third party's place that the quote is of."""
    tolerance: Decimal = Decimal(0)
    """The share of the price by which a commitment may exceed the ceiling."""

    def ends_at(self) -> datetime:
        """The first instant at which nothing may be committed under it any more."""
        ends = (self.tail_until, self.stale_at, self.quote_until)
        return min(at for at in ends if at is not None)

    def over(self, now: datetime) -> str | None:
        """Why the release is over, `tail`, `quote` or `stale`; None while it may be used."""
        if now >= self.tail_until:
            return "tail"
        if self.quote_until is not None and now >= self.quote_until:
            return "quote"
        if self.stale_at is not None and now >= self.stale_at:
            return "stale"
        return None
