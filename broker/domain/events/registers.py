"""The facts of a register: what is put on record of an agreement, and what it amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from broker.domain.event import Event
from broker.domain.values import OfferId, Purchase, Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionAttested(Event):
    agreement: str
    condition: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecorded(Event):
    """Fields as an edition file writes them, so that both kinds of consent read alike."""

    consent: str
    agreement: str
    of_clause: str
    since: datetime
    to: datetime | None
    match: Mapping[str, Any]
    excludes: Mapping[str, Any] | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRevoked(Event):
    consent: str
    agreement: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverGranted(Event):
    waiver: str
    agreement: str
    of_clause: str
    since: datetime
    to: datetime
    match: Mapping[str, Any]
    cap_units: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverRevoked(Event):
    waiver: str
    agreement: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAcceptanceGiven(Event):
    acceptance: str
    agreement: str
    of_clause: str
    since: datetime
    to: datetime
    match: Mapping[str, Any]
    units: int
    price_usd_hour: Usd
    hold: str
    region: str
    sku: str
    by: str
    purchase: str = Purchase.ON_DEMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAcceptanceRevoked(Event):
    acceptance: str
    agreement: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRecorded(Event):
    conflict: str
    agreement: str
    tenant: str
    party: str
    because: str
    since: datetime
    to: datetime | None
    share: Decimal | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictLifted(Event):
    conflict: str
    agreement: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeRecorded(Event):
    stake: str
    agreement: str
    owner: str
    supplier: str
    share: Decimal
    since: datetime
    to: datetime | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefused(Event):
    """Somebody wanted something on record that cannot stand there; nothing was changed."""

    agreement: str
    what: str
    record: str | None
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RightSuspended(Event):
    """The defaults of these offers have turned the right off until an instant."""

    suspension: str
    agreement: str
    clause: str
    offers: tuple[OfferId, ...]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderProbed(Event):
    """Only calls that found nobody are told, and the first that found somebody again."""

    probe: str
    agreement: str
    provider: str
    vantage: str
    answered: bool
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderUnavailable(Event):
    unavailability: str
    agreement: str
    provider: str
    probes: tuple[str, ...]
    vantages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRecovered(Event):
    unavailability: str
    agreement: str
    probe: str
