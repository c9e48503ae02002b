"""A round of placement: claim what is due, look at the market once, decide, record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import assert_never

from broker.domain.case import Case
from broker.domain.decision import (
    Commit,
    Decision,
    Expire,
    GiveUp,
    PutOffer,
    ReleaseStanding,
    StandInLine,
    Wait,
)
from broker.domain.desk import proceed
from broker.domain.lease import unmet
from broker.domain.market import Market
from broker.domain.notice import notices_of
from broker.domain.offer import Desk, Offer, OfferKind
from broker.domain.offering import issue
from broker.domain.placement import plan
from broker.domain.release import Basis, Release
from broker.domain.spill import (
    commit_holder,
    commit_third_party,
    expire_release,
    release_units,
    want_machines,
)
from broker.domain.values import OfferId
from broker.ports import Store
from broker.steps.rulebook import Rulebook


def place_round(store: Store, rules: Rulebook, limit: int = 200) -> int:
    """One claim, one snapshot, one commit, whatever the number of jobs; returns that number."""
    with store.transaction() as tx:
        cases = tx.due_jobs(limit)
        if not cases:
            return 0
        market = rules.market(tx)
        agreements = {case.job.agreement for case in cases}
        editions = {name: rules.edition(name, tx.now) for name in agreements}
        heads = tx.heads({case.job.line for case in cases})
        decided = plan([case.job for case in cases], market, editions, tx.now, heads, rules.memo)
        gave_up = {}
        for case, decisions in zip(cases, decided, strict=True):
            _carry_out(case, decisions, market, rules)
            if case.job.state.over:
                gave_up[case.job.line] = 1
        notices = notices_of(cases, tx.now)
        tx.keep(cases)
        for made, told in notices:
            tx.put_notice(made, [told])
        if gave_up:
            tx.call_up(gave_up)
    return len(cases)


def _carry_out(case: Case, decisions: Sequence[Decision], market: Market, rules: Rulebook) -> None:
    waits = [d for d in decisions if isinstance(d, Wait | StandInLine)]
    if len(waits) < len(decisions):
        case.set_job(due_at=None, stuck=False, in_line=False)
    for decision in decisions:
        match decision:
            case PutOffer():
                _put_offer(case, decision, market, rules)
            case ReleaseStanding():
                _release(case, decision, rules)
            case Commit():
                _commit(case, decision, rules)
            case Expire(release=release, why=why):
                expire_release(case, release, why)
            case Wait() | StandInLine():
                pass
            case GiveUp(because=because):
                unmet(case, because)
            case _:
                assert_never(decision)
    if not case.job.state.over and (case.job.due_at is None or len(waits) == len(decisions)):
        _put_off(case, waits)


def _put_off(case: Case, waits: Sequence[Wait | StandInLine]) -> None:
    """Set when the job is looked at again."""
    instants = [wait.until for wait in waits if wait.until is not None]
    if case.job.patience_until is not None and case.job.patience_until > case.now:
        instants.append(case.job.patience_until)
    case.set_job(
        due_at=min(instants, default=None),
        stuck=any(isinstance(wait, Wait) and wait.stuck for wait in waits),
        in_line=any(isinstance(wait, StandInLine) for wait in waits),
    )


def _put_offer(case: Case, decision: PutOffer, market: Market, rules: Rulebook) -> None:
    work, job = case.job.workload, case.job
    mechanics = rules.mechanics(decision.edition, decision.clause, work)
    desk = rules.desk_for(work) if decision.kind is OfferKind.RIGHT else Desk.AUTOMATIC
    every = timedelta(seconds=mechanics.deemed_after_s / mechanics.deemed_attempts)
    offer = Offer(
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
        desk=desk,
        channels=rules.channels(job.agreement) if desk is Desk.PERSON else (),
        issued_at=case.now,
        due_at=case.now + every if desk is Desk.PERSON else None,
    )
    proceed(case, issue(case, offer), market)


def _release(case: Case, decision: ReleaseStanding, rules: Rulebook) -> None:
    mechanics = rules.mechanics(decision.edition, decision.clause, case.job.workload)
    release_units(
        case,
        decision.units,
        Release(
            number=case.job.released + 1,
            basis=Basis.STANDING_REFUSAL,
            offer=None,
            ceiling=decision.terms,
            since=case.now,
            tail_until=case.now + timedelta(seconds=mechanics.tail_s),
            stale_at=decision.until,
            cites=decision.cites,
            tolerance=mechanics.tolerance,
        ),
    )


def _commit(case: Case, decision: Commit, rules: Rulebook) -> None:
    if not decision.to_holder:
        commit_third_party(case, decision, rules.list_id)
        return
    commitment = commit_holder(
        case, decision.units, decision.pool, decision.terms, decision.edition.id, None
    )
    want_machines(case, commitment, decision.pool.price_usd_hour, case.now)
