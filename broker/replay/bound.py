"""What no plan can be better than: two relaxations whose optimum is found exactly and fast.

* Alone: every run on a ground that is empty but for it.
* Mean busy time: all places together are one machine of changing speed, on which a run is so much
  work that may be interrupted and take any share of it. The linear programme that minimises the sum
  of the mean busy times is solved by always working on the smallest run at hand (Goemans). A run
  that is not interrupted starts half its length before its mean busy time.

Every plan is allowed under both, so its waits add up to no less than the better of the two.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from math import inf

from broker.domain.stock import Series
from broker.replay.ground import Ground, Held, Item

_FEWEST = 8
"""Runs that are not cut any further."""
_SHORTER = (0.25, 0.5, 0.75, 0.9, 1.0)
"""Up to which of their lengths runs are tried; long ones that hardly wait only weaken it."""


def least_wait_s(ground: Ground, items: Sequence[Item]) -> float:
    """Seconds that the runs wait at least, summed, whatever the plan.

    What some of the runs wait without the others bounds what they wait with them, so the bound is
    the sum over parts that share no run: the runs that fit the same places, cut by submission where
    that gives more.
    """
    groups: dict[tuple[int, ...], list[Item]] = defaultdict(list)
    for item in items:
        groups[tuple(sorted(item.places))].append(item)
    everywhere = tuple(sorted({place for places in groups for place in places}))
    apart = sum(_cut_s(ground, places, group) for places, group in groups.items())
    return max(apart, _cut_s(ground, everywhere, items))


def _cut_s(ground: Ground, places: Sequence[int], items: Sequence[Item]) -> float:
    """The better of all together and of the two halves, each cut again."""
    together = max(_alone_s(ground, items), _fluid_s(ground, places, items))
    if len(items) <= _FEWEST:
        return together
    half = len(items) // 2
    halves = _cut_s(ground, places, items[:half]) + _cut_s(ground, places, items[half:])
    return max(together, halves)


def least_cost_usd(ground: Ground, items: Iterable[Item]) -> float:
    """What the runs cost at least if none starts later than it was replayed, each alone."""
    nobody = Held([])
    return sum(
        min(
            ground.cost(item, place)
            for place in item.places
            if place == item.place
            or nobody.earliest(ground, place, item, item.starts_s) is not None
        )
        for item in items
    )


def _alone_s(ground: Ground, items: Iterable[Item]) -> float:
    nobody = Held([])
    total = 0.0
    for item in items:
        starts = (nobody.earliest(ground, place, item, item.starts_s) for place in item.places)
        first = min((at for at in starts if at is not None), default=item.submitted_s)
        total += first - item.submitted_s
    return total


def _fluid_s(ground: Ground, places: Sequence[int], items: Sequence[Item]) -> float:
    """The relaxation over the runs, or over the shorter of them where that gives more."""
    lengths = sorted({item.lasts_s for item in items if item.lasts_s > 0})
    if not lengths:
        return 0.0
    chosen = {lengths[round(share * (len(lengths) - 1))] for share in _SHORTER}
    stock = [ground.stock[place] for place in places]
    best = 0.0
    for longest in chosen:
        work = [item for item in items if 0 < item.lasts_s <= longest]
        speeds = _speeds(stock, longest, min(item.submitted_s for item in work))
        busy = _mean_busy_s(speeds, [(i.submitted_s, i.units * i.lasts_s) for i in work])
        best = max(best, busy - sum(item.lasts_s / 2 + item.submitted_s for item in work))
    return best


def _speeds(stock: Sequence[Series], longest: float, from_s: float) -> list[tuple[float, float]]:
    """From when on at most so many units can run: none was admitted longer ago than it lasts."""
    total: dict[float, float] = defaultdict(float)
    for series in stock:
        before = 0
        for at, most in _lately(series, longest, from_s):
            total[at] += most - before
            before = most
    level, speeds = 0.0, []
    for at in sorted(total):
        level += total[at]
        speeds.append((at, level))
    return speeds


def _lately(series: Series, longest: float, from_s: float) -> list[tuple[float, int]]:
    """From when on how many units were there at most in the `longest` seconds before."""
    ends = (*series.starts_s[1:], inf)
    spans = [
        (max(begins, from_s), stops + longest, units)
        for begins, stops, units in zip(series.starts_s, ends, series.units, strict=True)
        if stops > from_s
    ]
    best: deque[tuple[float, int]] = deque()
    """(until when, units), the most units first."""
    found: list[tuple[float, int]] = []
    for begins, stops, units in [*spans, (inf, inf, 0)]:
        while best and best[0][0] <= begins:
            over = best.popleft()[0]
            if best:
                found.append((over, best[0][1]))
        if begins == inf:
            break
        while best and best[-1][1] <= units:
            best.pop()
        best.append((stops, units))
        found.append((begins, best[0][1]))
    return found


def _mean_busy_s(speeds: list[tuple[float, float]], work: list[tuple[float, float]]) -> float:
    """The least sum of mean busy times of (release, amount), on a machine of changing speed."""
    coming = sorted(work, reverse=True)
    ready: list[tuple[float, float]] = []
    """Amount, and how much of it is left."""
    changes = [at for at, _ in speeds[1:]] + [inf]
    step, at, total = 0, 0.0, 0.0
    while coming or ready:
        if not ready:
            at = max(at, coming[-1][0])
        while coming and coming[-1][0] <= at:
            amount = coming.pop()[1]
            heappush(ready, (amount, amount))
        while changes[step] <= at:
            step += 1
        speed = speeds[step][1]
        until = min(changes[step], coming[-1][0] if coming else inf)
        amount, left = ready[0]
        done_at = at + left / speed if speed else inf
        stop = min(until, done_at)
        if stop == inf:
            break
        total += speed * (stop * stop - at * at) / 2 / amount
        heappop(ready)
        if stop < done_at:
            heappush(ready, (amount, max(left - speed * (stop - at), 0.0)))
        at = stop
    return total
