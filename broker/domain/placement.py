"""The decision: a round of jobs and a frozen market in, decisions out.

What a job may do follows from the verdicts of all pools together (design 5.1, rule 3): if any pool
that fits stands under the right and nothing is released, the holder is offered the units; if every
other pool is forbidden, the holder gets an ordinary order; released or free units go to the
cheapest place that may be asked. The decision changes nothing and knows no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

from broker.domain.agreement import Edition
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
from broker.domain.job import Job, UnitState
from broker.domain.line import LOOK_UP_AT_LAST, Heads
from broker.domain.market import Market, Place, Refusal
from broker.domain.offer import OfferKind
from broker.domain.options import Choice, Memo, Options, at, remembered
from broker.domain.release import Basis, Release
from broker.domain.terms import Terms

RECHECK: Final = timedelta(seconds=1)
"""How soon a job is looked at again that only waits for another's answer from the same place."""
NOTHING_NEW: Final = timedelta(minutes=1)
"""How soon a job is looked at again for which nothing at all is open."""
_UNPLACED: Final = frozenset({UnitState.PENDING, UnitState.OFFERED, UnitState.RELEASED})
_EXACT: Final = Decimal(0)
_ANY_NUMBER: Final = 1_000_000


def plan(
    jobs: Sequence[Job],
    market: Market,
    editions: Mapping[str, Edition | None],
    now: datetime,
    heads: Heads = MappingProxyType({}),
    memo: Memo | None = None,
) -> list[tuple[Decision, ...]]:
    """Decide for each job, in the order given: earlier jobs take what little may be asked.

    `editions` names the edition in force at `now` for every agreement; None is ungoverned.
    `heads` names the first stuck job of each line. A `memo` may be handed in again as long as the
    market has the same pools.
    """
    round_ = _Round(market, editions, now, heads, {} if memo is None else memo)
    return [round_.decide(job) for job in jobs]


Standing: TypeAlias = tuple[tuple[str, ...], datetime] | None
"""Refusals that stand for all of the holder's places, and when the first of them ends."""


