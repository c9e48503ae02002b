"""The decision: a round of jobs and a frozen market in, decisions out.

What a job may do follows from the verdicts of all pools together (design 5.1, rule 3): if any pool
that fits stands under the right and nothing is released, the holder is offered the units; if every
other pool is forbidden, the holder gets an ordinary order; released or free units go to the
cheapest place that may be asked. The decision changes nothing and knows no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.decision import (
    Commit,
    Decision,
    Expire,
    GiveUp,
    PutOffer,
    ReleaseStanding,
    Wait,
)
from broker.domain.job import Job, UnitState
from broker.domain.market import Market, Place, Pool
from broker.domain.offer import OfferKind
from broker.domain.options import Choice, Options, options_for
from broker.domain.release import Release
from broker.domain.terms import Terms, better_for_supplier

RECHECK: Final = timedelta(seconds=1)
"""How soon a job is looked at again that only waits for another's answer from the same place."""
NOTHING_NEW: Final = timedelta(minutes=1)
"""How soon a job is looked at again for which nothing at all is open."""
_NO_TOLERANCE: Final = Decimal(0)
_UNPLACED: Final = frozenset({UnitState.PENDING, UnitState.OFFERED, UnitState.RELEASED})
_ANY_NUMBER: Final = 1_000_000


def plan(
    jobs: Sequence[Job], market: Market, editions: Mapping[str, Edition | None], now: datetime
) -> list[tuple[Decision, ...]]:
    """Decide for each job, in the order given: earlier jobs take what little may be asked.

    `editions` names the edition in force at `now` for every agreement; None is ungoverned.
    """
    round_ = _Round(market, editions, now)
    return [round_.decide(job) for job in jobs]


class _Round:
    def __init__(
        self, market: Market, editions: Mapping[str, Edition | None], now: datetime
    ) -> None:
        self.market = market
        self.editions = editions
        self.now = now
        self.taken: Counter[Place] = Counter()
        self.options: dict[tuple[object, ...], Options] = {}

    def decide(self, job: Job) -> tuple[Decision, ...]:
        if self._out_of_patience(job):
            return (GiveUp(because="no capacity was found in the time the job was given"),)
        if not job.in_state(UnitState.PENDING, UnitState.RELEASED):
            return (Wait(until=None, because="nothing to place"),)
        edition = self.editions[job.agreement]
        if edition is None:
            because = f"no edition of {job.agreement} is in force"
            return (Wait(until=self.now + NOTHING_NEW, because=because),)
        options = self._options(job, edition)
        decisions: list[Decision] = []
        pending = list(job.in_state(UnitState.PENDING))
        for release in job.releases:
            units = tuple(
                u.index
                for u in job.units
                if u.release == release.number and u.state is UnitState.RELEASED
            )
            if not units:
                continue
            if why := release.over(self.now):
                decisions.append(Expire(release=release, why=why))
                pending += units
            else:
                decisions += self._under(job, edition, options, units, release)
        if pending and (not job.workload.gang or len(pending) == len(job.units)):
            decisions += self._fresh(job, edition, options, tuple(sorted(pending)))
        return tuple(decisions) or (Wait(until=None, because="its gang is not whole yet"),)

    def _out_of_patience(self, job: Job) -> bool:
        """A job that has part of its units keeps waiting for the rest."""
        if job.patience_until is None or self.now < job.patience_until:
            return False
        return all(unit.state in _UNPLACED for unit in job.units)

    def _options(self, job: Job, edition: Edition) -> Options:
        work = job.workload
        key = (job.agreement, work.work_class, work.tags, work.shape, work.limits)
        found = self.options.get(key)
        if found is None:
            found = self.options[key] = options_for(work, self.market, edition, self.now)
        return found

    def _fresh(
        self, job: Job, edition: Edition, options: Options, units: tuple[int, ...]
    ) -> list[Decision]:
        """Units that stand under no release."""
        terms = replace(job.terms, price_usd_hour=options.notice_price)
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
            return self._commit(job, edition, units, options.free, terms, None)
        standing = self._all_refused(job, options)
        if options.exclusive is None or standing is not None:
            until = standing[1] if standing else self.now + NOTHING_NEW
            return [Wait(until=until, because="no place that may be asked has room")]
        return [
            PutOffer(
                kind=OfferKind.ORDER,
                units=units,
                terms=terms,
                edition=edition,
                clause=options.exclusive,
            )
        ]

    def _all_refused(self, job: Job, options: Options) -> tuple[tuple[str, ...], datetime] | None:
        """The standing refusals of all the holder's places and when the first ends, if all refuse."""
        together = len(job.units) if job.workload.gang else 1
        refusals = [self.market.standing(pool.place, self.now, together) for pool in options.holder]
        valid = [refusal for refusal in refusals if refusal is not None]
        if not valid or len(valid) < len(refusals):
            return None
        return tuple(r.id for r in valid), min(r.valid_until for r in valid)

    def _under(
        self,
        job: Job,
        edition: Edition,
        options: Options,
        units: tuple[int, ...],
        release: Release,
    ) -> list[Decision]:
        """Units that a release has set free."""
        choices = [
            choice
            if choice.basis is not None
            else Choice(choice.pool, release.basis, release.cites)
            for choice in options.released
        ]
        return self._commit(job, edition, units, choices, release.ceiling, release)

    def _commit(  # noqa: PLR0913 - a commitment rests on all of these
        self,
        job: Job,
        edition: Edition,
        units: tuple[int, ...],
        choices: Sequence[Choice],
        ceiling: Terms,
        release: Release | None,
    ) -> list[Decision]:
        """The cheapest places that may be asked now, a chunk at a time; a gang in one place only."""
        decisions: list[Decision] = []
        chunk = len(units) if job.workload.gang else job.workload.chunk
        again: datetime | None = release.ends_at() if release else None
        left = list(units)
        for pool, basis, cites in choices:
            assert basis is not None  # noqa: S101 - a choice under a release was given its basis
            shut = self.market.shut_until(pool.place, self.now, chunk)
            if shut is not None:
                again = _earlier(again, shut)
                continue
            terms = _at(pool, ceiling)
            tolerance = release.tolerance if release else _NO_TOLERANCE
            if better_for_supplier(ceiling, terms, tolerance):
                continue
            room = self._room(pool.place)
            if room <= 0:
                again = _earlier(again, self.now + RECHECK)
                break
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
                        release=release.number if release and basis is release.basis else None,
                        to_holder=edition.holds(pool.place.provider),
                    )
                )
            if not left:
                return decisions
            again = _earlier(again, self.now + RECHECK)
            break
        until = _earlier(again, job.patience_until)
        because = "every place that may be asked has refused or is too dear"
        return [*decisions, Wait(until=until, because=because)]

    def _room(self, place: Place) -> int:
        return self.market.room.get(place, _ANY_NUMBER) - self.taken[place]


def _at(pool: Pool, ceiling: Terms) -> Terms:
    """The ceiling's terms narrowed to one pool and its price."""
    return replace(
        ceiling,
        accelerators=(pool.accelerator,) if pool.accelerator else ceiling.accelerators,
        regions=(pool.place.region,),
        price_usd_hour=pool.price_usd_hour,
    )


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
