"""Which place takes the units: the cheapest that may be asked, as much as it has room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from broker.domain.advice import Thought
from broker.domain.agreement import Edition
from broker.domain.decision import Commit, Decision, Wait
from broker.domain.exemptions import Choice
from broker.domain.job import Job
from broker.domain.market import Advised, Market, Place
from broker.domain.options import Options, at
from broker.domain.ranking import rank
from broker.domain.release import Basis, Release
from broker.domain.terms import Terms
from broker.domain.values import Usd

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
        order = advised(open_to, self.market.advice, edition, self.now)
        for choice in order:
            pool, own_basis, own_cites = choice
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
                        passed_over=(
                            *(self.market.why_shut(p, self.now, chunk) for p in shut_places),
                            *self._put_behind(choice, order),
                        ),
                    )
                )
            if not left:
                return decisions
            again, stuck = _earlier(again, self.now + RECHECK), False
            break
        because = "every place that may be asked has refused or is too dear"
        return [*decisions, Wait(until=again, because=because, stuck=stuck)]

    def paid_for(
        self, job: Job, edition: Edition, options: Options, units: tuple[int, ...], terms: Terms
    ) -> tuple[list[Decision], tuple[int, ...]]:
        """What capacity that is paid for already takes, and the units it leaves (design 5.1, 3a).

        While it is being asked, and has not said that it is full, nobody else is.
        """
        if not options.existing:
            return [], units
        open_to = options.within(terms, terms, EXACT, of="existing")
        decisions = self.commit(job, edition, units, open_to, terms, None)
        if any(isinstance(one, Wait) and not one.stuck for one in decisions):
            return decisions, ()
        taken = [one for one in decisions if isinstance(one, Commit)]
        placed = {unit for one in taken for unit in one.units}
        return list(taken), tuple(unit for unit in units if unit not in placed)

    def _put_behind(self, taken: Choice, order: Sequence[Choice]) -> Iterator[str]:
        """The advice by which places came after this one that by price and name come before it."""
        if not self.market.advice:
            return
        for pool, *_ in order[order.index(taken) + 1 :]:
            heard = self.market.advice.get(pool.place)
            if heard is not None and heard.id is not None and rank(pool) < rank(taken.pool):
                yield heard.id

    def room(self, place: Place) -> int:
        return self.market.room.get(place, _ANY_NUMBER) - self.taken[place]


def advised(
    open_to: Sequence[Choice], advice: Mapping[Place, Advised], edition: Edition, now: datetime
) -> Sequence[Choice]:
    """The order of asking: by price, then by advice, then by name.

    A place known not to sell such machines comes last whatever its price, for as long as that
    advice holds. A place thought to be short only stands back behind equals: it costs one call to
    learn that it is, and a dearer machine costs its price for as long as it runs. The holder's own
    are never put back.
    """
    if not advice:
        return open_to

    def behind(choice: Choice) -> tuple[bool, Usd, bool, Place]:
        place = choice.pool.place
        heard = None if edition.holds(place.provider) else advice.get(place)
        adverse = heard is not None and heard.holds(now)
        unsold = heard is not None and adverse and heard.advice.thought is Thought.NOT_SOLD
        return unsold, choice.pool.price_usd_hour, adverse, place

    return sorted(open_to, key=behind)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
