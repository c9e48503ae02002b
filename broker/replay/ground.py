"""Where and when runs may start, for one who knows every change of stock beforehand.

A placement holds its units at one place from its start to its end. It is allowed if, at the instant
of every start at a place, no more units run there than the place has then (admission reading: a
drop of the stock evicts nobody).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from broker.domain.market import Place, Pool
from broker.domain.stock import Series
from broker.domain.workload import Limits, Shape
from broker.replay.observe import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A run as the oracle sees it: what it needs, and where and when the replay had it."""

    units: int
    submitted_s: float
    lasts_s: float
    places: tuple[int, ...]
    """Indexes of the places that fit, the cheapest first."""
    place: int
    starts_s: float


@dataclass(frozen=True, slots=True)
class Spot:
    """Where and when an item is placed."""

    place: int
    starts_s: float


@dataclass(frozen=True, slots=True)
class Ground:
    stock: tuple[Series, ...]
    prices: tuple[float, ...]
    """In USD for a unit and an hour."""
    rises: tuple[tuple[float, ...], ...]
    """Of each place, when its stock grows."""

    def cost(self, item: Item, place: int) -> float:
        return self.prices[place] * item.units * item.lasts_s / 3600


@dataclass(slots=True)
class Held:
    """Units held at one place: (start, end, units), in any order."""

    spans: list[tuple[float, float, int]]

    def allows(self, series: Series, units: int, start: float, end: float) -> bool:
        """Whether so many units more may start there then, and all the starts meanwhile still."""
        near = [span for span in self.spans if span[0] < end and span[1] > start]
        instants = {start, *(began for began, _, _ in near if began > start)}
        return all(
            units + sum(n for began, ended, n in near if began <= at < ended)
            <= series.available(at)
            for at in instants
        )

    def earliest(self, ground: Ground, place: int, item: Item, latest: float) -> float | None:
        """The first start from submission to `latest` that is allowed.

        Only at the submission, where the stock rises and where a holding ends can it become so.
        """
        series, from_s = ground.stock[place], item.submitted_s
        rises = ground.rises[place]
        later = set(rises[bisect_right(rises, from_s) : bisect_right(rises, latest)])
        later.update(ended for _, ended, _ in self.spans if from_s < ended <= latest)
        for at in (from_s, *sorted(later)):
            if at <= latest and self.allows(series, item.units, at, at + item.lasts_s):
                return at
        return None


def ground_of(
    pools: Sequence[Pool], stock: Mapping[Place, Series], runs: Iterable[Run]
) -> tuple[Ground, list[Item]]:
    """The places, and the runs as items by submission; what a run's terms allow decides its fit."""
    places = [pool.place for pool in pools]
    series = tuple(stock[place] for place in places)
    ground = Ground(
        stock=series,
        prices=tuple(float(pool.price_usd_hour) for pool in pools),
        rises=tuple(_rises(one) for one in series),
    )
    index = {place: number for number, place in enumerate(places)}
    fits: dict[tuple[Shape, Limits], tuple[int, ...]] = {}
    items = []
    for run in sorted(runs, key=lambda run: (run.submitted_s, run.starts_s)):
        asked = (run.shape, run.limits)
        if asked not in fits:
            fits[asked] = _fitting(pools, ground, *asked)
        items.append(
            Item(
                units=run.units,
                submitted_s=run.submitted_s,
                lasts_s=run.lasts_s,
                places=fits[asked],
                place=index[run.place],
                starts_s=run.starts_s,
            )
        )
    return ground, items


def _fitting(
    pools: Sequence[Pool], ground: Ground, shape: Shape, limits: Limits
) -> tuple[int, ...]:
    found = [n for n, pool in enumerate(pools) if pool.fits(shape) and pool.within(limits)]
    return tuple(sorted(found, key=lambda number: (ground.prices[number], number)))


def _rises(series: Series) -> tuple[float, ...]:
    first = series.starts_s[:1]
    later = (
        at
        for at, (before, after) in zip(series.starts_s[1:], pairwise(series.units), strict=True)
        if after > before
    )
    return (*first, *later)
