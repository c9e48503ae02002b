"""The holder's automatic desk: its cloud is asked place by place, and its machine is the hold.

The desk sees one offer, the holder's pools and what stands refused. It asks every place that the
job's limits allow before it refuses, and it never lets a mistake of ours count as a "no".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.job import UnitState
from broker.domain.lease import activate
from broker.domain.machine import Machine, MachineState, is_kept, machine_name
from broker.domain.market import Market, Pool, option
from broker.domain.offer import Desk, Offer, OfferKind
from broker.domain.offering import accept, deliver, refuse
from broker.domain.ranking import ranked
from broker.domain.spill import commit_holder, price_cap
from broker.domain.values import AnswerId, CommitmentId, Purchase, RefusalReason

_LINES_KNOWN: Final = 20_000


def holder_places(case: Case, offer: Offer, market: Market) -> tuple[Pool, ...]:
    """The holder's pools that the job's limits leave, its price apart, in the order of asking.

    Its regions are those of the notice, whatever the tenant has asked for since.
    """
    asked = case.job.line, offer.holder, offer.terms.regions
    found = market.fitting.get(asked)
    if found is None:
        if len(market.fitting) >= _LINES_KNOWN:
            market.fitting.clear()
        shape = case.job.workload.shape
        limits = altered(case.job.workload.limits, regions=offer.terms.regions or ())
        found = market.fitting[asked] = ranked(
            pool
            for pool in market.pools
            if pool.place.provider in offer.holder
            and pool.place.purchase is not Purchase.RESERVED  # that is nothing to be offered
            and pool.fits(shape)
            and pool.within(limits)
        )
    return found


def closes_at(offer: Offer) -> datetime | None:
    """When the automatic desk answers with what it has; None before its window is open."""
    return None if offer.expires_at is None else offer.expires_at - offer.margin


def proceed(case: Case, offer: Offer, market: Market) -> None:
    """Take the desk's next step: ask one more place, wait for an answer, accept or refuse."""
    if offer.desk is not Desk.AUTOMATIC or not offer.state.undecided:
        return
    if offer.expires_at is not None and case.now >= offer.expires_at:
        return  # too late for any answer; the offer is due, and ends as its window did
    holds = [m for m in case.machines.values() if m.offer == offer.id and _counts(m)]
    if offer.gang and len({m.place for m in holds}) == 1 and len(holds) < len(offer.units):
        for machine in holds:  # one of the gang was refused: none of this place is any use
            case.give_back(machine, "gang incomplete")
        holds = []
    up = [m for m in holds if is_kept(m)]
    closing = closes_at(offer)
    if closing is not None and case.now >= closing:
        _answer_with(case, offer, market, up)
        return
    held = {m.unit for m in holds}
    missing = tuple(index for index in offer.units if index not in held)
    if missing and _ask(case, offer, market, missing):
        return
    if len(up) < len(holds):
        return
    offer, up = case.offers[offer.id], _in_chunks(case, offer, up)
    if up:
        _accept(case, offer, market, up)
    else:
        _refuse(case, offer, market)
    if offer.kind is OfferKind.ORDER and offer.refusals and case.job.in_state(UnitState.PENDING):
        case.set_job(due_at=case.now)  # the refusals stand on record: it takes its place in line


def _counts(machine: Machine) -> bool:
    return not machine.state.over and machine.state is not MachineState.ENDING


def _ask(case: Case, offer: Offer, market: Market, missing: tuple[int, ...]) -> bool:
    """Write down the wish for machines at the first place not asked yet; False if there is none."""
    for pool in holder_places(case, offer, market):
        if pool.place in offer.asked or _too_dear(pool, offer):
            continue
        refusal = market.standing(pool.place, case.now, _together(offer))
        if refusal is not None:
            if refusal.id not in offer.refusals:
                offer = case.put_offer(altered(offer, refusals=(*offer.refusals, refusal.id)))
            continue
        for unit in missing:
            case.put_machine(
                Machine(
                    name=machine_name(offer.id, unit, pool.place),
                    job=case.job.id,
                    unit=unit,
                    place=pool.place,
                    price_usd_hour=pool.price_usd_hour,
                    max_price_usd_hour=price_cap(case, pool.place, offer.terms.price_usd_hour),
                    together=_together(offer),
                    offer=offer.id,
                    wanted_at=case.now,
                    due_at=case.now,
                )
            )
        case.put_offer(altered(offer, asked=(*offer.asked, pool.place)))
        return True
    return False


