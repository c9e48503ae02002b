"""`broker replay`: read a scenario, run it, compare it with an open agreement, report."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, Final, TextIO

from broker.agreements.errors import AgreementError
from broker.agreements.registry import edition_named, named, shipped
from broker.domain.agreement import Agreement
from broker.domain.values import ProviderName
from broker.replay.run import START, Replayed, replay
from broker.replay.traces import MalformedTraceError, Scenario, read_scenario
from broker.replay.world import DeskHabit

DEFAULT: Final = "azure-first-refusal"
DATED: Final = "microsoft-openai"
OPEN: Final = "open"
USAGE: Final = 2
LONGEST_DELAY_S: Final = 10 * 365 * 86_400
_DESK: Final = "write delay=45s, or silent=0.2 for a share of the offers, or both with a comma"
_AMOUNTS: Final = ("gpu_hours", "cost_usd", "cost_open_usd", "wall_s")
"""Figures that are kept as exact text."""


@dataclass(frozen=True, slots=True)
class Chosen:
    agreement: Agreement
    start: datetime


def main(
    directory: str,
    agreement: str | None,
    edition: str | None,
    log: str | None,
    desk: str | None,
    seed: int,
    *,
    as_json: bool,
) -> int:
    """Returns the exit code: 0, or 2 where an argument or a file cannot be."""
    try:
        chosen = choose(agreement, edition)
        habit = read_habit(desk, seed)
        scenario = read_scenario(Path(directory))
        with ExitStack() as files:
            sink = files.enter_context(_opened(log)) if log else None
            shown = replay(
                scenario,
                chosen.agreement,
                start=chosen.start,
                habit=habit,
                sink=(lambda line: sink.write(line + "\n")) if sink else None,
                progress=_progress(scenario),
            )
    except (AgreementError, MalformedTraceError, ValueError, OSError) as wrong:
        sys.stderr.write(f"broker replay: {wrong}\n")
        return USAGE
    free = replay(scenario, shipped()[OPEN])
    figures = with_comparison(shown, free)
    told = json.dumps(numbers(figures)) if as_json else table(figures, chosen, log)
    sys.stdout.write(told + "\n")
    return 0


def _opened(log: str) -> TextIO:
    try:
        return Path(log).open("w", encoding="utf-8")
    except OSError as broken:
        raise ValueError(
            f"--log: {log} cannot be written ({broken.strerror}); "
            "name a file in a folder that is there and yours"
        ) from None


def choose(agreement: str | None, edition: str | None) -> Chosen:
    """The agreement to replay under, and when the replay begins. Raises AgreementError."""
    if agreement and edition:
        raise ValueError("--agreement and --edition exclude each other; give one of them")
    if edition is None:
        found = named(shipped(), agreement or DEFAULT)
        first = found.editions[0].begins
        return Chosen(found, max(START, first) if first and found.name != DATED else first or START)
    dated = edition_named(named(shipped(), DATED), edition)
    return Chosen(named(shipped(), DATED), dated.begins or START)


def read_habit(desk: str | None, seed: int) -> DeskHabit:
    """`delay=45s` or `silent=0.2`, or both with a comma. Raises ValueError."""
    delay_s, silent = 0.0, 0.0
    for part in filter(None, (desk or "").split(",")):
        name, _, value = part.partition("=")
        if name == "delay":
            delay_s = _within(part, value.removesuffix("s"), LONGEST_DELAY_S)
        elif name == "silent":
            silent = _within(part, value, 1)
        else:
            raise ValueError(f"--desk {part!r} is neither a delay nor a share; {_DESK}")
    return DeskHabit(delay_s=delay_s, silent=silent, seed=seed)


def _within(part: str, text: str, most: float) -> float:
    """A number from 0 to `most`. Raises ValueError."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"--desk {part!r} has no number; {_DESK}") from None
    if not (isfinite(number) and 0 <= number <= most):
        raise ValueError(f"--desk {part!r} is not between 0 and {most}; {_DESK}")
    return number


def with_comparison(shown: Replayed, free: Replayed) -> dict[str, Any]:
    """The figures in the order they are documented in."""
    figures = dict(shown.figures)
    facts = figures.pop("facts")
    return {
        **figures,
        "cost_open_usd": free.figures["cost_usd"],
        "wall_s": f"{shown.wall_s:.3f}",
        "facts": facts,
    }


def numbers(figures: dict[str, Any]) -> dict[str, Any]:
    """The same figures with every amount as a number, for programs."""
    return figures | {name: float(figures[name]) for name in _AMOUNTS}


def table(figures: dict[str, Any], chosen: Chosen, log: str | None) -> str:
    """The same figures for people."""
    placed, offers, wait = figures["placed"], figures["offers"], figures["wait_s"]
    cost, free = Decimal(figures["cost_usd"]), Decimal(figures["cost_open_usd"])
    rows = [
        ("agreement", f"{chosen.agreement.name}, from {chosen.start:%Y-%m-%d}"),
        ("jobs", f"{figures['jobs']}, {figures['unplaced']} of them unplaced"),
        ("placed", "  ".join(f"{name.value} {placed[name.value]}" for name in ProviderName)),
        ("offers", "  ".join(f"{name} {count}" for name, count in offers.items())),
        ("wait", "  ".join(f"{name} {seconds} s" for name, seconds in wait.items())),
        ("waiting for the holder", f"{figures['holder_wait_s']} s, summed over the jobs"),
        ("waiting was lost to", _causes(figures["delays_s"])),
        ("GPU-hours", figures["gpu_hours"]),
        ("cost", f"{cost} USD; {free} USD under an open agreement"),
        ("the right cost", f"{cost - free} USD"),
        ("replayed in", f"{figures['wall_s']} s, {figures['facts']} facts"),
    ]
    lines = [f"{name:>24}  {value}" for name, value in rows]
    if log:
        lines.append(f"\nTry: broker audit {log}")
    return "\n".join(lines)


def _causes(delays: Mapping[str, int]) -> str:
    lost = sorted(((s, name) for name, s in delays.items() if s), reverse=True)
    return "  ".join(f"{name} {seconds} s" for seconds, name in lost) or "nothing"


def _progress(scenario: Scenario) -> Any:  # noqa: ANN401 - a callable or nothing
    if not sys.stderr.isatty():
        return None
    total = len(scenario.jobs)

    def show(done: int) -> None:
        sys.stderr.write(f"\r{done} of {total} jobs" + ("\n" if done == total else ""))

    return show
