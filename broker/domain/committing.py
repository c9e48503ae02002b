"""Which place takes the units: the cheapest that may be asked, as much as it has room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.decision import Commit, Decision, Wait
from broker.domain.exemptions import Choice
from broker.domain.job import Job
from broker.domain.market import Market, Place, Pool
from broker.domain.release import Basis, Release
from broker.domain.terms import Terms
from broker.domain.values import Usd

RECHECK: Final = timedelta(seconds=1)
"""How soon a job is looked at again that only waits for another's answer from the same place."""
_ANY_NUMBER: Final = 1_000_000


class Purchases:
    """What one round has taken so far of the room that each place has."""

    def __init__(self, market: Market, now: datetime) -> None:
        self.market, self.now = market, now
        self.taken: Counter[Place] = Counter()

    def commit(
        self,
        job: Job,
        edition: Edition,
        units: tuple[int, ...],
        choices: Sequence[Choice],
        ceiling: Terms,
        release: Release | None,
    ) -> list[Decision]:
        """The cheapest places that may be asked, a chunk at a time; a gang in one place."""
        decisions: list[Decision] = []
        chunk = len(units) if job.workload.gang else job.workload.chunk
        again: datetime | None = release.ends_at() if release else None
        left, stuck = list(units), True
        most = _most(ceiling, release)
        for pool, own_basis, own_cites in choices:
            shut = self.market.shut_until(pool.place, self.now, chunk)
            if shut is not None:
                again = _earlier(again, shut)
                continue
            if most is not None and pool.price_usd_hour > most:
                continue
            room = self.room(pool.place)
            if room <= 0:
                again, stuck = _earlier(again, self.now + RECHECK), False
                break
            terms = _at(pool, ceiling)
            basis = own_basis or (release.basis if release else Basis.FREE)
            cites = own_cites if own_basis or not release else (*release.cites, *own_cites)
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
            again, stuck = _earlier(again, self.now + RECHECK), False
            break
        until = _earlier(again, job.patience_until)
        because = "every place that may be asked has refused or is too dear"
        return [*decisions, Wait(until=until, because=because, stuck=stuck)]

    def room(self, place: Place) -> int:
        return self.market.room.get(place, _ANY_NUMBER) - self.taken[place]


def _at(pool: Pool, ceiling: Terms) -> Terms:
    """The ceiling's terms narrowed to one pool and its price."""
    accelerators = (pool.accelerator,) if pool.accelerator else ceiling.accelerators
    return ceiling.narrowed(accelerators, (pool.place.region,), pool.price_usd_hour)


def _most(ceiling: Terms, release: Release | None) -> Usd | None:
    """What a third party may be paid at most; in all else a pool that fits is no better off."""
    if ceiling.price_usd_hour is None or release is None:
        return ceiling.price_usd_hour
    return ceiling.price_usd_hour * (1 + release.tolerance)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
