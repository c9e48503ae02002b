"""One window of runs placed as well as can be, all others left where they are: branch and bound.

Only starts at a submission, a rise of the stock or the end of a run are tried, and runs are placed
in the order of their starts, each as early as it may. Nothing is lost by that: in any plan a run
that could start earlier can be moved there without moving another, and only gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from broker.replay.ground import Ground, Held, Item, Spot

MOST_NODES: Final = 600
"""Of the search of one window; what is found by then is kept."""
_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Aim:
    """What a plan is better by: wait; or cost, then wait, with no start later than replayed."""

    by_cost: bool = False

    def score(self, wait_s: float, cost: float) -> tuple[float, float]:
        return (cost, wait_s) if self.by_cost else (wait_s, 0.0)

    def latest(self, item: Item, slack_s: float) -> float:
        return item.starts_s if self.by_cost else item.submitted_s + slack_s


def wait_s(items: Sequence[Item], spots: Sequence[Spot]) -> float:
    return sum(s.starts_s - i.submitted_s for i, s in zip(items, spots, strict=True))


def cost_usd(ground: Ground, items: Sequence[Item], spots: Sequence[Spot]) -> float:
    return sum(ground.cost(i, s.place) for i, s in zip(items, spots, strict=True))


@dataclass(slots=True)
class Search:
    """Branch and bound over one window."""

    ground: Ground
    aim: Aim
    window: list[Item]
    held: dict[int, Held]
    best: list[Spot]
    best_score: tuple[float, float]
    slack_s: float
    """No run of the window can wait longer than all of them do now."""
    nodes: int = 0
    most_nodes: int = MOST_NODES

    @classmethod
    def of(
        cls,
        ground: Ground,
        items: Sequence[Item],
        spots: Sequence[Spot],
        chosen: Sequence[int],
        aim: Aim,
    ) -> Search:
        window, best = [items[n] for n in chosen], [spots[n] for n in chosen]
        wait, cost = wait_s(window, best), cost_usd(ground, window, best)
        slack = wait + _TINY
        from_s = min(item.submitted_s for item in window)
        until = max(aim.latest(item, slack) + item.lasts_s for item in window)
        held: dict[int, Held] = {place: Held([]) for i in window for place in i.places}
        for number, (item, spot) in enumerate(zip(items, spots, strict=True)):
            end = spot.starts_s + item.lasts_s
            left = number not in chosen and spot.place in held
            if left and spot.starts_s <= until and end > from_s:
                held[spot.place].spans.append((spot.starts_s, end, item.units))
        return cls(
            ground=ground,
            aim=aim,
            window=window,
            held=held,
            best=best,
            best_score=aim.score(wait, cost),
            slack_s=slack,
        )

    def run(self) -> bool:
        """Whether the window was searched to its end; `best` is never worse than before."""
        self._from({}, -inf, 0.0, 0.0)
        return self.nodes <= self.most_nodes

    def _from(self, placed: dict[int, Spot], last_s: float, wait: float, cost: float) -> None:
        self.nodes += 1
        if self.nodes > self.most_nodes:
            return
        if len(placed) == len(self.window):
            score = self.aim.score(wait, cost)
            if _less(score, self.best_score):
                self.best = [placed[number] for number in range(len(self.window))]
                self.best_score = score
            return
        options = self._options(placed)
        if options is None:
            return
        least = self.aim.score(
            wait + sum(min(at for _, at in o) - self.window[n].submitted_s for n, o in options),
            cost + sum(min(self.ground.cost(self.window[n], p) for p, _ in o) for n, o in options),
        )
        if not _less(least, self.best_score):
            return
        for at, price, number, place in sorted(
            (at, self.ground.cost(self.window[number], place), number, place)
            for number, found in options
            for place, at in found
            if at >= last_s
        ):
            item = self.window[number]
            span = (at, at + item.lasts_s, item.units)
            self.held[place].spans.append(span)
            self._from(
                {**placed, number: Spot(place, at)},
                at,
                wait + at - item.submitted_s,
                cost + price,
            )
            self.held[place].spans.remove(span)

    def _options(self, placed: dict[int, Spot]) -> list[tuple[int, list[tuple[int, float]]]] | None:
        """Of each run not placed yet its first start at every place; None where one has none."""
        options = []
        for number, item in enumerate(self.window):
            if number in placed:
                continue
            latest = self.aim.latest(item, self.slack_s)
            found = [
                (place, at)
                for place in item.places
                if (at := self.held[place].earliest(self.ground, place, item, latest)) is not None
            ]
            if not found:
                return None
            options.append((number, found))
        return options


def _less(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether a score is better by more than rounding."""
    if abs(one[0] - other[0]) > _TINY:
        return one[0] < other[0]
    return one[1] < other[1] - _TINY