def _together(offer: Offer) -> int:
    return len(offer.units) if offer.gang else 1


def _too_dear(pool: Pool, offer: Offer) -> bool:
    ceiling = offer.terms.price_usd_hour
    return ceiling is not None and pool.price_usd_hour > ceiling


def _answer_with(case: Case, offer: Offer, market: Market, up: list[Machine]) -> None:
    """The window is nearly over: take what is there; what is still being made is given back."""
    waiting = [
        m
        for m in case.machines.values()
        if m.offer == offer.id and m.state.unresolved and not is_kept(m)
    ]
    for machine in waiting:
        case.give_back(machine, "window over")
    wanted = [m for m in waiting if m.state is MachineState.WANTED]
    unheard = [m for m in wanted if m.tries > 0 or m.trouble]
    if unheard:  # our calls went wrong: that is no answer, and the offer will be withdrawn
        because = case.job.trouble or f"{unheard[0].place}: not asked within the window"
        case.set_job(trouble=because)
        return
    up = _in_chunks(case, offer, up)
    if up and (not offer.gang or len(up) == len(offer.units)):
        _accept(case, offer, market, up)


def _in_chunks(case: Case, offer: Offer, up: list[Machine]) -> list[Machine]:
    """As many as may be accepted; what is over after the last whole chunk is given back."""
    whole = len(up) if len(up) == len(offer.units) else len(up) - len(up) % offer.chunk
    for machine in up[whole:] if not offer.gang else ():
        case.give_back(machine, "chunk incomplete")
    return up if offer.gang else up[:whole]


def _accept(case: Case, offer: Offer, market: Market, up: list[Machine]) -> None:
    units = tuple(sorted(machine.unit for machine in up))
    holds = tuple(
        {"hold": m.name, "units": 1, "region": m.place.region, "sku": m.place.sku}
        | option(m.place.purchase)
        for m in up
    )
    offer = _answered(case, offer, units, holds, None)
    accept(case, offer, units, holds)
    groups = [up] if offer.gang else [[machine] for machine in up]
    pools = {pool.place: pool for pool in holder_places(case, offer, market)}
    for group in groups:
        pool = pools[group[0].place]
        terms = altered(
            offer.terms,
            accelerators=(pool.accelerator,) if pool.accelerator else None,
            regions=(pool.place.region,),
            interruptible=pool.place.interruptible,
            price_usd_hour=pool.price_usd_hour,
        )
        bound = tuple(sorted(machine.unit for machine in group))
        names = tuple(machine.name for machine in group)
        commitment = commit_holder(case, bound, pool, terms, offer.edition, offer.id, names)
        for machine in group:
            _bind(case, machine, commitment.id)
        if all(machine.state is MachineState.RUNNING for machine in group):
            activate(case, commitment)


def _bind(case: Case, machine: Machine, commitment: CommitmentId) -> None:
    """What is only held is launched now, into what is held for it."""
    bound = altered(machine, commitment=commitment)
    if machine.state is not MachineState.RUNNING:
        again = {"tries": 0, "in_vain": 0, "due_at": case.now}
        launch = {"state": MachineState.WANTED, "owed": True, **again}
        bound = altered(bound, **launch)
    case.put_machine(bound)


def _refuse(case: Case, offer: Offer, market: Market) -> None:
    places = holder_places(case, offer, market)
    if offer.refusals:
        reason = RefusalReason.NO_CAPACITY
    elif places:
        reason = RefusalReason.NOT_ECONOMIC
    else:
        reason = RefusalReason.SPEC_UNSUPPORTED
    offer = _answered(case, offer, offer.units, (), reason)
    refuse(case, offer, reason, offer.refusals)


def _answered(
    case: Case,
    offer: Offer,
    units: tuple[int, ...],
    holds: tuple[dict[str, Any], ...],
    reason: RefusalReason | None,
) -> Offer:
    """An answer from the holder is itself proof of receipt (design 3.2, delivery)."""
    offer = deliver(case, offer, "answer")
    case.tell(
        events.AnswerReceived(
            offer=offer.id,
            answer=AnswerId(case.new_id("ans")),
            kind="accept" if reason is None else "refuse",
            units=units,
            holds=holds,
            reason=reason,
            by=offer.holder[0],
        )
    )
    return offer