class _Round:
    def __init__(
        self,
        market: Market,
        editions: Mapping[str, Edition | None],
        now: datetime,
        heads: Heads,
        memo: Memo,
    ) -> None:
        self.market = market
        self.editions = editions
        self.now = now
        self.taken: Counter[Place] = Counter()
        self.heads = dict(heads)
        self.memo = memo
        self.options: dict[str, Options] = {}
        self.no: dict[str, Standing] = {}

    def decide(self, job: Job) -> tuple[Decision, ...]:
        decisions = self._decide(job)
        if any(isinstance(decision, Wait) and decision.stuck for decision in decisions):
            self.heads.setdefault(job.line, job.rank)
        elif self.heads.get(job.line) == job.rank:
            del self.heads[job.line]
        return decisions

    def _decide(self, job: Job) -> tuple[Decision, ...]:
        if self._out_of_patience(job):
            return (GiveUp(because="no capacity was found in the time the job was given"),)
        pending = [u.index for u in job.units if u.state is UnitState.PENDING]
        if not pending and not job.in_state(UnitState.RELEASED):
            return (Wait(until=None, because="nothing to place"),)
        edition = self.editions[job.agreement]
        if edition is None:
            because = f"no edition of {job.agreement} is in force"
            return (Wait(until=self.now + NOTHING_NEW, because=because),)
        options = self._options(job, edition)
        head = self.heads.get(job.line)
        behind = head is not None and head < job.rank
        decisions: list[Decision] = []
        for release in job.releases:
            units = tuple(
                u.index
                for u in job.units
                if u.release == release.number and u.state is UnitState.RELEASED
            )
            if not units:
                continue
            if why := release.over(self.now) or self._stock_changed(options, release):
                decisions.append(Expire(release=release, why=why))
                pending += units
            elif behind:
                decisions.append(StandInLine(until=release.ends_at()))
            else:
                open_to = options.within(
                    job.terms, release.ceiling, release.tolerance, released=True
                )
                decisions += self._commit(job, edition, units, open_to, job.terms, release)
        if pending and behind:
            decisions.append(StandInLine(until=self.now + LOOK_UP_AT_LAST))
        elif pending and (not job.workload.gang or len(pending) == len(job.units)):
            decisions += self._fresh(job, edition, options, tuple(sorted(pending)))
        return tuple(decisions) or (Wait(until=None, because="its gang is not whole yet"),)

    def _stock_changed(self, options: Options, release: Release) -> str | None:
        """T20b: the holder is asked again as soon as its stock is known to have changed."""
        if release.stale_at is None:
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
        found = self.options.get(job.line)
        if found is None:
            work, market = job.workload, self.market
            found = remembered(self.memo, job.line, work, market, edition, self.now)
            self.options[job.line] = found
        return found

    def _fresh(
        self, job: Job, edition: Edition, options: Options, units: tuple[int, ...]
    ) -> list[Decision]:
        """Units that stand under no release."""
        terms = job.terms.priced(options.notice_price)
        if options.right is not None:
            standing = self._all_refused(job, options)
            if standing is None:
                return [
                    PutOffer(
                        kind=OfferKind.RIGHT,
                        units=units,
                        terms=terms,
                        edition=edition,
                        clause=options.right,
                    )
                ]
            return [
                ReleaseStanding(
                    units=units,
                    terms=terms,
                    edition=edition,
                    clause=options.right,
                    cites=standing[0],
                    until=standing[1],
                )
            ]
        if options.free:
            open_to = options.within(terms, terms, _EXACT, released=False)
            return self._commit(job, edition, units, open_to, terms, None)
        standing = self._all_refused(job, options)
        if options.exclusive is None or standing is not None:
            until = standing[1] if standing else self.now + NOTHING_NEW
            because = "every place of the holder's has refused"
            return [Wait(until=until, because=because, stuck=standing is not None)]
        return [
            PutOffer(
                kind=OfferKind.ORDER,
                units=units,
                terms=terms,
                edition=edition,
                clause=options.exclusive,
            )
        ]

    def _all_refused(self, job: Job, options: Options) -> Standing:
        """The refusals under which all the holder's places stand, and when the first ends."""
        if job.line not in self.no:
            self.no[job.line] = self._standing(job, options)
        return self.no[job.line]

    def _standing(self, job: Job, options: Options) -> Standing:
        together = len(job.units) if job.workload.gang else 1
        valid: list[Refusal] = []
        for pool in options.holder:
            refusal = self.market.standing(pool.place, self.now, together)
            if refusal is None:
                return None
            valid.append(refusal)
        return (tuple(r.id for r in valid), min(r.valid_until for r in valid)) if valid else None

    def _commit(
        self,
        job: Job,
        edition: Edition,
        units: tuple[int, ...],
        open_to: Sequence[Choice],
        asked: Terms,
        release: Release | None,
    ) -> list[Decision]:
        """The cheapest places that may be asked, a chunk at a time; a gang in one place."""
        decisions: list[Decision] = []
        chunk = len(units) if job.workload.gang else job.workload.chunk
        again: datetime | None = release.ends_at() if release else None
        left, stuck = list(units), True
        shut_places: list[Place] = []
        for pool, own_basis, own_cites in open_to:
            shut = self.market.shut_until(pool.place, self.now, chunk)
            if shut is not None:
                again = _earlier(again, shut)
                shut_places.append(pool.place)
                continue
            room = self._room(pool.place)
            if room <= 0:
                again, stuck = _earlier(again, self.now + RECHECK), False
                break
            terms = at(pool, asked)
            basis = own_basis or (release.basis if release else Basis.FREE)
            cites = own_cites if own_basis or not release else release.cites
            while left and room > 0:
                part = tuple(left[:chunk])
                left = left[chunk:]
                room -= len(part)
                self.taken[pool.place] += len(part)
                decisions.append(
                    Commit(
                        units=part,
                        pool=pool,
                        terms=terms,
                        edition=edition,
                        basis=basis,
                        cites=cites,
                        release=release.number if release else None,
                        to_holder=edition.holds(pool.place.provider),
                        passed_over=tuple(self._why_shut(place, chunk) for place in shut_places),
                    )
                )
            if not left:
                return decisions
            again, stuck = _earlier(again, self.now + RECHECK), False
            break
        because = "every place that may be asked has refused or is too dear"
        return [*decisions, Wait(until=again, because=because, stuck=stuck)]

    def _why_shut(self, place: Place, units: int) -> str:
        refusal = self.market.standing(place, self.now, units)
        return refusal.id if refusal is not None else f"closed {place}"

    def _room(self, place: Place) -> int:
        return self.market.room.get(place, _ANY_NUMBER) - self.taken[place]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
