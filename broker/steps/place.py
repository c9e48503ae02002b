"""A round of placement: claim what is due, look at the market once, decide, record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final, assert_never

from broker.domain.altered import altered
from broker.domain.caps import Purse
from broker.domain.case import Case
from broker.domain.decision import (
    AcceptStanding,
    Commit,
    Decision,
    EndTerm,
    Expire,
    GiveUp,
    MoveOver,
    PutOffer,
    ReleaseStanding,
    SeekRenewal,
    StandInLine,
    Wait,
)
from broker.domain.desk import proceed
from broker.domain.draw import drawn_from, draws_of_holder
from broker.domain.event import Event
from broker.domain.events import JobHeld, QuoteReceived
from broker.domain.lease import unmet
from broker.domain.line import Heads
from broker.domain.market import Market
from broker.domain.notice import notices_of
from broker.domain.offer import Desk, Mechanics, Offer, OfferKind
from broker.domain.offering import issue
from broker.domain.placement import plan
from broker.domain.register import Register
from broker.domain.release import Basis, Release
from broker.domain.requote import counted
from broker.domain.spill import (
    commit_holder,
    commit_third_party,
    expire_release,
    release_units,
    want_machines,
)
from broker.domain.succession import follow, prolong
from broker.domain.taking_back import REFUSED, take_back
from broker.domain.values import OfferId
from broker.ports import Lock, Store
from broker.steps.keeping import Registers
from broker.steps.rulebook import Rulebook
from broker.steps.standing import take_standing
from broker.steps.within_caps import within_caps


def place_round(store: Store, rules: Rulebook, limit: int = 200) -> int:
    """One claim, one snapshot, one commit, whatever the number of jobs; returns that number."""
    with store.transaction() as tx:
        cases = tx.due_jobs(limit)
        if not cases:
            return 0
        market = rules.market(tx)
        heads = tx.heads({case.job.line for case in cases})
        registers = Registers(tx)
        decided = _decide(cases, market, heads, registers, rules)
        if rules.caps:
            decided = within_caps(cases, decided, Purse(rules.caps, tx.spending()))
        gave_up = {}
        for case, decisions in zip(cases, decided, strict=True):
            _carry_out(case, decisions, market, rules)
            if case.job.state.over:
                gave_up[case.job.line] = 1
        notices = notices_of(cases, tx.now)
        registers.keep(cases)
        for made, told in notices:
            tx.put_notice(made, [told])
        if gave_up:
            tx.call_up(gave_up)
    return len(cases)


def _decide(
    cases: Sequence[Case], market: Market, heads: Heads, registers: Registers, rules: Rulebook
) -> list[tuple[Decision, ...]]:
    """Decide by the registers as they are; where something would be drawn, lock and decide anew.

    Nobody changes what they say meanwhile, so that no fact of a change comes before a decision that
    had not seen it.
    """
    agreements = {case.job.agreement for case in cases}

    def decide(read: Mapping[str, Register]) -> list[tuple[Decision, ...]]:
        now = registers.tx.now
        editions = {name: rules.edition_as_it_stands(one, now) for name, one in read.items()}
        jobs = [case.job for case in cases]
        return plan(jobs, market, editions, now, heads, rules.memo, read)

    decided = decide(registers.tx.registers(agreements, Lock.READ))
    if any(map(_draws, chain.from_iterable(decided))):
        registers.take(agreements)
        for name in agreements:
            registers.change(name, partial(_without_old, rules, registers.tx.now))
        return decide(registers.taken)
    return decided


def _without_old(
    rules: Rulebook, now: datetime, register: Register
) -> tuple[Register, list[Event]]:
    """Small placements that do not count any more are forgotten."""
    edition = rules.edition(register.agreement, now)
    small = (c.right.de_minimis for c in edition.clauses if c.right) if edition else ()
    longest = max((rule.per_tenant_window_s for rule in small if rule), default=0)
    return register.forgetting_small(now - timedelta(seconds=longest)), []


def _draws(decision: Decision) -> bool:
    match decision:
        case Commit(basis=Basis.WAIVER | Basis.DE_MINIMIS) | AcceptStanding():
            return True
        case _:
            return False


def _carry_out(case: Case, decisions: Sequence[Decision], market: Market, rules: Rulebook) -> None:
    waits = [d for d in decisions if isinstance(d, Wait | StandInLine)]
    if len(waits) < len(decisions):
        case.set_job(due_at=None, stuck=False, in_line=False)
    for decision in decisions:
        _do(case, decision, market, rules)
    if not case.job.state.over and (case.job.due_at is None or len(waits) == len(decisions)):
        _put_off(case, waits)


def _do(case: Case, decision: Decision, market: Market, rules: Rulebook) -> None:
    match decision:
        case PutOffer():
            proceed(case, issue(case, _offer(case, decision, rules)), market)
        case AcceptStanding(offer=offer, acceptance=acceptance):
            take_standing(case, _offer(case, offer, rules), acceptance, market)
        case ReleaseStanding():
            _release(case, decision, rules)
        case Commit():
            _commit(case, decision, rules)
        case Expire(release=Release(quote=str(quote)), why="refused"):
            take_back(case, quote, REFUSED)
        case Expire(release=release, why=why):
            expire_release(case, release, why)
        case Wait() | StandInLine():
            pass
        case GiveUp(because=because):
            unmet(case, because)
        case SeekRenewal() | MoveOver() | EndTerm():
            follow(case, decision)
        case _:
            assert_never(decision)


def _put_off(case: Case, waits: Sequence[Wait | StandInLine]) -> None:
    """Set when the job is looked at again, and say once what holds it up."""
    for wait in waits:
        if isinstance(wait, Wait) and wait.held and case.job.trouble != wait.because:
            case.set_job(trouble=wait.because)
            case.tell(JobHeld(job=case.job.id, units=wait.held, because=wait.because))
    instants = [wait.until for wait in waits if wait.until is not None]
    if case.job.patience_until is not None and case.job.patience_until > case.now:
        instants.append(case.job.patience_until)
    if waits or instants:
        case.set_job(
            due_at=min(instants, default=None),
            stuck=any(isinstance(wait, Wait) and wait.stuck for wait in waits),
            in_line=any(isinstance(wait, StandInLine) for wait in waits),
        )


_TIME_TO_COMMIT: Final = timedelta(minutes=15)
"""How much longer than the window a quote is good for, so that it can still be taken."""


def _quote(
    case: Case, decision: PutOffer, mechanics: Mechanics, rules: Rulebook
) -> tuple[str | None, datetime | None]:
    """The posted price that triggers the right, put on record before the notice."""
    pool = decision.quoted
    if pool is None:
        return None, None
    name, longest = case.new_id("quote"), mechanics.deemed_after_s + mechanics.window_s
    until = case.now + timedelta(seconds=longest) + _TIME_TO_COMMIT
    case.tell(
        QuoteReceived(
            quote=name,
            job=case.job.id,
            provider=pool.place.provider,
            region=pool.place.region,
            sku=pool.place.sku,
            purchase=pool.place.purchase,
            terms=decision.terms,
            list_id=rules.list_id,
            valid_until=until,
        )
    )
    return name, until


def _offer(case: Case, decision: PutOffer, rules: Rulebook) -> Offer:
    work, job = case.job.workload, case.job
    mechanics = rules.mechanics(decision.edition, decision.clause, work)
    if job.supersedes is not None:
        mechanics = altered(mechanics, window_s=mechanics.requote_window_s or mechanics.window_s)
        case.set_job(requotes=counted(case, mechanics), supersedes=None)
    if job.reissues is not None:
        case.set_job(reissues=None)
    quote, until = _quote(case, decision, mechanics, rules)
    desk = rules.desk_for(work) if decision.kind is OfferKind.RIGHT else Desk.AUTOMATIC
    every = timedelta(seconds=mechanics.deemed_after_s / mechanics.deemed_attempts)
    return Offer(
        id=OfferId(case.new_id("offer")),
        job=job.id,
        kind=decision.kind,
        version=job.offers + 1,
        units=decision.units,
        gang=work.gang,
        chunk=work.chunk,
        work_class=work.work_class,
        agreement=job.agreement,
        edition=decision.edition.id,
        clause=decision.clause,
        holder=decision.edition.holder_pools,
        terms=decision.terms,
        mechanics=mechanics,
        quote=quote,
        quote_until=until,
        quoted=decision.quoted.place if decision.quoted is not None else None,
        supersedes=job.supersedes or job.reissues,
        desk=desk,
        channels=rules.channels(job.agreement) if desk is Desk.PERSON else (),
        issued_at=case.now,
        draws=draws_of_holder(decision.edition, work, case.now, decision.scope),
        amends_at=decision.edition.ends,
        scope=decision.scope,
        due_at=case.now + every if desk is Desk.PERSON else None,
    )


def _release(case: Case, decision: ReleaseStanding, rules: Rulebook) -> None:
    _not_anew(case)
    mechanics = rules.mechanics(decision.edition, decision.clause, case.job.workload)
    release_units(
        case,
        decision.units,
        Release(
            number=case.job.released + 1,
            basis=decision.basis,
            offer=None,
            ceiling=decision.terms,
            since=case.now,
            tail_until=case.now + timedelta(seconds=mechanics.tail_s),
            stale_at=decision.until,
            cites=decision.cites,
            tolerance=mechanics.tolerance,
        ),
    )


def _not_anew(case: Case) -> None:
    """The units go their way without a new version of what was offered."""
    if case.job.supersedes is not None or case.job.reissues is not None:
        case.set_job(supersedes=None, reissues=None)


def _commit(case: Case, decision: Commit, rules: Rulebook) -> None:
    _not_anew(case)
    if not decision.to_holder:
        commitment = commit_third_party(case, decision, rules.list_id)
        if decision.renews is not None:
            prolong(case, commitment)
        return
    commitment = commit_holder(
        case, decision.units, decision.pool, decision.terms, decision.edition.id, None
    )
    draws = drawn_from(decision.edition, case.job.workload, decision.pool, case.now)
    commitment = case.put_commitment(altered(commitment, draws=draws, release=decision.release))
    want_machines(case, commitment, decision.pool.price_usd_hour, case.now)
