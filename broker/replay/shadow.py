"""A bound by shadow prices: what the runs wait at least if room has a price that they must pay.

Every place and stretch of time has a price for a second of a unit. A run then starts where its wait
and what it pays are least, whatever the others do; all that can be used at most is paid back. For
any prices this is no more than the wait of the best plan (Lagrange), so good prices make a good
bound: they rise where the runs want more than there is, and fall where room is left. A run can only
start while its place has its units at all, and is never interrupted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from typing import Final

from broker.domain.stock import Series
from broker.replay.ground import Ground, Item

CELLS: Final = 480
ROUNDS: Final = 300
_PATIENCE: Final = 10
"""Rounds without a better bound after which the steps are halved."""
_SLACK: Final = 1.2
_DIGITS: Final = 9
"""Of a cell, so that an instant on its edge is on its edge."""
_ROUNDING: Final = 1e-8
"""More than that can be worth: no price is above one horizon a cell."""


def priced_wait_s(ground: Ground, items: Sequence[Item], planned_s: float, most_s: float) -> float:
    """Seconds that the runs wait at least, summed.

    `planned_s` is what a plan waits, and `most_s` what one of its runs waits: they steer the search
    for prices, and the bound holds whatever they are.
    """
    if not items or planned_s <= 0:
        return 0.0
    market = _Room.of(ground, items, most_s * _SLACK + 1)
    best, step, since = 0.0, 1.0, 0
    for _ in range(ROUNDS):
        bound, used = market.asked()
        if bound > best * (1 + 1e-4):
            best, since = bound, 0
        else:
            since += 1
            if since >= _PATIENCE:
                step, since = step / 2, 0
        if best >= planned_s or not market.moved(used, step * (planned_s - bound)):
            break
    return max(0.0, min(best, planned_s) - _ROUNDING * market.horizon_s * len(items))


@dataclass(slots=True)
class _Choice:
    """Where an item may start at one place, within the wait that is looked at."""

    place: int
    starts_s: tuple[float, ...]


@dataclass(slots=True)
class _Room:
    items: Sequence[Item]
    choices: list[list[_Choice]]
    from_s: float
    width_s: float
    capacity: list[list[float]]
    """Of each place and cell the unit-seconds that can be used at most."""
    horizon_s: float
    """A wait beyond it is counted as this long, which is never too much."""
    prices: list[list[float]] = field(default_factory=list)

    @classmethod
    def of(cls, ground: Ground, items: Sequence[Item], horizon_s: float) -> _Room:
        first = min(item.submitted_s for item in items)
        last = max(item.submitted_s for item in items) + horizon_s
        width = (last - first) / CELLS
        room = cls(
            items=items,
            choices=[],
            from_s=first,
            width_s=width,
            capacity=[
                _capacity(series, first, width, _longest(items, place))
                for place, series in enumerate(ground.stock)
            ],
            horizon_s=horizon_s,
            prices=[[0.0] * CELLS for _ in ground.stock],
        )
        edges = [first + number * width for number in range(CELLS + 1)]
        room.choices = [
            [
                _Choice(place, tuple(_starts(ground.stock[place], item, edges, horizon_s)))
                for place in item.places
            ]
            for item in items
        ]
        return room

    def asked(self) -> tuple[float, list[list[float]]]:
        """The bound at these prices, and what the runs would use."""
        paid = [[0.0, *accumulate(p * self.width_s for p in row)] for row in self.prices]
        used = [[0.0] * CELLS for _ in self.prices]
        bound = -sum(
            price * room
            for prices, rooms in zip(self.prices, self.capacity, strict=True)
            for price, room in zip(prices, rooms, strict=True)
        )
        for item, choices in zip(self.items, self.choices, strict=True):
            least, where = self.horizon_s, None
            for choice in choices:
                sums = paid[choice.place]
                for at in choice.starts_s:
                    if at - item.submitted_s >= least:
                        break
                    price = self._until(sums, choice.place, at + item.lasts_s) - self._until(
                        sums, choice.place, at
                    )
                    value = at - item.submitted_s + item.units * price
                    if value < least:
                        least, where = value, (choice.place, at)
            bound += least
            if where is not None:
                self._use(used[where[0]], item, where[1])
        return bound, used

    def moved(self, used: list[list[float]], gain: float) -> bool:
        """Prices after one step towards what is used; False where there is nowhere to go."""
        slopes = [
            [
                slope if price > 0 or slope > 0 else 0.0
                for price, slope in zip(prices, map(float.__sub__, uses, rooms), strict=True)
            ]
            for prices, uses, rooms in zip(self.prices, used, self.capacity, strict=True)
        ]
        size = sum(slope * slope for row in slopes for slope in row)
        if not size:
            return False
        step, dearest = gain / size, self.horizon_s / self.width_s
        for prices, row in zip(self.prices, slopes, strict=True):
            prices[:] = [
                min(max(0.0, price + step * slope), dearest)
                for price, slope in zip(prices, row, strict=True)
            ]
        return True

    def _until(self, sums: list[float], place: int, at_s: float) -> float:
        """What a unit pays from the beginning up to an instant."""
        cell = round((at_s - self.from_s) / self.width_s, _DIGITS)
        if cell >= CELLS:
            return sums[CELLS]
        whole = int(cell)
        return sums[whole] + (cell - whole) * self.width_s * self.prices[place][whole]

    def _use(self, row: list[float], item: Item, at_s: float) -> None:
        begins = (at_s - self.from_s) / self.width_s
        ends = min(begins + item.lasts_s / self.width_s, float(CELLS))
        cell = int(begins)
        while cell < ends:
            share = min(ends, cell + 1) - max(begins, cell)
            row[cell] += item.units * share * self.width_s
            cell += 1


def _longest(items: Sequence[Item], place: int) -> float:
    return max((item.lasts_s for item in items if place in item.places), default=0.0)


def _starts(
    series: Series, item: Item, edges: Sequence[float], horizon_s: float
) -> Iterator[float]:
    """Where the wait and the price together can be least: they are straight lines in between."""
    until = item.submitted_s + horizon_s
    found = {item.submitted_s}
    for shift in (0.0, item.lasts_s):
        first = bisect_left(edges, item.submitted_s + shift)
        found.update(e - shift for e in edges[first : bisect_right(edges, until + shift)])
    spans = _open(series, item.units, item.submitted_s, until)
    for begins, ends in spans:
        found.update((begins, ends))
    for at in sorted(found):
        if any(begins <= at <= ends for begins, ends in spans):
            yield at


def _open(series: Series, units: int, from_s: float, to_s: float) -> list[tuple[float, float]]:
    """When the place has so many units at all, ends included."""
    stops = (*series.starts_s[1:], inf)
    return [
        (max(begins, from_s), min(ends, to_s))
        for begins, ends, has in zip(series.starts_s, stops, series.units, strict=True)
        if has >= units and begins <= to_s and ends > from_s
    ]


def _capacity(series: Series, from_s: float, width_s: float, longest: float) -> list[float]:
    """A run was admitted no longer ago than it lasts, among no more than there were then."""
    stops = (*series.starts_s[1:], inf)
    return [
        width_s
        * max(
            (
                has
                for begins, ends, has in zip(series.starts_s, stops, series.units, strict=True)
                if begins < at + width_s and ends > at - longest
            ),
            default=0,
        )
        for at in (from_s + number * width_s for number in range(CELLS))
    ]
