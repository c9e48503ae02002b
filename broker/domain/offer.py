"""The offer state machine: one table, and the verbs that move an offer (design 3.5, T3 to T18).

A verb takes the file of the job (`Case`), moves the offer and its units, and tells the facts.
It trusts nothing but the states it finds: an offer that has been decided is not decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from broker.domain import events
from broker.domain.job import IllegalMoveError, UnitState
from broker.domain.market import Place
from broker.domain.notice import notice
from broker.domain.release import Basis, Release
from broker.domain.spill import release_units
from broker.domain.terms import Terms
from broker.domain.values import JobId, OfferId, RefusalId

if TYPE_CHECKING:
    from broker.domain.case import Case


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
        return self in (OfferState.SENT, OfferState.OPEN)

    @property
    def over(self) -> bool:
        """Nothing can happen to it any more."""
        return not self.undecided and self is not OfferState.ACCEPTED


_S = OfferState

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


class Desk(StrEnum):
    AUTOMATIC = "automatic"
    """The holder's cloud answers: its machine is the hold."""
    PERSON = "person"
    """Somebody with the holder's role answers over HTTP."""


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
    state: OfferState = OfferState.SENT
    issued_at: datetime
    attempts: int = 0
    """Logged attempts at delivery that found nobody."""
    expires_at: datetime | None = None
    asked: tuple[Place, ...] = ()
    """The holder's places that its automatic desk has asked for this offer."""
    refusals: tuple[RefusalId, ...] = ()
    """What those places answered, or the standing refusals used in their stead."""
    accepted: tuple[int, ...] = ()
    deliver_by: datetime | None = None
    cure_until: datetime | None = None
    due_at: datetime | None = None
    """When the desk, the window or the delivery has to be looked at."""


def _move(case: Case, offer: Offer, to: OfferState, **fields: Any) -> Offer:  # noqa: ANN401
    if to not in OFFER_MOVES[offer.state]:
        raise IllegalMoveError(f"{offer.id}: {offer.state} -> {to}")
    return case.put_offer(replace(offer, state=to, **fields))


def issue(case: Case, offer: Offer) -> Offer:
    """T2, T3: put the offer; its units are inside it and nowhere else."""
    case.move(offer.units, UnitState.OFFERED, offer=offer.id, release=None)
    case.set_job(offers=offer.version)
    case.tell(
        events.OfferIssued(
            offer=offer.id,
            kind=offer.kind,
            version=offer.version,
            job=offer.job,
            units=offer.units,
            agreement=offer.agreement,
            edition=offer.edition,
            clause=offer.clause,
            terms=offer.terms,
            window_s=offer.mechanics.window_s,
            notice_sha256=sha256(notice(offer)).hexdigest(),
            supersedes=None,
            desk=offer.desk,
        )
    )
    return case.put_offer(offer)


def deliver(case: Case, offer: Offer, how: str) -> Offer:
    """T6: the holder has the notice (`ack`, `answer`) or is deemed to have it; the window opens."""
    if offer.state is not OfferState.SENT:
        return offer
    expires_at = case.now + timedelta(seconds=offer.mechanics.window_s)
    case.tell(events.OfferDelivered(offer=offer.id, how=how, expires_at=expires_at))
    due_at = expires_at - margin(offer) if offer.desk is Desk.AUTOMATIC else expires_at
    return _move(case, offer, OfferState.OPEN, expires_at=expires_at, due_at=due_at)


def margin(offer: Offer) -> timedelta:
    """How long before the window's end the automatic desk answers with what it has."""
    return timedelta(seconds=min(1.0, offer.mechanics.window_s / 10))


