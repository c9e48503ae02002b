"""The course of an offer: the verbs that move it (design 3.5, T3 to T18).

A verb takes the file of the job, moves the offer and its units, and tells the facts. It trusts
nothing but the states it finds: an offer that has been decided is not decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.job import IllegalMoveError, UnitState
from broker.domain.notice import notice
from broker.domain.offer import OFFER_MOVES, Desk, Offer, OfferKind, OfferState
from broker.domain.release import Basis, Release
from broker.domain.spill import release_units
from broker.domain.values import RefusalId


def _move(case: Case, offer: Offer, to: OfferState, **fields: Any) -> Offer:  # noqa: ANN401
    if to not in OFFER_MOVES[offer.state]:
        raise IllegalMoveError(f"{offer.id}: {offer.state} -> {to}")
    return case.put_offer(altered(offer, state=to, **fields))


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
            supersedes=offer.supersedes,
            desk=offer.desk,
            scope=offer.scope,
            quote=offer.quote,
        )
    )
    return case.put_offer(offer)


def attempt(case: Case, offer: Offer, sha256: str | None = None, because: str = "") -> Offer:
    """The notice went out and nobody has said that it is there."""
    offer = case.put_offer(altered(offer, attempts=offer.attempts + 1))
    case.tell(
        events.NoticeSent(
            offer=offer.id,
            attempt=offer.attempts,
            channels=offer.channels,
            notice=offer.notice,
            sha256=sha256,
            because=because,
        )
    )
    return offer


def deliver(case: Case, offer: Offer, how: str) -> Offer:
    """T6: the holder has the notice (`ack`, `answer`) or is deemed to have it; the window opens."""
    if offer.state is not OfferState.SENT:
        return offer
    expires_at = case.now + timedelta(seconds=offer.mechanics.window_s)
    case.tell(events.OfferDelivered(offer=offer.id, how=how, expires_at=expires_at))
    due_at = expires_at - offer.margin if offer.desk is Desk.AUTOMATIC else expires_at
    attempts = offer.attempts if how == "deemed" else 0  # it was there after all
    fields = {"opened_at": case.now, "expires_at": expires_at, "due_at": due_at}
    return _move(case, offer, OfferState.OPEN, attempts=attempts, **fields)


def accept(
    case: Case,
    offer: Offer,
    units: tuple[int, ...],
    holds: Iterable[Mapping[str, Any]],
    standing: str | None = None,
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
            standing=standing,
        )
    )
    case.move(units, UnitState.ACCEPTED)
    accepted = _move(
        case,
        offer,
        OfferState.ACCEPTED,
        accepted=units,
        accepted_at=case.now,
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
        if case.job.units[index].sought.state is UnitState.ACCEPTED
        and case.job.units[index].sought.offer == offer.id
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
        case.move(units, UnitState.PENDING, offer=None, commitment=None)
        again = [case.now + timedelta(seconds=offer.mechanics.refusal_max_age_s)]
        if case.job.patience_until is not None and case.job.patience_until > case.now:
            again.append(case.job.patience_until)
        case.set_job(due_at=min(again))
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
            quote=None if basis is Basis.DEFAULT else offer.quote,
            quote_until=None if basis is Basis.DEFAULT else offer.quote_until,
            quoted=None if basis is Basis.DEFAULT else offer.quoted,
            tolerance=offer.mechanics.tolerance,
        ),
    )
