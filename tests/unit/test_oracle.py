"""The oracle against brute force on tiny cases: its plan is the best, its bounds are bounds."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Final

import pytest

from broker.domain.market import Place, Pool, PoolKind
from broker.domain.stock import Series
from broker.domain.values import ProviderName, usd
from broker.domain.workload import Limits, Shape
from broker.replay.bound import least_cost_usd, least_wait_s
from broker.replay.ground import Ground, Held, Item, Spot, ground_of
from broker.replay.observe import Run
from broker.replay.placing import Gap, gaps_of
from broker.replay.search import Aim, Search, wait_s
from broker.replay.shadow import priced_wait_s

CHEAP: Final = Place(ProviderName.AWS, "us-east-1", "p5")
DEAR: Final = Place(ProviderName.GCP, "us-central1", "a2")
PRICES: Final = {CHEAP: "2.00", DEAR: "3.00"}
END_S: Final = 12


def a_pool(place: Place) -> Pool:
    return Pool(
        place=place,
        kind=PoolKind.THIRD_PARTY_CLOUD,
        accelerator="A100-80GB",
        gpus=1,
        cpus=0,
        memory_gib=0,
        price_usd_hour=usd(PRICES[place]),
    )


POOLS: Final = (a_pool(CHEAP), a_pool(DEAR))


def a_run(
    submitted: float,
    lasts: float,
    place: Place = CHEAP,
    starts: float | None = None,
    units: int = 1,
) -> Run:
    return Run(
        units=units,
        shape=Shape(gpus=1),
        limits=Limits(),
        submitted_s=submitted,
        place=place,
        starts_s=submitted if starts is None else starts,
        lasts_s=lasts,
    )


def gap(stock: dict[Place, Series], *runs: Run) -> Gap:
    (found,) = gaps_of(POOLS, stock, {"replayed": runs})
    return found


def allowed(ground: Ground, items: list[Item], spots: tuple[Spot, ...]) -> bool:
    """By the rule itself: at every start at a place no more units run there than it has."""
    for spot in spots:
        held = sum(
            item.units
            for item, other in zip(items, spots, strict=True)
            if other.place == spot.place
            and other.starts_s <= spot.starts_s < other.starts_s + item.lasts_s
        )
        if held > ground.stock[spot.place].available(spot.starts_s):
            return False
    return True


def brute(ground: Ground, items: list[Item], *, no_later: bool = False) -> tuple[float, float]:
    """The least wait of all, and the least cost, over all plans in whole seconds."""
    choices = [
        [
            Spot(place, float(at))
            for place in item.places
            for at in range(int(item.submitted_s), END_S)
            if not no_later or at <= item.starts_s
        ]
        for item in items
    ]
    plans = [plan for plan in product(*choices) if allowed(ground, items, plan)]
    costs = (
        sum(ground.cost(item, spot.place) for item, spot in zip(items, plan, strict=True))
        for plan in plans
    )
    return min(wait_s(items, plan) for plan in plans), min(costs)


def a_case(seed: int) -> tuple[dict[Place, Series], list[Run]]:
    """Three runs that crowd two places whose stock comes and goes; replayed one after another."""
    chance = Random(seed)  # noqa: S311 - a case, no secret
    stock = {
        CHEAP: Series((0.0, 2.0, 5.0), (chance.randint(0, 2), chance.randint(0, 2), 2)),
        DEAR: Series((0.0, 3.0), (chance.randint(0, 1), chance.randint(1, 2))),
    }
    ground, _ = ground_of(POOLS, stock, ())
    held, runs = {0: Held([]), 1: Held([])}, []
    for _ in range(3):
        submitted, lasts = float(chance.randint(0, 3)), float(chance.randint(1, 3))
        units, place = chance.randint(1, 2), chance.randint(0, 1)
        item = Item(
            units=units,
            submitted_s=submitted,
            lasts_s=lasts,
            places=(place,),
            place=place,
            starts_s=0.0,
        )
        at = held[place].earliest(ground, place, item, 1000.0)
        if at is None:
            continue
        held[place].spans.append((at, at + lasts, units))
        runs.append(a_run(submitted, lasts, (CHEAP, DEAR)[place], at, units))
    return stock, runs


@pytest.mark.parametrize("seed", range(60))
def test_the_plan_is_the_optimum_and_no_bound_is_above_it(seed: int) -> None:
    stock, runs = a_case(seed)
    ground, items = ground_of(POOLS, stock, runs)
    found = gap(stock, *runs)
    least, _ = brute(ground, items)
    _, cheapest = brute(ground, items, no_later=True)
    assert found.exact
    assert found.planned_s == pytest.approx(least)
    assert found.planned_usd == pytest.approx(cheapest)
    assert least_wait_s(ground, items) <= least + 1e-6
    assert priced_wait_s(ground, items, found.wait_s, found.wait_s) <= least + 1e-6
    assert least_cost_usd(ground, items) <= cheapest + 1e-9
    assert found.planned_s <= found.wait_s


def test_some_of_these_cases_can_be_improved() -> None:
    """Else the test above would say little."""
    gaps = [gap(stock, *runs) for stock, runs in map(a_case, range(60))]
    assert sum(one.planned_s < one.wait_s for one in gaps) >= 10
    assert sum(one.planned_usd < one.cost_usd for one in gaps) >= 10


def test_short_runs_go_first_where_all_wait_for_one_machine() -> None:
    stock = {CHEAP: Series.constant(1), DEAR: Series.constant(0)}
    found = gap(stock, a_run(0, 100), a_run(0, 10, starts=100), a_run(0, 1, starts=110))
    assert found.wait_s == 210
    assert found.planned_s == found.bound_s == 1 + 11
    assert "optimum" in found.method


def test_a_run_waits_for_stock_that_only_the_oracle_knows_of() -> None:
    """The dear place is free at once, but then the gang that needs it has to wait an hour."""
    stock = {CHEAP: Series((0.0, 5.0), (0, 1)), DEAR: Series.constant(2)}
    found = gap(stock, a_run(0, 3600, DEAR), a_run(1, 3600, DEAR, starts=3600, units=2))
    assert found.wait_s == 3599
    assert found.planned_s == 5


def test_a_window_leaves_all_other_runs_where_they_are() -> None:
    stock = {CHEAP: Series.constant(1), DEAR: Series.constant(0)}
    ground, items = ground_of(
        POOLS, stock, [a_run(0, 10), a_run(0, 10, starts=20), a_run(0, 10, starts=10)]
    )
    spots = [Spot(item.place, item.starts_s) for item in items]
    search = Search.of(ground, items, spots, range(2, 3), Aim())
    assert search.run()
    assert search.best == [Spot(0, 20.0)]


def test_the_bound_tells_of_a_crowd_that_no_plan_can_serve_at_once() -> None:
    """Two dozen runs of a minute on two machines: the last begin after 11 minutes."""
    stock = {CHEAP: Series.constant(1), DEAR: Series.constant(1)}
    runs = [a_run(0, 60, starts=60 * n) for n in range(24)]
    found = gap(stock, *runs)
    best = sum(60 * (n // 2) for n in range(24))
    assert found.planned_s == best
    assert 0.9 * best < found.bound_s <= best


def test_shadow_prices_tell_of_a_crowd_that_comes_while_the_stock_is_away() -> None:
    """Twelve runs of ten minutes; the one machine is there from the hour on."""
    stock = {CHEAP: Series((0.0, 3600.0), (0, 1)), DEAR: Series.constant(0)}
    runs = [a_run(60 * n, 600, starts=3600 + 600 * n) for n in range(12)]
    found = gap(stock, *runs)
    assert found.planned_s == found.wait_s == sum(3600 + 540 * n for n in range(12))
    assert 0.95 * found.wait_s < found.bound_s <= found.wait_s


def test_replays_that_left_jobs_unplaced_are_left_out() -> None:
    stock = {CHEAP: Series.constant(1), DEAR: Series.constant(1)}
    one = a_run(0, 60)
    found = gaps_of(POOLS, stock, {"all": [one, one], "some": [one], "none": []})
    assert [gap.name for gap in found] == ["all"]
