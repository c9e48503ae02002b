"""What an audit keeps of the records of an agreement, and what was drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple


@dataclass(slots=True)
class Waiver:
    clause: str
    since: datetime
    until: datetime
    match: Mapping[str, Any]
    cap: int
    position: int
    used: int = 0


@dataclass(slots=True)
class Acceptance:
    """A standing acceptance."""

    clause: str
    given_at: datetime
    since: datetime
    until: datetime
    match: Mapping[str, Any]
    units: int
    price: Decimal
    hold: str
    position: int
    used: int = 0


class Key(NamedTuple):
    """Lets its bearer speak for a party."""

    party: str
    role: str
    since: datetime
    until: datetime | None
    revoked: bool = False


class Conflict(NamedTuple):
    tenant: str
    party: str
    since: datetime
    until: datetime | None
    share: Decimal | None
    position: int


class Stake(NamedTuple):
    owner: str
    supplier: str
    share: Decimal
    since: datetime
    until: datetime | None


class Span(NamedTuple):
    """A time in which a right is off, or its holder away."""

    agreement: str
    clause: str | None
    since: datetime
    until: datetime | None
    position: int

    def lasts(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class Probe(NamedTuple):
    id: str
    vantage: str
    at: datetime
    position: int


class Advised(NamedTuple):
    """What a place was thought to hold."""

    place: tuple[str, str, str]
    thought: str
    until: datetime


class Default(NamedTuple):
    offer: str
    agreement: str
    clause: str | None
    at: datetime


class Small(NamedTuple):
    """Units placed as de minimis, by the commitment that placed them."""

    commitment: str
    units: int
    at: datetime


class Outage(NamedTuple):
    since: datetime
    to: datetime


class Refusal(NamedTuple):
    place: tuple[str, str, str]
    """Provider, region and kind of machine."""
    units: int
    at: datetime
    valid_until: datetime
    position: int
    area: tuple[str, str, str]
    """What it speaks of: the place, or an area around it."""

    @property
    def provider(self) -> str:
        return self.place[0]
