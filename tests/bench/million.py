"""A million jobs in one replay, made on the way: in a process of its own, for its own peak.

`python -m tests.bench.million JOBS` is that process; it prints one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from hashlib import blake2s
from pathlib import Path
from typing import Final, overload

from typing_extensions import override

from broker.agreements.registry import shipped
from broker.replay.run import replay
from broker.replay.traces import Scenario, TraceJob
from tests.bench import inputs
from tests.bench.harness import Measure, Missing, Row

JOBS: Final = 1_000_000
APART_S: Final = 30
_2_GIB: Final = 2048


def rows() -> list[Row]:
    """Both figures are of one run."""
    return [
        Row(
            name="a million jobs in one replay, its peak of memory",
            figure="MiB",
            at_most=_2_GIB,
            open=_measuring("peak_mib"),
            runs=1,
            warm_ups=0,
            long=True,
        ),
        Row(
            name="a million jobs in one replay, log discarded",
            figure="jobs/s",
            open=_measuring("jobs_per_s"),
            runs=1,
            warm_ups=0,
            long=True,
        ),
    ]


def _measuring(figure: str) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        yield lambda: _measured(JOBS)[figure]

    return opened


@cache
def _measured(jobs: int) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.million", str(jobs)], check=True, capture_output=True
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


class Coming(Sequence[TraceJob]):
    """One job about every thirty seconds; each is made when it is asked for, and kept by nobody."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    @override
    def __len__(self) -> int:
        return self._jobs

    @overload
    def __getitem__(self, index: int) -> TraceJob: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TraceJob]: ...

    @override
    def __getitem__(self, index: int | slice) -> TraceJob | Sequence[TraceJob]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._jobs))]
        if not 0 <= index < self._jobs:
            raise IndexError(index)
        drawn = int.from_bytes(blake2s(str(index).encode(), digest_size=8).digest(), "big")
        return inputs.trace_job(
            index,
            submit_s=APART_S * index + drawn % 1000 * APART_S / 1000,
            run_s=60 + drawn // 1000 % 7140,
            several=drawn // 10_000_000 % 5 == 0,
        )


def coming(jobs: int) -> Scenario:
    """As `inputs.uncongested`, for any number of jobs."""
    sold = inputs.sold()
    return Scenario(jobs=Coming(jobs), pools=sold, stock=inputs.stock(sold, jobs * APART_S))


def peak_mib() -> float:
    """The most that this process has ever had resident. Raises Missing where /proc is not."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        raise Missing("memory is read from /proc, which is not here") from None
    kilobytes = next(line.split()[1] for line in status.splitlines() if "VmHWM" in line)
    return int(kilobytes) / 1024


def main(jobs: int) -> None:
    shown = replay(coming(jobs), shipped()[inputs.AGREEMENT])
    if shown.figures["jobs"] != jobs or shown.figures["unplaced"]:
        raise RuntimeError(f"{jobs} jobs came, and the figures say {shown.figures}")
    print(json.dumps({"jobs_per_s": jobs / shown.wall_s, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
