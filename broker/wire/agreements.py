"""Agreements as they are shown: editions with their provenance, and what stands now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from broker.wire.strict import Seen


class ClauseView(Seen):
    id: str
    effect: str
    standing: str
    """How sure the edition's author is of it: stated, reported, assumed."""
    assumed: bool
    in_favour_of: str | None = None
    match: Mapping[str, Any]
    until: tuple[str, ...] = ()
    """Dates, and conditions to be attested."""
    exceptions: tuple[str, ...] = ()
    carves_out: tuple[str, ...] = ()
    meter: Mapping[str, Any] | None = None
    """Of a commitment; an amount of null is not defined in the source, and not enforced."""
    lead_time_s: int | None = None
    sources: tuple[str, ...] = ()
    note: str | None = None


class EditionView(Seen):
    id: str
    title: str
    status: str
    provenance: str
    """`public_summary`, `template` or `signed_contract`."""
    in_force: bool
    begins: datetime | None
    ends: datetime | None
    recorded_at: datetime
    supersedes: str | None
    grantor: str
    holder: str
    holder_pools: tuple[str, ...]
    conditions: Mapping[str, str] = {}
    """Who may attest each."""
    clauses: tuple[ClauseView, ...]
    contested: Mapping[str, str] = {}
    """Classes whose reading is in dispute now, and as what they are read."""


class RecordView(Seen):
    id: str
    kind: str
    of_clause: str | None = None
    given_by: str | None = None
    begins: datetime
    ends: datetime | None = None
    live: bool
    """Whether it has begun, has not ended and was not revoked."""
    revoked_at: datetime | None = None
    match: Mapping[str, Any] = {}
    units: int | None = None
    """Its cap."""
    used: int | None = None
    says: Mapping[str, str] = {}
    """What else there is to it."""
    in_edition: bool = False
    """Whether it stands in the edition itself."""


class StandsView(Seen):
    """What stands now beside the editions."""

    attested: Mapping[str, str] = {}
    """Conditions, and who attested them."""
    records: tuple[RecordView, ...] = ()
    suspended_until: Mapping[str, datetime] = {}
    """By clause."""
    defaults: int = 0
    """Those that count towards a suspension."""
    unavailable_since: datetime | None = None
    failed_probes: int = 0
    small_units: Mapping[str, int] = {}
    """Units placed as de minimis that still count, by tenant."""
    stakes: tuple[Mapping[str, Any], ...] = ()


class AgreementSummary(Seen):
    name: str
    default: bool
    in_force: str | None
    title: str | None
    provenance: str | None
    holder: str | None
    editions: int


class AgreementsView(Seen):
    items: tuple[AgreementSummary, ...]


class AgreementView(Seen):
    name: str
    in_force: str | None
    editions: tuple[EditionView, ...]
    stands: StandsView
