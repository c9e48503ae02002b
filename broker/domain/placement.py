"""The decision: a round of jobs and a frozen market in, decisions out.

What a job may do follows from the verdicts of all pools together (design 5.1, rule 3): if any pool
that fits stands under the right and nothing is released, the holder is offered the units; if every
other pool is forbidden, the holder gets an ordinary order; released or free units go to the
cheapest place that may be asked. The decision changes nothing and knows no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.committing import EXACT, Purchases
from broker.domain.decision import (
    Decision,
    Expire,
    GiveUp,
    StandInLine,
    Wait,
    asks,
)
from broker.domain.job import Job, UnitState
from broker.domain.line import Heads, looks_up_at
from broker.domain.market import Market, Refusal
from broker.domain.offer import OfferKind
from broker.domain.options import Memo, Options, Which, for_renewal, remembered
from broker.domain.register import Register
from broker.domain.release import Basis, Release
from broker.domain.renewing import Leases, Standing
from broker.domain.taking_back import refuses
from broker.domain.terms import Terms
from broker.domain.unasked import NOTHING_NEW, Need, Unasked

_UNPLACED: Final = frozenset({UnitState.PENDING, UnitState.OFFERED, UnitState.RELEASED})


def plan(
    jobs: Sequence[Job],
    market: Market,
    editions: Mapping[str, Edition | None],
    now: datetime,
    heads: Heads = MappingProxyType({}),
    memo: Memo | None = None,
    registers: Mapping[str, Register] = MappingProxyType({}),
) -> list[tuple[Decision, ...]]:
    """Decide for each job, in the order given: earlier jobs take what little may be asked.

    `editions` names the edition in force at `now` for every agreement; None is ungoverned.
    `registers` holds what is on record of them beside it; where none is named, nothing is.
    `heads` names the first stuck job of each line. A `memo` may be handed in again as long as the
    market has the same pools.
    """
    round_ = _Round(market, editions, now, heads, {} if memo is None else memo, registers)
    return [round_.decide(job) for job in jobs]


class _Round:
    def __init__(
        self,
        market: Market,
        editions: Mapping[str, Edition | None],
        now: datetime,
        heads: Heads,
        memo: Memo,
        registers: Mapping[str, Register],
    ) -> None:
        self.market = market
        self.editions = editions
        self.now = now
        self.purchases = Purchases(market, now)
        self.unasked = Unasked(registers, self.purchases, now)
        self.heads = dict(heads)
        self.memo = memo
        self.options: dict[tuple[str, str, str], Options] = {}
        self.no: dict[str, Standing] = {}

    def decide(self, job: Job) -> tuple[Decision, ...]:
        """A head that asks stays the head of its line for the round: it asks for all of it."""
        decisions = self._decide(job)
        if self._apart(job):
            return tuple(_not_stuck(decision, self.now) for decision in decisions)
        if any(isinstance(decision, Wait) and decision.stuck for decision in decisions):
            self.heads.setdefault(job.line, job.rank)
        elif self.heads.get(job.line) == job.rank and not any(map(asks, decisions)):
            del self.heads[job.line]
        return decisions

    def _apart(self, job: Job) -> bool:
        """Whether its tenant has conflicts: others of its line may have what it may not."""
        register = self.unasked.register(job.agreement)
        edition = self.editions[job.agreement]
        if not register.conflicts or edition is None:
            return False
        return bool(register.barred(job.workload.tenant, self.now, edition))

    def _decide(self, job: Job) -> tuple[Decision, ...]:
        if self._out_of_patience(job):
            return (GiveUp(because="no capacity was found in the time the job was given"),)
        pending = [u.index for u in job.units if u.state is UnitState.PENDING]
        follows = any(unit.term is not None or unit.heir is not None for unit in job.units)
        settled = not pending and not job.in_state(UnitState.RELEASED)
        if settled and not follows:
            return (Wait(until=None, because="nothing to place"),)
        edition = self.editions[job.agreement]
        if edition is None:
            because = f"no edition of {job.agreement} is in force"
            return (Wait(until=self.now + NOTHING_NEW, because=because),)
        decisions = [] if settled else self._placing(job, edition, pending)
        if follows:
            decisions += self._leases(job, edition)
        because = "nothing to place" if settled else "its gang is not whole yet"
        return tuple(decisions) or (Wait(until=None, because=because),)

    def _placing(self, job: Job, edition: Edition, pending: list[int]) -> list[Decision]:
        """Units that run nowhere yet."""
        options = self._options(job, edition)
        head = self.heads.get(job.line)
        behind = head is not None and head < job.rank and not self._apart(job)
        decisions: list[Decision] = []
        for release in job.releases:
            units = tuple(
                u.index
                for u in job.units
                if u.release == release.number and u.state is UnitState.RELEASED
            )
            if not units:
                continue
            if why := release.over(self.now) or self._changed(job, options, release):
                decisions.append(Expire(release=release, why=why))
                pending += units
            elif behind:
                decisions.append(StandInLine(until=release.ends_at()))
            else:
                decisions += self._under(job, edition, options, units, release)
        if pending and behind:
            decisions.append(StandInLine(until=looks_up_at(job.submitted_at, self.now)))
        elif pending and (not job.workload.gang or len(pending) == len(job.units)):
            decisions += self._fresh(job, edition, options, tuple(sorted(pending)))
        return decisions

    def _leases(self, job: Job, edition: Edition) -> list[Decision]:
        """What is decided about units that run: renewals, and what the holder has asked back."""
        return Leases(
            job,
            edition,
            self.now,
            partial(self._renewal, job, edition),
            self._standing,
            self.unasked,
        ).decide()

    def _changed(self, job: Job, options: Options, release: Release) -> str | None:
        """Why a release is over before its time: what it stands on is no more."""
        if refuses(release.quoted, job, self.market, self.now):
            return "refused"
        if release.basis is Basis.UNAVAILABILITY:
            away = self.unasked.register(job.agreement).health.unavailable
            return None if away is not None and away.id in release.cites else "stale"
        return self._stock_changed(options, release)

    def _stock_changed(self, options: Options, release: Release) -> str | None:
        """T20b: the holder is asked again as soon as its stock is known to have changed."""
        if release.stale_at is None or release.basis is Basis.SUSPENSION:
            return None
        ceiling = release.ceiling.price_usd_hour
        for pool in options.holder:
            freed = self.market.freed.get(pool.place)
            dear = ceiling is not None and pool.price_usd_hour > ceiling
            if freed is not None and freed > release.since and not dear:
                return "stale"
        return None

    def _out_of_patience(self, job: Job) -> bool:
        """A job that has part of its units keeps waiting for the rest."""
        if job.patience_until is None or self.now < job.patience_until:
            return False
        return all(unit.state in _UNPLACED for unit in job.units)

    def _options(self, job: Job, edition: Edition) -> Options:
        return self._read(job, edition, remembered, "")

    def _renewal(self, job: Job, edition: Edition) -> Options:
        return self._read(job, edition, for_renewal, "renewed")

    def _read(self, job: Job, edition: Edition, how: Callable[..., Options], what: str) -> Options:
        register = self.unasked.register(job.agreement)
        key = (job.line, job.workload.tenant if register.conflicts else "", what)
        found = self.options.get(key)
        if found is None:
            work, market = job.workload, self.market
            found = how(self.memo, job.line, work, market, edition, self.now, register)
            self.options[key] = found
        return found

    def _fresh(
        self, job: Job, edition: Edition, options: Options, units: tuple[int, ...]
    ) -> list[Decision]:
        """Units that stand under no release."""
        terms = job.terms.priced(options.notice_price)
        paid_for, units = self.purchases.paid_for(job, edition, options, units, terms)
        return [*paid_for, *(self._beyond(job, edition, options, units, terms) if units else ())]

    def _beyond(
        self, job: Job, edition: Edition, options: Options, units: tuple[int, ...], terms: Terms
    ) -> list[Decision]:
        """Units for which something must be bought."""
        if options.right is None and options.exclusive is None and options.free:
            open_to = options.within(terms, terms, EXACT, of="free")
            return self.purchases.commit(job, edition, units, open_to, terms, None)
        need = Need(job=job, edition=edition, options=options, units=units, terms=terms)
        if options.right is not None:
            return self._under_right(need, options.right)
        standing = self._all_refused(need)
        if options.exclusive is not None:
            if continued := self.unasked.continued(need):
                return continued
            if options.holder_barred:
                return [self.unasked.held(need)]
            if standing is None:
                return [need.offer(OfferKind.ORDER, options.exclusive)]
        until = standing[1] if standing else self.now + NOTHING_NEW
        because = "every place of the holder's has refused"
        return [Wait(until=until, because=because, stuck=standing is not None)]

    def _under_right(self, need: Need, clause: str) -> list[Decision]:
        """Units that the holder is offered first, unless something of record says otherwise."""
        decisions, left = self.unasked.exempt(need)
        if not left:
            return decisions
        need = need.rest(left)
        if released := self.unasked.released(need, clause):
            return [*decisions, released]
        if need.options.holder_barred:
            return [*decisions, self.unasked.held(need)]
        accepted, left = self.unasked.accepted(need, clause)
        decisions += accepted
        if not left:
            return decisions
        need = need.rest(left)
        standing = self._all_refused(need)
        if standing is None or need.job.supersedes is not None:
            quoted = need.quoted(clause, self.market, self.now)
            return [*decisions, need.offer(OfferKind.RIGHT, clause, quoted)]
        cites, until = standing
        return [*decisions, need.release(clause, Basis.STANDING_REFUSAL, cites, until)]

    def _all_refused(self, need: Need) -> Standing:
        """The refusals under which all the holder's places stand, and when the first ends."""
        if self._apart(need.job):
            return self._standing(need)
        if need.job.line not in self.no:
            self.no[need.job.line] = self._standing(need)
        return self.no[need.job.line]

    def _standing(self, need: Need) -> Standing:
        """An order never asks a place that is too dear for it, so what that would say is no matter.

        A right is offered all the same: to find it too dear is for its holder.
        """
        together = len(need.job.units) if need.job.workload.gang else 1
        ceiling = None if need.options.exclusive is None else need.terms.price_usd_hour
        valid: list[Refusal] = []
        for pool in need.options.holder:
            if ceiling is not None and pool.price_usd_hour > ceiling:
                continue
            refusal = self.market.standing(pool.place, self.now, together)
            if refusal is None:
                return None
            valid.append(refusal)
        return (tuple(r.id for r in valid), min(r.valid_until for r in valid)) if valid else None

    def _under(
        self,
        job: Job,
        edition: Edition,
        options: Options,
        units: tuple[int, ...],
        release: Release,
    ) -> list[Decision]:
        """Units that a release has set free."""
        which: Which = "anybody" if release.basis is Basis.SUSPENSION else "released"
        open_to = options.within(job.terms, release.ceiling, release.tolerance, of=which)
        return self.purchases.commit(job, edition, units, open_to, job.terms, release)


def _not_stuck(decision: Decision, now: datetime) -> Decision:
    """It neither heads a line nor stands in one, and so is looked at again by itself."""
    if not isinstance(decision, Wait) or not decision.stuck:
        return decision
    return replace(decision, stuck=False, until=decision.until or now + NOTHING_NEW)
