"""What a start costs: the time of a command, and the memory of a broker that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from tests.bench.databases import SQLITE
from tests.bench.harness import Measure, Row, command, descendants, resident_mb, scratch
from tests.bench.submitting import served

_SETTLES_S: Final = 10


def rows() -> list[Row]:
    return [
        Row(name="`broker ps` against a server", figure="s", at_most=0.3, open=_listing, runs=9),
        Row(
            name='`python -c "import broker"`',
            figure="s",
            at_most=0.3,
            open=_timed(sys.executable, "-c", "import broker"),
            runs=9,
        ),
        Row(
            name="`python -c pass`, to compare",
            figure="s",
            open=_timed(sys.executable, "-c", "pass"),
            runs=9,
        ),
        Row(
            name="idle `broker up`, its process",
            figure="MB",
            at_most=250,
            open=_idle(whole=False),
            runs=1,
            warm_ups=0,
        ),
        Row(
            name="idle `broker up`, with its local clouds",
            figure="MB",
            open=_idle(whole=True),
            runs=1,
            warm_ups=0,
        ),
    ]


@contextmanager
def _listing() -> Iterator[Measure]:
    with served(SQLITE) as url, _timed(command(), "ps", environment={"BROKER_URL": url})() as run:
        yield run


def _timed(
    *words: str | Path, environment: dict[str, str] | None = None
) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with scratch() as folder:
            variables = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **(environment or {})}

            def run() -> float:
                began = time.perf_counter()
                subprocess.run(
                    words, check=True, stdout=subprocess.DEVNULL, env=variables, cwd=folder
                )
                return time.perf_counter() - began

            yield run

    return opened


def _idle(*, whole: bool) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with scratch() as folder, _up(folder) as broker:
            time.sleep(_SETTLES_S)

            def run() -> float:
                there = [broker.pid, *(descendants(broker.pid) if whole else ())]
                return sum(resident_mb(pid) for pid in there)

            yield run

    return opened


@contextmanager
def _up(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`broker up`, from the line that says it is there until its end."""
    words: list[str | Path] = [command(), "up", "--port", "0"]
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    broker = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=folder, env=variables)
    assert broker.stdout is not None
    try:
        if not broker.stdout.readline():
            raise RuntimeError("`broker up` did not start; what it said stands above")
        yield broker
    finally:
        broker.terminate()
        broker.wait()
        broker.stdout.close()
