"""The facts of an offer: put, delivered, answered, and what became of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import AnswerId, JobId, KeyId, NoticeId, OfferId, RefusalId


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
    scope: str = "new"
    """Whether the units are bought anew or a lease of theirs is renewed."""
    quote: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWritten(Event):
    """Offers put before a person's desk together, each with an entry of its own."""

    notice: NoticeId
    agreement: str
    edition: str
    clause: str
    offers: tuple[OfferId, ...]
    fields: tuple[str, ...]
    """The names of what every entry says."""
    sha256: str
    """Of the whole body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Event):
    """An attempt at delivery that nobody has acknowledged."""

    offer: OfferId
    attempt: int
    channels: tuple[str, ...]
    notice: NoticeId | None = None
    sha256: str | None = None
    """Of the whole body; `NoticeWritten` names the offers in it."""
    because: str = ""
    """What the desk's webhook did with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTroubled(Event):
    """A fault of ours kept a notice from being sent: no attempt, and no receipt follows from it."""

    notice: NoticeId
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDelivered(Event):
    offer: OfferId
    how: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTolled(Event):
    """An outage of ours is given back: what runs of the offer's instants ends so much later."""

    offer: OfferId
    by_s: Decimal
    expires_at: datetime | None
    deliver_by: datetime | None
    cure_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReceived(Event):
    offer: OfferId
    answer: AnswerId
    kind: str
    units: tuple[int, ...]
    holds: tuple[Mapping[str, Any], ...]
    reason: str | None
    by: str
    key: KeyId | None = None
    """The key that gave authority; None where none was needed."""
    question: str | None = None
    fields: tuple[str, ...] = ()
    """The names of what a question was answered with."""
    terms: Mapping[str, Any] | None = None
    """What a counter would have instead."""


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
    standing: str | None = None
    """The standing acceptance by which the holder took it, unasked."""


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
