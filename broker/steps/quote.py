"""Ask before paying: the same planner on the same market, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, groupby
from typing import Final, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.committing import advised
from broker.domain.considered import Considered, Sought, considered, what_would_change
from broker.domain.decision import AcceptStanding, Commit, Decision, PutOffer, ReleaseStanding, Wait
from broker.domain.explanation import span
from broker.domain.job import Job, UnitState
from broker.domain.market import Advised, Market, Place
from broker.domain.offer import OfferKind
from broker.domain.options import Options, Which, remembered
from broker.domain.placement import plan
from broker.domain.quote import Quote, QuotedPlace, Waited
from broker.domain.release import Basis, Release
from broker.domain.terms import Terms
from broker.domain.values import JobId, decimal_text, instant_text
from broker.domain.workload import Workload
from broker.ports import Store
from broker.steps.rulebook import Rulebook
from broker.steps.submit import checked_job

_EXACT: Final = Decimal(0)
_NOBODY: Final[frozenset[str]] = frozenset()

Waits: TypeAlias = Mapping[Place, Waited]


def quote_job(asked: Workload, store: Store, rules: Rulebook, waits: Waits) -> Quote:
    """What would be done with the job if it were submitted now. Raises InvalidJobError."""
    with store.transaction() as tx:
        now = tx.now
        market = replace(rules.market(tx), room={})  # how slowly a place is asked is no matter here
        name = rules.agreement_of(asked.tenant)
        register = tx.registers([name])[name]
    job = checked_job(asked, rules, now, JobId("quote"))
    work = job.workload
    edition = rules.edition_as_it_stands(register, now)
    options = None
    if edition is not None:
        options = remembered(rules.memo, job.line, work, market, edition, now, register)
    window_s = None
    if edition is not None and options is not None and options.right is not None:
        window_s = rules.mechanics(edition, options.right, work).window_s
    sought = Sought(
        work_class=work.work_class,
        tags=frozenset(work.tags),
        shape=work.shape,
        limits=work.limits,
    )
    attested = register.attested_in(edition) if edition else _NOBODY
    barred = register.barred(work.tenant, now, edition) if edition else _NOBODY
    places = considered(sought, market.pools, edition, now, attested, barred)

    def planned(job: Job) -> tuple[Decision, ...]:
        editions, registers = {job.agreement: edition}, {job.agreement: register}
        (decisions,) = plan([job], market, editions, now, registers=registers)
        return decisions

    decisions = planned(job)
    ranks = _order(job, options, market, edition, decisions, now) if options and edition else {}
    return Quote(
        name=work.name,
        units=work.units,
        gang=work.gang,
        agreement=job.agreement,
        edition=edition.id if edition else None,
        provenance=edition.provenance.value if edition else None,
        holder=edition.holder.id if edition else None,
        clause=(options.right or options.exclusive) if options else None,
        window_s=window_s,
        course=tuple(
            _course(decisions, window_s, lambda ceiling: planned(_released(job, ceiling, now)))
        ),
        offers=tuple(_rows(work, places, ranks, market, now, waits)),
        would_change=what_would_change(sought, places),
    )


def _order(
    job: Job,
    options: Options,
    market: Market,
    edition: Edition,
    decisions: Sequence[Decision],
    now: datetime,
) -> dict[Place, int]:
    """The places that would be asked, with their rank from 1."""
    if any(isinstance(decision, Wait) and decision.held for decision in decisions):
        return {}
    units = len(job.units) if job.workload.gang else 1
    alone = options.right is None and options.exclusive is None
    commits = [decision for decision in decisions if isinstance(decision, Commit)]
    if not alone and len(commits) == len(decisions):  # it may go there unasked
        return {place: n for n, place in enumerate(dict.fromkeys(_places(commits)), start=1)}
    holder = () if alone else options.holder
    terms = job.terms.priced(options.notice_price)
    of: Which = "free" if alone else "released"
    open_to = advised(options.within(terms, terms, _EXACT, of=of), market.advice, edition, now)
    places = [p.place for p in holder if market.standing(p.place, now, units) is None]
    if options.exclusive is None:
        others = (choice.pool.place for choice in open_to)
        places += [place for place in others if market.shut_until(place, now, units) is None]
    return {place: rank for rank, place in enumerate(dict.fromkeys(places), start=1)}


def _places(commits: Iterable[Commit]) -> Iterator[Place]:
    return (commit.pool.place for commit in commits)


def _course(
    decisions: Sequence[Decision],
    window_s: int | None,
    later: Callable[[Terms], Sequence[Decision]],
) -> Iterator[str]:
    """What the planner decides, then what it would decide once the holder has let the units go."""
    for decision in _together(decisions):
        yield _said(decision, window_s)
        if isinstance(decision, PutOffer | ReleaseStanding):
            if isinstance(decision, PutOffer) and decision.kind is OfferKind.ORDER:
                return
            then = _together(later(decision.terms))
            yield from (f"then {_said(one, window_s)}" for one in then)


def _together(decisions: Sequence[Decision]) -> Iterator[Decision]:
    """Chunks that go to one place, said once."""
    for _, alike in groupby(decisions, lambda d: d.pool.place if isinstance(d, Commit) else id(d)):
        first, *others = alike
        if isinstance(first, Commit):
            more = (one.units for one in others if isinstance(one, Commit))
            first = replace(first, units=tuple(chain(first.units, *more)))
        yield first


def _released(job: Job, ceiling: Terms, now: datetime) -> Job:
    """The job as it would be if the holder had refused all of it."""
    release = Release(
        number=1,
        basis=Basis.REFUSAL,
        offer=None,
        ceiling=ceiling,
        since=now,
        tail_until=now + timedelta(days=1),
        stale_at=None,
        cites=(),
    )
    units = tuple(replace(unit, state=UnitState.RELEASED, release=1) for unit in job.units)
    return replace(job, units=units, releases=(release,), released=1)


def _said(decision: Decision, window_s: int | None) -> str:
    match decision:
        case PutOffer(kind=OfferKind.ORDER):
            only = f"clause {decision.clause} keeps it there"
            return f"order {_units(decision.units)} from the holder alone: {only}"
        case PutOffer(terms=terms, clause=clause):
            price = terms.price_usd_hour
            most = f" at no more than {decimal_text(price)} $/h a unit" if price else ""
            window = f"; it has {span(window_s)} to answer" if window_s else ""
            offered = f"offer {_units(decision.units)} to the holder first under {clause}"
            return f"{offered}{most}{window}"
        case AcceptStanding() | ReleaseStanding():
            return _beforehand(decision)
        case Commit(units=units, pool=pool, basis=basis):
            paid = f"{decimal_text(pool.price_usd_hour)} $/h a unit"
            return f"order {_units(units)} from {pool.place} at {paid}, basis {basis.value}"
        case Wait(because=because, until=until):
            return f"wait: {because}" + (f", until {instant_text(until)}" if until else "")
        case _:
            return "wait"


def _beforehand(decision: AcceptStanding | ReleaseStanding) -> str:
    """Why the holder is not asked now."""
    if isinstance(decision, AcceptStanding):
        one = decision.acceptance
        price = decimal_text(one.price_usd_hour)
        taken = f"{_units(decision.offer.units)} taken at once"
        return f"{taken} by the holder's standing acceptance {one.id}, at {price} $/h a unit"
    until = f" until {instant_text(decision.until)}" if decision.until else ""
    return f"no offer is due: {_NO_OFFER[decision.basis]}{until}"


_NO_OFFER: Final = {
    Basis.STANDING_REFUSAL: "every place of the holder's stands refused",
    Basis.SUSPENSION: "the right is suspended",
    Basis.UNAVAILABILITY: "the holder is unavailable",
}


def _units(units: tuple[int, ...]) -> str:
    return "1 unit" if len(units) == 1 else f"{len(units)} units"


def _rows(
    work: Workload,
    places: tuple[Considered, ...],
    asked: Mapping[Place, int],
    market: Market,
    now: datetime,
    waits: Waits,
) -> Iterator[QuotedPlace]:
    last = len(asked) + 1
    for one in sorted(places, key=lambda one: asked.get(one.pool.place, last)):
        pool, waited = one.pool, waits.get(one.pool.place)
        yield QuotedPlace(
            rank=asked.get(pool.place),
            provider=pool.place.provider.value,
            region=pool.place.region,
            sku=pool.place.sold,
            gpus=pool.gpus,
            price_usd_hour=pool.price_usd_hour,
            priced_at=pool.priced_at,
            total_cost=_total(work, pool.price_usd_hour),
            wait_p50_s=waited.p50_s if waited else None,
            wait_p90_s=waited.p90_s if waited else None,
            verdict=one.verdict,
            clause=one.clause,
            why=_why(one, asked, market, now, work),
        )


def _total(work: Workload, price: Decimal) -> Decimal | None:
    if work.duration_s is None:
        return None
    return (price * work.units * work.duration_s / 3600).quantize(Decimal("0.01"))


def _why(
    one: Considered, asked: Mapping[Place, int], market: Market, now: datetime, work: Workload
) -> str:
    if one.barred:
        return f"not asked: {one.pool.place.provider} is in the conflict set of {work.tenant}"
    if one.left_out and one.pool.place in asked:
        return "over the price limit: its desk refuses it (not_economic)"
    if one.left_out:
        return f"{one.left_out} leaves it out"
    refusal = market.standing(one.pool.place, now, work.units if work.gang else 1)
    if refusal is not None:
        return f"stands refused: {refusal.code}, until {instant_text(refusal.valid_until)}"
    if one.pool.place in market.closed and now < market.closed[one.pool.place]:
        return "closed for now by a trouble of ours"
    because = one.because if one.pool.place in asked else f"not asked: {one.because}"
    heard = market.advice.get(one.pool.place)
    return because if heard is None else f"{because}; {_thought(heard, now)}"


def _thought(heard: Advised, now: datetime) -> str:
    """What is thought of the place, how old that is, and who says so."""
    said, age = heard.advice, span(max(int((now - heard.as_of).total_seconds()), 0))
    return f"{said.thought.words}, {age} ago" + (f": {said.because}" if said.because else "")
