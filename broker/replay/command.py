"""`broker replay`: read a scenario, run it, compare it with an open agreement, report."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

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
            sink = files.enter_context(Path(log).open("w", encoding="utf-8")) if log else None
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
    sys.stdout.write((json.dumps(figures) if as_json else table(figures, chosen, log)) + "\n")
    return 0


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
        number = _number(value.removesuffix("s") if name == "delay" else value)
        if number is None or name not in ("delay", "silent"):
            raise ValueError(f"--desk {part!r} is neither delay=SECONDSs nor silent=SHARE")
        if name == "delay":
            delay_s = number
        else:
            silent = number
    if delay_s < 0 or not 0 <= silent <= 1:
        raise ValueError("--desk: a delay is 0 s or more, and a share is between 0 and 1")
    return DeskHabit(delay_s=delay_s, silent=silent, seed=seed)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


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
        ("GPU-hours", figures["gpu_hours"]),
        ("cost", f"{cost} USD; {free} USD under an open agreement"),
        ("the right cost", f"{cost - free} USD"),
        ("replayed in", f"{figures['wall_s']} s, {figures['facts']} facts"),
    ]
    lines = [f"{name:>24}  {value}" for name, value in rows]
    if log:
        lines.append(f"\nTry: broker audit {log}")
    return "\n".join(lines)


def _progress(scenario: Scenario) -> Any:  # noqa: ANN401 - a callable or nothing
    if not sys.stderr.isatty():
        return None
    total = len(scenario.jobs)

    def show(done: int) -> None:
        sys.stderr.write(f"\r{done} of {total} jobs" + ("\n" if done == total else ""))

    return show
