"""An offer to the holder: what it says, and the one table of its legal moves (design 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from broker.domain.altered import made_at_once
from broker.domain.market import Place
from broker.domain.right import Suspension
from broker.domain.terms import Terms
from broker.domain.values import JobId, NoticeId, OfferId, RefusalId
from broker.domain.workload import Scope


class OfferState(StrEnum):
    SENT = "sent"
    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    FULFILLED = "fulfilled"
    DEFAULTED = "defaulted"

    @property
    def undecided(self) -> bool:
        return self in _UNDECIDED

    @property
    def over(self) -> bool:
        """Nothing can happen to it any more."""
        return self in _OVER


_S = OfferState
_UNDECIDED: Final = frozenset({_S.SENT, _S.OPEN})
_OVER: Final = frozenset(OfferState) - _UNDECIDED - {_S.ACCEPTED}

OFFER_MOVES: Final[Mapping[OfferState, frozenset[OfferState]]] = {
    _S.SENT: frozenset({_S.OPEN, _S.WITHDRAWN}),
    _S.OPEN: frozenset({_S.ACCEPTED, _S.REFUSED, _S.LAPSED, _S.WITHDRAWN}),
    _S.ACCEPTED: frozenset({_S.FULFILLED, _S.DEFAULTED}),
    _S.REFUSED: frozenset(),
    _S.LAPSED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.FULFILLED: frozenset(),
    _S.DEFAULTED: frozenset(),
}


class OfferKind(StrEnum):
    RIGHT = "right"
    """Under a right of first refusal: a refusal releases."""
    ORDER = "order"
    """To an exclusive holder: a refusal releases nothing."""

    @property
    def releases(self) -> bool:
        return self is OfferKind.RIGHT


class Desk(StrEnum):
    AUTOMATIC = "automatic"
    """The holder's cloud answers: its machine is the hold."""
    PERSON = "person"
    """Somebody with the holder's role answers over HTTP."""


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanics:
    """What the clause says of the course of an offer, pinned when the offer is put."""

    window_s: int
    tail_s: int
    tail_from_notice: bool
    tolerance: Decimal
    provision_s: int
    cure_s: int
    refusal_max_age_s: int
    deemed_after_s: int
    deemed_attempts: int
    contents: tuple[str, ...]
    """The allow-list of a notice's fields."""
    suspension: Suspension | None = None
    """How many defaults turn the right off; None: no number does."""
    toll: bool = True
    """Whether an outage of ours is not counted; only a clause that says so counts it."""
    requote_max: int = 0
    """How many new notices of other terms there may be within one tail."""
    requote_window_s: int = 0
    quote_survives: bool = True
    """Whether an open offer stands although the quote behind it was taken back."""


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    id: OfferId
    job: JobId
    kind: OfferKind
    version: int
    units: tuple[int, ...]
    gang: bool
    chunk: int
    work_class: str
    agreement: str
    edition: str
    clause: str
    holder: tuple[str, ...]
    """The providers whose pools are the holder's."""
    terms: Terms
    mechanics: Mechanics
    desk: Desk
    channels: tuple[str, ...] = ()
    """How a person's desk is told; none for an automatic desk."""
    notice: NoticeId | None = None
    """The notice that it lies in, with others for the same shape."""
    quote: str | None = None
    """The third party's quote whose terms were noticed, where the clause asks for one."""
    quote_until: datetime | None = None
    quoted: Place | None = None
    """The third party's place that the quote is of."""
    supersedes: OfferId | None = None
    """The offer whose notice this one replaces."""
    state: OfferState = OfferState.SENT
    issued_at: datetime
    scope: Scope = Scope.NEW
    """Whether its units are bought anew or a lease of theirs is renewed."""
    attempts: int = 0
    """Logged attempts at delivery that found nobody."""
    opened_at: datetime | None = None
    """When the notice was received, and its window opened."""
    expires_at: datetime | None = None
    asked: tuple[Place, ...] = ()
    """The holder's places that its automatic desk has asked for this offer."""
    refusals: tuple[RefusalId, ...] = ()
    """What those places answered, or the standing refusals used in their stead."""
    accepted: tuple[int, ...] = ()
    accepted_at: datetime | None = None
    deliver_by: datetime | None = None
    cure_until: datetime | None = None
    draws: Mapping[str, str] = field(default_factory=dict)
    """The `commit` clause that leases at each of the holder's providers draw down."""
    amends_at: datetime | None = None
    """When its edition ends, and the next one says what becomes of it."""
    due_at: datetime | None = None
    """When the desk, the window or the delivery has to be looked at."""

    @property
    def margin(self) -> timedelta:
        """How long before the window's end the automatic desk answers with what it has."""
        return timedelta(seconds=min(1.0, self.mechanics.window_s / 10))
