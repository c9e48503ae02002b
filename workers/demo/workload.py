"""The work that the demonstration plays: what is submitted when, as the files beside this say.

The mixture follows published cluster traces: bursts of like jobs a moment apart, two jobs of three
on one GPU, some gangs, run times with a long tail. Hours became seconds.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from broker.domain.workload import WorkClass
from broker.wire import Batch, Inference, Limits, Resources, Training
from broker.wire.jobs import Job

FULL_S: Final = 60.0
HERE: Final = Path(__file__).parent
CAPACITY: Final = HERE / "capacity.csv"
PERSONS: Final = WorkClass.EVALUATION
"""The class whose offers go to a person's desk, where nobody sits."""
_SHORTEST: Final = 0.35
"""Run times never shrink below this share of what is written: a moment is to be seen."""
_EXPECTED: Final = 3600
"""What is written as a second is told to suppliers as an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A job and when it enters, in seconds from the beginning."""

    at_s: float
    job: Training | Inference | Batch
    cancel_after_s: float | None


def programme(seconds: float = FULL_S) -> list[Part]:
    """What is played in so many seconds, in order; a shorter play leaves some jobs out.

    Those that show one outcome each are always in it.
    """
    share = seconds / FULL_S
    with (HERE / "jobs.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    kept = [
        row
        for number, row in enumerate(rows)
        if row["always"] or share >= 1 or int((number + 1) * share) > int(number * share)
    ]
    return sorted((_part(row, share) for row in kept), key=lambda part: part.at_s)


def _part(row: Mapping[str, str], share: float) -> Part:
    run_s = float(row["run_s"]) * max(share, _SHORTEST)
    regions, gpu = row["regions"].split(), row["gpu"]
    form = _FORMS[row["kind"]]
    return Part(
        at_s=float(row["at_s"]) * share,
        job=form(
            int(row["units"]),
            {
                "name": row["name"],
                "run": _program(row["program"]),
                "tenant": row["tenant"],
                "workload_class": row["class"],
                "env": {"RUN_S": f"{run_s:.2f}", "EXIT_CODE": row["exit_code"]},
                "resources": Resources(gpu=gpu) if gpu else Resources(cpus=4),
                "limits": Limits(regions=regions),
                "duration": float(row["run_s"]) * _EXPECTED,
                "labels": {"demo": "yes"},
            },
        ),
        cancel_after_s=float(row["cancel_after_s"]) if row["cancel_after_s"] else None,
    )


def _training(units: int, asked: Mapping[str, object]) -> Training:
    return Training.model_validate({**asked, "nodes": units})


def _inference(units: int, asked: Mapping[str, object]) -> Inference:
    return Inference.model_validate({**asked, "replicas": units})


def _batch(units: int, asked: Mapping[str, object]) -> Batch:
    return Batch.model_validate({**asked, "tasks": units})


_FORMS: Final[Mapping[str, Callable[[int, Mapping[str, object]], Training | Inference | Batch]]] = {
    "training": _training,
    "inference": _inference,
    "batch": _batch,
}


@cache
def _program(name: str) -> str:
    return (HERE / "programs" / f"{name}.sh").read_text(encoding="utf-8")


def units(parts: Sequence[Part]) -> int:
    """How many machines that is in all."""
    return sum(_units_of(part.job) for part in parts)


def _units_of(job: Job) -> int:
    return job.to_workload().units
