"""How a row is measured: warm-up, runs, and a watch on whoever else uses the machine meanwhile."""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

BUSY: Final = 0.25
"""The share of the machine that others may use during a run before its figure is doubted."""
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_PROBES: Final = 64


class Missing(Exception):
    """What a row needs is not here; the row is left out, and says why."""


Measure: TypeAlias = Callable[[], float]
"""One run; returns its figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `open` sets the scene; the runs then share it."""

    name: str
    figure: str
    """What a run's figure is: `jobs/s`, `ms`, `p99 ms`."""
    open: Callable[[], AbstractContextManager[Measure]]
    at_least: float | None = None
    at_most: float | None = None
    runs: int = 5
    warm_ups: int = 1
    long: bool = False
    """Takes minutes; measured only where that is asked for."""

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:,g}"
        return f"≤ {self.at_most:,g}" if self.at_most is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    row: Row
    values: tuple[float, ...]
    busy: float
    """The largest share of the machine that others used during a run."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def reached(self) -> bool | None:
        """None for a row without a target."""
        if self.row.at_least is not None:
            return self.median >= self.row.at_least
        return self.median <= self.row.at_most if self.row.at_most is not None else None


def measure(row: Row, runs: int | None = None) -> Measured:
    """Raises Missing."""
    values, busy = [], 0.0
    with row.open() as run:
        for _ in range(row.warm_ups):
            run()
        for _ in range(runs or row.runs):
            watch = Watch()
            values.append(run())
            busy = max(busy, watch.others())
    return Measured(row=row, values=tuple(values), busy=busy)


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * percent / 100) - 1)]


def command() -> Path:
    """The `broker` of this environment. Raises Missing."""
    found = Path(sys.executable).parent / "broker"
    if not found.is_file():
        raise Missing("the `broker` command is not installed beside this Python; run `make env`")
    return found


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory of the row's own, on the disk that databases of a trial would lie on."""
    with tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


# -- the machine


class Watch:
    """How much of the machine others used since this was made; nothing where /proc is not."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._all, self._ours = _used_s(), _ours_s()

    def others(self) -> float:
        cores_s = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        foreign = _used_s() - self._all - (_ours_s() - self._ours)
        return min(max(foreign, 0.0) / cores_s, 1.0) if cores_s > 1 / 10 else 0.0


def _used_s() -> float:
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, first[1:9])
    return (user + nice + system + irq + softirq + steal) * _TICK_S


def _ours_s() -> float:
    return sum(os.times()[:4]) + sum(cpu_s(pid) for pid in descendants(os.getpid()))


def descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = entry.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(rest[1]), []).append(int(entry.parent.name))
    found, ends = [], [root]
    while ends:
        below = children.get(ends.pop(), [])
        found += below
        ends += below
    return found


def cpu_s(pid: int) -> float:
    """What a process and the children it has buried have used."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) * _TICK_S


def resident_mb(pid: int) -> float:
    """Raises Missing where /proc is not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        raise Missing("memory is read from /proc, which is not here") from None
    kilobytes = next((line.split()[1] for line in status.splitlines() if "VmRSS" in line), "0")
    return int(kilobytes) / 1024


def fdatasync_ms(folder: Path) -> float:
    """What one durable write of 4 KiB costs here, the median of some."""
    sync = getattr(os, "fdatasync", os.fsync)
    took = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(_PROBES):
            file.write(bytes(4096))
            began = time.perf_counter()
            sync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def machine() -> str:
    """The machine in one line, with a warning where it is not ours alone."""
    with scratch() as folder:
        sync = fdatasync_ms(folder)
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    said = f"{cores} cores, Python {sys.version.split()[0]}, fdatasync {sync:.2f} ms"
    busy = load > cores * BUSY * 2
    warning = f"; load {load:.2f} before the start: the figures are those of a busy machine"
    return said + warning if busy else said
