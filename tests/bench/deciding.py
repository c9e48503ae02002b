"""Decisions and the log, with no database and no server: placement, replay, audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import Final

from broker.agreements.registry import shipped
from broker.domain.chain import read_lines
from broker.domain.laws.audit import audit
from broker.domain.options import Memo
from broker.domain.placement import plan
from broker.replay.run import replay
from broker.replay.traces import Scenario
from tests.bench import inputs
from tests.bench.harness import Measure, Row

ROUNDS: Final = (200, 1000)
"""A worker's round, and a large one."""
_REQUESTS: Final = 4000
_TRACE: Final = 5000


def rows() -> list[Row]:
    room = f"replay of {_TRACE:,} jobs that find room"
    traces: tuple[tuple[str, int, Callable[[], AbstractContextManager[Measure]]], ...] = (
        ("replay of the reference scenario", 1000, _replaying(inputs.recorded, sealed=True)),
        (f"{room}, log sealed", 2000, _replaying(_uncongested, sealed=True)),
        (f"{room}, log discarded", 5000, _replaying(_uncongested, sealed=False)),
    )
    return [
        *(
            Row(
                name=f"plan(), 4 clouds x {inputs.SHAPES} shapes, rounds of {size:,}",
                figure="requests/s",
                at_least=20_000,
                open=_planning(size, kept=True),
                runs=9,
            )
            for size in ROUNDS
        ),
        Row(
            name=f"the same, rounds of {ROUNDS[1]:,}, nothing kept between rounds",
            figure="requests/s",
            open=_planning(ROUNDS[1], kept=False),
        ),
        *(
            Row(
                name=name,
                figure="jobs/s",
                at_least=target,
                open=opened,
            )
            for name, target, opened in traces
        ),
        Row(name="audit of a log, chain and laws", figure="facts/s", open=_auditing, runs=3),
    ]


def _planning(size: int, *, kept: bool) -> Callable[[], AbstractContextManager[Measure]]:
    """Each round has a market of its own; `kept` keeps between rounds what a worker keeps."""

    @contextmanager
    def opened() -> Iterator[Measure]:
        chance = Random(size)  # noqa: S311 - the same requests every time
        memo: Memo = {}
        editions = {inputs.AGREEMENT: shipped()[inputs.AGREEMENT].in_force(inputs.NOW)}

        def run() -> float:
            took = 0.0
            for first in range(0, _REQUESTS, size):
                jobs = [inputs.waiting(first + n, chance) for n in range(size)]
                market = inputs.market(chance)
                began = time.perf_counter()
                plan(jobs, market, editions, inputs.NOW, memo=memo if kept else {})
                took += time.perf_counter() - began
            return _REQUESTS / took

        yield run

    return opened


def _uncongested() -> Scenario:
    return inputs.uncongested(_TRACE)


def _replaying(
    trace: Callable[[], Scenario], *, sealed: bool
) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        scenario = trace()
        agreement = shipped()[inputs.AGREEMENT]

        def run() -> float:
            lines: list[str] = []
            shown = replay(scenario, agreement, sink=lines.append if sealed else None)
            return len(scenario.jobs) / shown.wall_s

        yield run

    return opened


@contextmanager
def _auditing() -> Iterator[Measure]:
    lines: list[str] = []
    replay(inputs.uncongested(_TRACE), shipped()[inputs.AGREEMENT], sink=lines.append)

    def run() -> float:
        began = time.perf_counter()
        found = audit(read_lines(lines))
        took = time.perf_counter() - began
        if found.breaches:
            raise RuntimeError(f"the log of the replay breaks a law: {found.breaches[0]}")
        return len(lines) / took

    yield run
