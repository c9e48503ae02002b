"""The same jobs under several variants: each replayed, and all of them side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing import get_context
from typing import Any, Final

from broker.domain.values import ProviderName
from broker.replay.observe import Observer
from broker.replay.run import replay
from broker.replay.traces import Scenario
from broker.replay.variants import OPEN, Variant

WORTH_A_PROCESS: Final = 4_000
"""Jobs times variants; below it a second process costs more than it saves."""
AT_ONCE: Final = 2
_AMOUNTS: Final = ("gpu_hours", "cost_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the jobs under one variant."""

    variant: Variant
    figures: dict[str, Any]
    observed: Observer
    wall_s: float

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def cost(self) -> Decimal:
        return Decimal(self.figures["cost_usd"])

    @property
    def jobs(self) -> int:
        return int(self.figures["jobs"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Outcomes in the order they were asked for, and the one without any right."""

    outcomes: tuple[Outcome, ...]
    free: Outcome

    @property
    def all(self) -> tuple[Outcome, ...]:
        """The baseline included, once."""
        if any(outcome.name == OPEN for outcome in self.outcomes):
            return self.outcomes
        return (*self.outcomes, self.free)

    def right_usd(self, outcome: Outcome) -> Decimal | None:
        """What it cost beyond the open agreement; nothing is said where other jobs were placed."""
        if outcome.figures["unplaced"] != self.free.figures["unplaced"]:
            return None
        return outcome.cost - self.free.cost

    def right_wait_s(self, outcome: Outcome) -> float | None:
        """What a job waited on average beyond the open agreement, where as many were placed."""
        if outcome.figures["unplaced"] != self.free.figures["unplaced"]:
            return None
        mine, free = outcome.observed.mean_wait_s, self.free.observed.mean_wait_s
        return None if mine is None or free is None else mine - free


def run_all(
    scenario: Scenario,
    variants: Sequence[Variant],
    baseline: Variant,
    *,
    keeps_runs: bool = False,
    progress: Callable[[str, int], object] | None = None,
) -> Compared:
    """Every variant and the baseline; `progress` hears a name and how many of its jobs are in.

    Many jobs are replayed in two processes, and then a variant is only heard of when it is done.
    """
    wanted = [*variants, *([] if any(v.name == OPEN for v in variants) else [baseline])]
    several = len(scenario.jobs) * len(wanted) >= WORTH_A_PROCESS and (os.cpu_count() or 1) > 1
    how = _in_processes if several else _in_turn
    found = {outcome.name: outcome for outcome in how(scenario, wanted, keeps_runs, progress)}
    return Compared(outcomes=tuple(found[v.name] for v in variants), free=found[OPEN])


def _in_turn(
    scenario: Scenario,
    variants: Sequence[Variant],
    keeps_runs: bool,  # noqa: FBT001 - as `_one` takes it
    progress: Callable[[str, int], object] | None,
) -> Iterator[Outcome]:
    for variant in variants:
        told = (lambda done, name=variant.name: progress(name, done)) if progress else None
        yield _one(scenario, variant, keeps_runs, told)


def _in_processes(
    scenario: Scenario,
    variants: Sequence[Variant],
    keeps_runs: bool,  # noqa: FBT001 - as `_one` takes it
    progress: Callable[[str, int], object] | None,
) -> Iterator[Outcome]:
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(_one, scenario, variant, keeps_runs) for variant in variants]
        for done in as_completed(asked):
            outcome = done.result()
            if progress:
                progress(outcome.name, outcome.jobs)
            yield outcome


def _one(
    scenario: Scenario,
    variant: Variant,
    keeps_runs: bool,  # noqa: FBT001 - submitted to another process by position
    progress: Callable[[int], object] | None = None,
) -> Outcome:
    observer = Observer(
        start=variant.start,
        gpus_of={pool.place: pool.gpus for pool in scenario.pools},
        keeps_runs=keeps_runs,
    )
    done = replay(
        scenario,
        variant.agreement,
        start=variant.start,
        habit=variant.habit,
        progress=progress,
        ear=observer.hear,
    )
    return Outcome(variant=variant, figures=done.figures, observed=observer, wall_s=done.wall_s)


def as_json(compared: Compared) -> dict[str, Any]:
    """The comparison for programs: the keys of one replay for each variant, and some more."""
    return {
        "baseline": OPEN,
        "variants": [_variant_json(compared, outcome) for outcome in compared.all],
    }


def _variant_json(compared: Compared, outcome: Outcome) -> dict[str, Any]:
    figures = {**outcome.figures}
    facts = figures.pop("facts")
    right, wait = compared.right_usd(outcome), compared.right_wait_s(outcome)
    refusals: dict[str, dict[str, int]] = {}
    for (provider, reason), count in sorted(outcome.observed.refusals.items()):
        refusals.setdefault(provider, {})[reason] = count
    mean = outcome.observed.mean_wait_s
    variant = outcome.variant
    return {
        "variant": outcome.name,
        "agreement": variant.agreement.name,
        "from": f"{variant.start:%Y-%m-%dT%H:%M:%SZ}",
        "desk": {"delay_s": variant.habit.delay_s, "silent": variant.habit.silent},
        "swept": dict([variant.swept]) if variant.swept else {},
        **figures,
        **{name: float(figures[name]) for name in _AMOUNTS},
        "cost_open_usd": float(compared.free.cost),
        "wall_s": round(outcome.wall_s, 3),
        "facts": facts,
        "mean_wait_s": None if mean is None else round(mean, 3),
        "right": {
            "cost_usd": None if right is None else float(right),
            "mean_wait_s": None if wait is None else round(wait, 3),
        },
        "refusals": refusals,
    }


def table(compared: Compared) -> str:
    """One line for each variant, for people."""
    head = ("variant", *(n.value for n in ProviderName), "unplaced", "mean", "p50", "p90", "p99")
    rows = [(*head, "holder", "cost USD", "right USD")]
    for outcome in compared.all:
        placed, wait = outcome.figures["placed"], outcome.figures["wait_s"]
        right = compared.right_usd(outcome)
        rows.append(
            (
                outcome.name,
                *(str(placed[name.value]) for name in ProviderName),
                str(outcome.figures["unplaced"]),
                lasting(outcome.observed.mean_wait_s),
                *(lasting(wait[q]) for q in ("p50", "p90", "p99")),
                lasting(outcome.figures["holder_wait_s"]),
                f"{outcome.cost:,.0f}",
                "n/a" if right is None else f"{right:+,.0f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lost = [
        f"{outcome.name.ljust(widths[0])}  "
        + ", ".join(
            f"{cause.replace('_', ' ')} {lasting(seconds)}"
            for cause, seconds in outcome.figures["delays_s"].items()
            if seconds
        )
        for outcome in compared.all
    ]
    return "\n".join(
        [
            *lines,
            "",
            "mean to p99: what a placed job waited; holder: what offers waited for its answers;",
            "right: beyond the open agreement, where as many jobs were placed.",
            "Where the waiting of the placed jobs went:",
            *lost,
        ]
    )


def lasting(seconds: float | None) -> str:
    """`45s`, `12m`, `3.5h` or `2.1d`; a dash for nothing."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if abs(seconds) >= size * (2 if unit == "d" else 1):
            return f"{seconds / size:.1f}{unit}"
    return f"{seconds:.0f}s"
