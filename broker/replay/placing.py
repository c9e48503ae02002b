"""Placement quality: the replayed placements against plans of one who knows the whole trace.

The plan begins as the best replay or list, and windows of a few runs are placed anew, each by
branch and bound with all other runs left where they are: for the wait, a run that waits and those
in its way; for the cost, neighbours by submission. So it could have been carried out, and the
optimum lies between it and the bounds of `bound.py` and `shadow.py`. Where all runs fit in one
window, and it was searched to its end, the plan is the optimum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from broker.domain.market import Place, Pool
from broker.domain.stock import Series
from broker.replay.bound import least_cost_usd, least_wait_s
from broker.replay.ground import Ground, Held, Item, Spot, ground_of
from broker.replay.observe import Run
from broker.replay.search import Aim, Search, cost_usd, wait_s
from broker.replay.shadow import priced_wait_s

WINDOW: Final = 10
MOST_RUNS: Final = 500
"""The first by submission; what is later is left out of replay, plan and bound alike."""
PASSES: Final = 3
AROUND: Final = 8
AROUND_NODES: Final = 200
AROUND_PASSES: Final = 8
_WORTH_A_PASS: Final = 0.002
"""Less of the wait than that saved in a pass ends the search."""
RULES: Final[tuple[Callable[[Item], float], ...]] = (
    lambda item: item.submitted_s,
    lambda item: item.lasts_s,
    lambda item: item.lasts_s * item.units,
)
"""In which orders runs are listed for a first plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Seconds waited and dollars spent, as replayed, as planned, and at least; sums over runs."""

    name: str
    count: int
    wait_s: float
    planned_s: float
    bound_s: float
    cost_usd: float
    planned_usd: float
    bound_usd: float
    exact: bool

    def figures(self) -> dict[str, Any]:
        """For programs."""
        return {
            "variant": self.name,
            "runs": self.count,
            "wait_s": {
                "replayed": round(self.wait_s, 3),
                "planned": round(self.planned_s, 3),
                "at_least": round(self.bound_s, 3),
            },
            "cost_usd": {
                "replayed": round(self.cost_usd, 2),
                "planned": round(self.planned_usd, 2),
                "at_least": round(self.bound_usd, 2),
            },
            "exact": self.exact,
        }

    @property
    def method(self) -> str:
        found = (
            "The plan is the optimum, found by branch and bound."
            if self.exact
            else f"The plan places each run that waits anew with the {AROUND - 1} nearest in its "
            f"way (for the cost: {WINDOW} neighbours by submission) by branch and bound, the "
            "others left where they are, until little improves."
        )
        return (
            f"{found} The bound is the best of three relaxations: shadow prices for room "
            "(Lagrange), mean busy times on one machine of changing speed, each run alone. The "
            "optimum lies between."
        )


def gaps_of(
    pools: Sequence[Pool],
    stock: Mapping[Place, Series],
    runs: Mapping[str, Sequence[Run]],
    progress: Callable[[str, int, int], object] | None = None,
) -> list[Gap]:
    """How far replays of the same jobs are from the best there could be, by their names.

    Replays that left jobs unplaced are left out: they cannot be compared.
    """
    most = max((len(of_one) for of_one in runs.values()), default=0)
    grounds = {
        name: ground_of(pools, stock, of_one)
        for name, of_one in runs.items()
        if 0 < len(of_one) == most
    }
    if not grounds:
        return []
    plans = [_Plan.replayed(ground, items[:MOST_RUNS]) for ground, items in grounds.values()]
    plans += [_Plan.listed(plans[0].ground, plans[0].items, rule) for rule in RULES]
    start = min(plans, key=_Plan.wait_s)
    best = start.improved(Aim(), _named(progress, "oracle, wait"))
    bound = best.wait_s() if best.exact else best.least_wait_s()
    return [
        _gap(name, _Plan.replayed(ground, items[:MOST_RUNS]), best, bound, progress)
        for name, (ground, items) in grounds.items()
    ]


def _named(
    progress: Callable[[str, int, int], object] | None, name: str
) -> Callable[[int, int], object] | None:
    return (lambda done, of: progress(name, done, of)) if progress else None


def _gap(
    name: str,
    replayed: _Plan,
    best: _Plan,
    bound_s: float,
    progress: Callable[[str, int, int], object] | None,
) -> Gap:
    cheap = replayed.improved(Aim(by_cost=True), _named(progress, f"oracle, cost of {name}"))
    planned = cheap.cost()
    return Gap(
        name=name,
        count=len(replayed.items),
        wait_s=replayed.wait_s(),
        planned_s=best.wait_s(),
        bound_s=bound_s,
        cost_usd=replayed.cost(),
        planned_usd=planned,
        bound_usd=planned if cheap.exact else least_cost_usd(replayed.ground, replayed.items),
        exact=best.exact and cheap.exact,
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """Every run with its spot; `exact` when it is known that none is better."""

    ground: Ground
    items: list[Item]
    spots: list[Spot]
    exact: bool = False

    @classmethod
    def replayed(cls, ground: Ground, items: list[Item]) -> _Plan:
        return cls(ground, items, [Spot(item.place, item.starts_s) for item in items])

    @classmethod
    def listed(cls, ground: Ground, items: list[Item], rule: Callable[[Item], float]) -> _Plan:
        """Each run as early as it may after those before it; as replayed where one never may."""
        held = {place: Held([]) for item in items for place in item.places}
        spots = list(cls.replayed(ground, items).spots)
        for number in sorted(range(len(items)), key=lambda n: (rule(items[n]), n)):
            item = items[number]
            starts = [
                (at, order, place)
                for order, place in enumerate(item.places)
                if (at := held[place].earliest(ground, place, item, inf)) is not None
            ]
            if not starts:
                return cls.replayed(ground, items)
            at, _, place = min(starts)
            held[place].spans.append((at, at + item.lasts_s, item.units))
            spots[number] = Spot(place, at)
        return cls(ground, items, spots)

    def wait_s(self) -> float:
        return wait_s(self.items, self.spots)

    def least_wait_s(self) -> float:
        """What no plan waits less than: the best of the bounds."""
        most = max(s.starts_s - i.submitted_s for i, s in zip(self.items, self.spots, strict=True))
        return max(
            least_wait_s(self.ground, self.items),
            priced_wait_s(self.ground, self.items, self.wait_s(), most),
        )

    def cost(self) -> float:
        return cost_usd(self.ground, self.items, self.spots)

    def improved(self, aim: Aim, progress: Callable[[int, int], object] | None) -> _Plan:
        """Window after window placed anew, until little improves or the passes are over."""
        if aim.by_cost or len(self.items) <= WINDOW:
            return self._by_submission(aim, progress)
        spots, before = list(self.spots), self.wait_s()
        for number in range(AROUND_PASSES):
            for chosen in _around(self.items, spots):
                search = Search.of(self.ground, self.items, spots, chosen, aim)
                search.most_nodes = AROUND_NODES
                search.run()
                for index, spot in zip(chosen, search.best, strict=True):
                    spots[index] = spot
            if progress:
                progress(number + 1, AROUND_PASSES)
            now = wait_s(self.items, spots)
            if now > before * (1 - _WORTH_A_PASS):
                break
            before = now
        return _Plan(self.ground, self.items, spots)

    def _by_submission(self, aim: Aim, progress: Callable[[int, int], object] | None) -> _Plan:
        """Windows of runs that were submitted one after the other."""
        count, spots = len(self.items), list(self.spots)
        last = count - WINDOW
        firsts = [*range(0, last, WINDOW // 2), last] if last > 0 else [0]
        searched = 0
        for _ in range(PASSES):
            before, searched = list(spots), 0
            for number, first in enumerate(firsts):
                chosen = range(first, min(first + WINDOW, count))
                search = Search.of(self.ground, self.items, spots, chosen, aim)
                searched += search.run()
                for index, spot in zip(chosen, search.best, strict=True):
                    spots[index] = spot
                if progress:
                    progress(number + 1, len(firsts))
            if spots == before:
                break
        return _Plan(self.ground, self.items, spots, exact=len(firsts) == searched == 1)


def _around(items: Sequence[Item], spots: Sequence[Spot]) -> Iterator[list[int]]:
    """Each run that waits, the longest first, with those nearest to it that are in its way.

    In its way is who runs, meanwhile or from the end of its wait on, where it could have run.
    """
    waits = [spot.starts_s - item.submitted_s for item, spot in zip(items, spots, strict=True)]
    for late in sorted(range(len(items)), key=lambda number: -waits[number]):
        if waits[late] <= 0 or spots[late].starts_s <= items[late].submitted_s:
            continue  # it waits no more
        at, places = spots[late].starts_s, set(items[late].places)
        near = [
            number
            for number, (item, spot) in enumerate(zip(items, spots, strict=True))
            if number != late
            and spot.starts_s <= at
            and spot.starts_s + item.lasts_s > items[late].submitted_s
            and not places.isdisjoint(item.places)
        ]
        near.sort(key=lambda number: (at - spots[number].starts_s, number))
        yield sorted([late, *near[: AROUND - 1]])
