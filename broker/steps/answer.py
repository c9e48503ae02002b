"""A person's answer to an offer: accept in whole or part, refuse, counter, ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.desk import holder_places
from broker.domain.market import Market, Pool
from broker.domain.offer import Offer, OfferState
from broker.domain.offering import accept, deliver, lapse, refuse
from broker.domain.requote import ask_anew
from broker.domain.spill import commit_holder, want_machines
from broker.domain.values import ONE_OF_THE_REASONS, AnswerId, OfferId, RefusalReason
from broker.ports import Ids, Store, Transaction
from broker.steps.beat import somebody_is_away
from broker.steps.keeping import keep
from broker.steps.rulebook import Rulebook


class AnswerKind(StrEnum):
    ACCEPT = "accept"
    REFUSE = "refuse"
    COUNTER = "counter"
    QUERY = "query"


NEED_A_REASON: Final = frozenset({AnswerKind.REFUSE, AnswerKind.COUNTER})


class Rejection(StrEnum):
    LATE = "late"
    DUPLICATE = "duplicate"
    NONCONFORMING = "nonconforming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Capacity that the holder keeps for so many of the offer's units."""

    hold: str
    units: int
    region: str
    sku: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    kind: AnswerKind
    units: int | None = None
    """How many units are accepted; None is all."""
    holds: tuple[Hold, ...] = ()
    reason: RefusalReason | None = None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of an answer. A rejected one changed nothing but the log."""

    answer: AnswerId
    state: OfferState
    rejected: Rejection | None = None
    because: str = ""


def record_answer(
    offer_id: OfferId, answer: Answer, store: Store, rules: Rulebook, ids: Ids
) -> Judgement:
    """Judge an answer by the offer as it stands. Raises KeyError where there is no such offer."""
    with store.transaction() as tx:
        case, offer = _opened(offer_id, tx)
        bound = tx.bound_holds(offer.holder, [hold.hold for hold in answer.holds])
        judgement = _judge(case, offer, answer, AnswerId(ids.new("answer")), rules, bound)
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


def acknowledge(offer_id: OfferId, store: Store) -> None:
    """The desk has fetched its notice: the window opens, once. Raises KeyError."""
    with store.transaction() as tx:
        case, offer = _opened(offer_id, tx)
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
    answer: Answer,
    name: AnswerId,
    rules: Rulebook,
    bound: Mapping[str, OfferId],
) -> Judgement:
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
    pools = [_pool_of(hold, case, offer, rules) for hold in answer.holds]
    fault = _nonconforming(offer, answer, units, pools) or _not_its_own(answer, bound)
    if fault:
        return _reject(case, offer.id, name, offer.state, Rejection.NONCONFORMING, fault)
    case.tell(
        events.AnswerReceived(
            offer=offer.id,
            answer=name,
            kind=answer.kind,
            units=units if answer.kind is AnswerKind.ACCEPT else offer.units,
            holds=_told(answer.holds),
            reason=answer.reason,
            by=answer.by,
        )
    )
    if answer.kind is AnswerKind.ACCEPT:
        _take(case, offer, units, answer.holds, [pool for pool in pools if pool])
    elif answer.kind is not AnswerKind.QUERY:
        assert answer.reason is not None  # noqa: S101 - it would not conform
        refuse(case, offer, answer.reason)
    if not case.offers[offer.id].state.undecided:
        _let_go_of_holds(case, offer.id)
    return Judgement(answer=name, state=case.offers[offer.id].state)


def _let_go_of_holds(case: Case, offer: OfferId) -> None:
    """A person has decided what the automatic desk was still asking its cloud for."""
    for machine in list(case.machines.values()):
        if machine.offer == offer and machine.commitment is None:
            case.give_back(machine, "answered by a person")


def _reject(
    case: Case, offer: OfferId, name: AnswerId, state: OfferState, why: Rejection, because: str
) -> Judgement:
    case.tell(events.AnswerRejected(offer=offer, answer=name, why=why, because=because))
    return Judgement(answer=name, state=state, rejected=why, because=because)


def _pool_of(hold: Hold, case: Case, offer: Offer, rules: Rulebook) -> Pool | None:
    """The pool of the holder's in which a hold lies, if it is one that the job may have."""
    pools = holder_places(case, offer, Market(pools=rules.pools))
    return next(
        (p for p in pools if (p.place.region, p.place.sku) == (hold.region, hold.sku)), None
    )


def _nonconforming(
    offer: Offer, answer: Answer, units: tuple[int, ...], pools: Sequence[Pool | None]
) -> str:
    """Why the clause does not allow this answer (design T8); empty where it does."""
    if answer.kind in NEED_A_REASON and answer.reason is None:
        return f"reason: to {answer.kind.value} is to say why; {ONE_OF_THE_REASONS}"
    if answer.kind is not AnswerKind.ACCEPT:
        return ""
    wanted = len(offer.units) if answer.units is None else answer.units
    held = sum(hold.units for hold in answer.holds)
    missing = next((h for h, pool in zip(answer.holds, pools, strict=True) if pool is None), None)
    faults = (
        (
            wanted < 1 or wanted > len(offer.units),
            f"units: the offer has {len(offer.units)}, and {wanted} were accepted",
        ),
        (
            offer.gang and wanted != len(offer.units),
            f"units: a gang is accepted whole, all {len(offer.units)}, or not at all",
        ),
        (
            wanted % offer.chunk and wanted != len(offer.units),
            f"units: {wanted} is no multiple of the chunk, {offer.chunk}",
        ),
        (
            held != len(units) or any(hold.units < 1 for hold in answer.holds),
            f"holds: {held} units are held for {len(units)} accepted; each needs a hold",
        ),
        (
            offer.gang and len(answer.holds) > 1,
            "holds: a gang is held in one place, by one hold",
        ),
        (
            missing is not None,
            (
                f"holds: {missing and missing.region} {missing and missing.sku} is no pool of "
                f"{', '.join(offer.holder)} that the job may have"
            ),
        ),
    )
    return next((sentence for fault, sentence in faults if fault), "")


def _not_its_own(answer: Answer, bound: Mapping[str, OfferId]) -> str:
    """Each acceptance carries its own hold, so that nothing is sold twice (design 3.5, 4)."""
    names = [hold.hold for hold in answer.holds] if answer.kind is AnswerKind.ACCEPT else []
    taken = next((name for name in names if name in bound), None)
    if taken is not None:
        return f"holds: {taken} stands behind the acceptance of {bound[taken]}; name another hold"
    twice = next((name for name in names if names.count(name) > 1), None)
    return f"holds: {twice} is named twice; name each hold once" if twice is not None else ""


def _told(holds: Sequence[Hold]) -> tuple[dict[str, object], ...]:
    return tuple(
        {"hold": h.hold, "units": h.units, "region": h.region, "sku": h.sku} for h in holds
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
                price_usd_hour=min(
                    pool.price_usd_hour, offer.terms.price_usd_hour or pool.price_usd_hour
                ),
            )
            commitment = commit_holder(
                case, group, pool, terms, offer.edition, offer.id, (hold.hold,)
            )
            want_machines(case, commitment, terms.price_usd_hour, case.now)
