"""A person's answer to an offer: accept in whole or part, refuse, counter, ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.key import Role, Shown
from broker.domain.market import Pool, option
from broker.domain.offer import Offer, OfferState
from broker.domain.offering import accept, deliver, lapse, refuse
from broker.domain.requote import ask_anew
from broker.domain.spill import commit_holder, want_machines
from broker.domain.values import AnswerId, KeyId, OfferId
from broker.ports import Ids, Store, Transaction
from broker.steps.authority import authorised, desk_of
from broker.steps.beat import somebody_is_away
from broker.steps.conforming import nonconforming, not_its_own, pool_of
from broker.steps.keeping import keep
from broker.steps.notices import check_desk, reply_to
from broker.steps.rulebook import Rulebook
from broker.steps.said import Answer, AnswerKind, Hold


class Rejection(StrEnum):
    LATE = "late"
    DUPLICATE = "duplicate"
    NONCONFORMING = "nonconforming"
    UNAUTHORISED = "unauthorised"
    """A key is needed, and none was shown."""
    FORBIDDEN = "forbidden"
    """The key that was shown gives no authority; the log says `unauthorised` of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of an answer. A rejected one changed nothing but the log."""

    answer: AnswerId
    state: OfferState
    rejected: Rejection | None = None
    because: str = ""
    reply: Mapping[str, Any] = field(default_factory=dict)
    """What a question is answered with: fields of the notice, and nothing else."""


class Known(NamedTuple):
    """An answer by somebody who may give it."""

    answer: Answer
    name: AnswerId
    key: KeyId | None


def record_answer(
    offer_id: OfferId, answer: Answer, store: Store, rules: Rulebook, ids: Ids
) -> Judgement:
    """Judge an answer by the offer as it stands. Raises KeyError where there is no such offer."""
    with store.transaction() as tx:
        case, offer = _opened(offer_id, tx)
        bound = tx.bound_holds(offer.holder, [hold.hold for hold in answer.holds])
        name = AnswerId(ids.new("answer"))
        shown = authorised(desk_of(offer, rules.agreements), Role.DESK, answer.shown, tx)
        if shown.flaw:
            why = Rejection.UNAUTHORISED if shown.missing else Rejection.FORBIDDEN
            judgement = _reject(case, offer.id, name, offer.state, why, shown.flaw)
        else:
            known = Known(answer, name, shown.key)
            judgement = _judge(case, offer, known, rules, bound, tx)
            if judgement.rejected is Rejection.LATE and answer.kind is AnswerKind.ACCEPT:
                judgement = _came_late(case, offer, judgement, tx)
        keep(tx, [case])
    return judgement


def _came_late(case: Case, offer: Offer, judgement: Judgement, tx: Transaction) -> Judgement:
    """A late yes revives nothing; while the units are unplaced the holder is asked anew."""
    current = case.offers.get(offer.id, offer)
    if current.state is OfferState.OPEN:
        if current.mechanics.toll and somebody_is_away(tx):
            return judgement  # the window may yet turn out to be longer
        current = lapse(case, current, "window ended")
        _let_go_of_holds(case, current.id)
    if not ask_anew(case, current):
        return replace(judgement, state=current.state)
    because = f"{judgement.because}; its units are offered anew"
    return replace(judgement, state=current.state, because=because)


def acknowledge(offer_id: OfferId, store: Store, rules: Rulebook, shown: Shown = None) -> None:
    """The desk has fetched its notice: the window opens, once.

    Raises KeyError, and UnauthorisedError where the key that is shown gives no authority.
    """
    with store.transaction() as tx:
        case, offer = _opened(offer_id, tx)
        check_desk(offer, shown, tx, rules)
        if offer.state is OfferState.SENT:
            deliver(case, offer, "ack")
            keep(tx, [case])


def _opened(offer_id: OfferId, tx: Transaction) -> tuple[Case, Offer]:
    """The offer as it stands, however long it is over, with the file of its job."""
    known = tx.offer(offer_id)
    if known is None:
        raise KeyError(offer_id)
    case = tx.cases([known.job])[known.job]
    return case, case.offers.get(offer_id) or tx.offer(offer_id) or known


def _judge(
    case: Case,
    offer: Offer,
    known: Known,
    rules: Rulebook,
    bound: Mapping[str, str],
    tx: Transaction,
) -> Judgement:
    answer, name, key = known
    if not offer.state.undecided:
        late = offer.state is OfferState.LAPSED
        why = Rejection.LATE if late else Rejection.DUPLICATE
        because = f"the offer is {offer.state.value} already"
        return _reject(case, offer.id, name, offer.state, why, because)
    offer = deliver(case, offer, "answer")
    assert offer.expires_at is not None  # noqa: S101 - a delivered offer has a window
    if case.now >= offer.expires_at:
        because = f"the window ended at {offer.expires_at.isoformat()}"
        return _reject(case, offer.id, name, offer.state, Rejection.LATE, because)
    units = offer.units if answer.units is None else offer.units[: answer.units]
    pools = [pool_of(hold, case, offer, rules, tx) for hold in answer.holds]
    fault = nonconforming(offer, answer, units, pools) or not_its_own(answer, bound)
    if fault:
        return _reject(case, offer.id, name, offer.state, Rejection.NONCONFORMING, fault)
    reply = reply_to(offer, answer.question) if answer.kind is AnswerKind.QUERY else {}
    case.tell(
        events.AnswerReceived(
            offer=offer.id,
            answer=name,
            kind=answer.kind,
            units=units if answer.kind is AnswerKind.ACCEPT else offer.units,
            holds=_told(answer.holds),
            reason=answer.reason,
            by=answer.by,
            key=key,
            question=answer.question,
            fields=tuple(reply),
            terms=answer.terms,
        )
    )
    if answer.kind is AnswerKind.ACCEPT:
        _take(case, offer, units, answer.holds, [pool for pool in pools if pool])
    elif answer.kind is not AnswerKind.QUERY:
        assert answer.reason is not None  # noqa: S101 - it would not conform
        refuse(case, offer, answer.reason)
    if not case.offers[offer.id].state.undecided:
        _let_go_of_holds(case, offer.id)
    return Judgement(answer=name, state=case.offers[offer.id].state, reply=reply)


def _let_go_of_holds(case: Case, offer: OfferId) -> None:
    """A person has decided what the automatic desk was still asking its cloud for."""
    for machine in list(case.machines.values()):
        if machine.offer == offer and machine.commitment is None:
            case.give_back(machine, "answered by a person")


def _reject(
    case: Case, offer: OfferId, name: AnswerId, state: OfferState, why: Rejection, because: str
) -> Judgement:
    told = Rejection.UNAUTHORISED if why is Rejection.FORBIDDEN else why
    case.tell(events.AnswerRejected(offer=offer, answer=name, why=told, because=because))
    return Judgement(answer=name, state=state, rejected=why, because=because)


def _told(holds: Sequence[Hold]) -> tuple[dict[str, object], ...]:
    return tuple(
        {"hold": h.hold, "units": h.units, "region": h.region, "sku": h.sku}
        | option(h.purchase)
        | ({"via": h.via} if h.via else {})
        for h in holds
    )


def _take(
    case: Case,
    offer: Offer,
    units: tuple[int, ...],
    holds: Sequence[Hold],
    pools: Sequence[Pool],
) -> None:
    """Bind the holder, and write down the machines it now has to deliver."""
    accept(case, offer, units, _told(holds))
    left = list(units)
    for hold, pool in zip(holds, pools, strict=True):
        part, left = left[: hold.units], left[hold.units :]
        groups = [tuple(part)] if offer.gang else [(index,) for index in part]
        for group in groups:
            terms = altered(
                offer.terms,
                accelerators=(pool.accelerator,) if pool.accelerator else None,
                regions=(pool.place.region,),
                interruptible=pool.place.interruptible,
                price_usd_hour=min(
                    pool.price_usd_hour, offer.terms.price_usd_hour or pool.price_usd_hour
                ),
            )
            held = (hold.hold,)
            commitment = commit_holder(case, group, pool, terms, offer.edition, offer.id, held)
            want_machines(case, commitment, terms.price_usd_hour, case.now)
