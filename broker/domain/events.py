"""The facts: frozen, past tense, and never renamed. A new meaning is a new fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from typing_extensions import override

from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import (
    AnswerId,
    CommitmentId,
    JobId,
    LeaseId,
    OfferId,
    RefusalId,
    Usd,
    plain,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted(Event):
    job: JobId
    tenant: str
    name: str
    kind: str
    work_class: str
    tags: tuple[str, ...]
    units: int
    gang: int
    """How many units stand or fall together; 0 is none."""
    chunk: int
    terms: Terms
    patience_until: datetime | None
    agreement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferIssued(Event):
    offer: OfferId
    kind: str
    version: int
    job: JobId
    units: tuple[int, ...]
    agreement: str
    edition: str
    clause: str
    terms: Terms
    window_s: int
    notice_sha256: str
    supersedes: OfferId | None
    desk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Event):
    """An attempt at delivery that nobody has acknowledged."""

    offer: OfferId
    attempt: int
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDelivered(Event):
    offer: OfferId
    how: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRefused(Event):
    refusal: RefusalId
    provider: str
    region: str
    sku: str
    units: int
    code: str
    reason: str
    valid_until: datetime
    offer: OfferId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTroubled(Event):
    """A fault that is no refusal: nothing is released, and the place is left alone for a while."""

    provider: str
    region: str
    sku: str
    kind: str
    code: str
    message: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReceived(Event):
    offer: OfferId
    answer: AnswerId
    kind: str
    units: tuple[int, ...]
    holds: tuple[Mapping[str, Any], ...]
    reason: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRejected(Event):
    offer: OfferId
    answer: AnswerId
    why: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferAccepted(Event):
    offer: OfferId
    units: tuple[int, ...]
    holds: tuple[Mapping[str, Any], ...]
    deliver_by: datetime
    cure_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRefused(Event):
    offer: OfferId
    units: tuple[int, ...]
    reason: str
    cites: tuple[RefusalId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferLapsed(Event):
    offer: OfferId
    units: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithdrawn(Event):
    offer: OfferId
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFulfilled(Event):
    offer: OfferId
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderDefaulted(Event):
    offer: OfferId
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsReleased(Event):
    job: JobId
    units: tuple[int, ...]
    basis: str
    offer: OfferId | None
    ceiling: Terms
    tail_until: datetime
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExpired(Event):
    job: JobId
    units: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdPartyCommitted(Event):
    commitment: CommitmentId
    job: JobId
    units: tuple[int, ...]
    provider: str
    pool_kind: str
    region: str
    sku: str
    terms: Terms
    agreement: str
    edition: str
    basis: str
    cites: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderCommitted(Event):
    commitment: CommitmentId
    job: JobId
    units: tuple[int, ...]
    provider: str
    pool_kind: str
    region: str
    sku: str
    terms: Terms
    agreement: str
    edition: str
    offer: OfferId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentFailed(Event):
    commitment: CommitmentId
    job: JobId
    units: tuple[int, ...]
    provider: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseActivated(Event):
    job: JobId
    unit: int
    epoch: int
    provider: str
    lease: LeaseId
    commitment: CommitmentId
    price_usd_hour: Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEnded(Event):
    job: JobId
    unit: int
    epoch: int
    provider: str
    lease: LeaseId
    commitment: CommitmentId
    cause: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(Event):
    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished(Event):
    job: JobId
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(Event):
    job: JobId
    reason: str
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled(Event):
    job: JobId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUnmet(Event):
    job: JobId
    reason: str


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
class BrokerDown(Event):
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUp(Event):
    since: datetime
    to: datetime
