"""Which place takes the units: the cheapest that may be asked, as much as it has room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.decision import Commit, Decision, Wait
from broker.domain.exemptions import Choice
from broker.domain.job import Job
from broker.domain.market import Market, Place
from broker.domain.options import at
from broker.domain.release import Basis, Release
from broker.domain.terms import Terms

RECHECK: Final = timedelta(seconds=1)
"""How soon a job is looked at again that only waits for another's answer from the same place."""
EXACT: Final = Decimal(0)
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
            room = self.room(pool.place)
            if room <= 0:
                again, stuck = _earlier(again, self.now + RECHECK), False
                break
            terms = at(pool, asked)
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
                        release=release.number if release else None,
                        to_holder=edition.holds(pool.place.provider),
                        passed_over=tuple(
                            self.market.why_shut(place, self.now, chunk) for place in shut_places
                        ),
                    )
                )
            if not left:
                return decisions
            again, stuck = _earlier(again, self.now + RECHECK), False
            break
        because = "every place that may be asked has refused or is too dear"
        return [*decisions, Wait(until=again, because=because, stuck=stuck)]

    def room(self, place: Place) -> int:
        return self.market.room.get(place, _ANY_NUMBER) - self.taken[place]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