def accept(
    case: Case, offer: Offer, units: tuple[int, ...], holds: Iterable[Mapping[str, Any]]
) -> Offer:
    """T7: bind the holder to these units and release the rest, in one entry of the log."""
    deliver_by = case.now + timedelta(seconds=offer.mechanics.provision_s)
    cure_until = deliver_by + timedelta(seconds=offer.mechanics.cure_s)
    case.tell(
        events.OfferAccepted(
            offer=offer.id,
            units=units,
            holds=tuple(holds),
            deliver_by=deliver_by,
            cure_until=cure_until,
        )
    )
    case.move(units, UnitState.ACCEPTED)
    accepted = _move(
        case,
        offer,
        OfferState.ACCEPTED,
        accepted=units,
        deliver_by=deliver_by,
        cure_until=cure_until,
        due_at=cure_until,
    )
    _let_go(case, accepted, _rest(offer, units), Basis.REFUSAL)
    return accepted


def refuse(case: Case, offer: Offer, reason: str, cites: tuple[RefusalId, ...] = ()) -> Offer:
    """T9: the holder declines all of it; under a right its units are released."""
    case.tell(events.OfferRefused(offer=offer.id, units=offer.units, reason=reason, cites=cites))
    refused = _move(case, offer, OfferState.REFUSED, due_at=None)
    _let_go(case, refused, offer.units, Basis.REFUSAL)
    return refused


def lapse(case: Case, offer: Offer, reason: str) -> Offer:
    """T11: the window is over and nobody decided."""
    case.tell(events.OfferLapsed(offer=offer.id, units=offer.units, reason=reason))
    lapsed = _move(case, offer, OfferState.LAPSED, due_at=None)
    _let_go(case, lapsed, offer.units, Basis.LAPSE)
    return lapsed


def withdraw(case: Case, offer: Offer, why: str) -> Offer:
    """T13: a withdrawal releases nothing; its units are pending again until the case says more."""
    case.tell(events.OfferWithdrawn(offer=offer.id, why=why))
    case.move(offer.units, UnitState.PENDING, offer=None)
    return _move(case, offer, OfferState.WITHDRAWN, due_at=None)


def owed(case: Case, offer: Offer) -> tuple[int, ...]:
    """The units that the holder accepted and has not delivered yet."""
    return tuple(
        index
        for index in offer.accepted
        if case.job.units[index].state is UnitState.ACCEPTED
        and case.job.units[index].offer == offer.id
    )


def fulfil(case: Case, offer: Offer) -> Offer:
    """T16: all that was accepted is delivered."""
    case.tell(events.OfferFulfilled(offer=offer.id, units=offer.accepted))
    return _move(case, offer, OfferState.FULFILLED, due_at=None)


def default(case: Case, offer: Offer, undelivered: tuple[int, ...]) -> Offer:
    """T17: provision and cure are over; what was not delivered is released, once."""
    case.tell(events.HolderDefaulted(offer=offer.id, units=undelivered))
    defaulted = _move(case, offer, OfferState.DEFAULTED, due_at=None)
    _let_go(case, defaulted, undelivered, Basis.DEFAULT)
    return defaulted


def _rest(offer: Offer, units: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(index for index in offer.units if index not in units)


def _let_go(case: Case, offer: Offer, units: tuple[int, ...], basis: Basis) -> None:
    if not units:
        return
    if offer.kind is OfferKind.ORDER:
        if basis is Basis.DEFAULT:
            return
        case.move(units, UnitState.PENDING, offer=None)
        retry = case.now + timedelta(seconds=offer.mechanics.refusal_max_age_s)
        case.set_job(due_at=min(retry, case.job.patience_until or retry))
        return
    tail_from = offer.issued_at if offer.mechanics.tail_from_notice else case.now
    stale_after = timedelta(seconds=offer.mechanics.refusal_max_age_s)
    release_units(
        case,
        units,
        Release(
            number=case.job.released + 1,
            basis=basis,
            offer=offer.id,
            ceiling=offer.terms,
            since=case.now,
            tail_until=tail_from + timedelta(seconds=offer.mechanics.tail_s),
            stale_at=None if basis is Basis.DEFAULT else case.now + stale_after,
            cites=(offer.id,),
            tolerance=offer.mechanics.tolerance,
        ),
    )
