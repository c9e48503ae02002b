"""A worker is killed between two lines of a launch or of its end: others find out what it did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bad_days import BadDay, a_bad_day, leases, until_quiet
from tests.support.broker import work
from tests.support.clouds import CLOUDS
from tests.support.killing import Line

STEPS = ("broker/steps/asking.py", "broker/steps/outcome.py", "broker/steps/provision.py")
KILLS = 15
"""At how many lines, evenly spread, a worker is killed for each cloud; there are some hundreds."""


@pytest.fixture(scope="module", params=CLOUDS, ids=lambda kind: kind.name.value)
def day(request: pytest.FixtureRequest) -> Iterator[BadDay]:
    with a_bad_day(request.param) as one:
        yield one


def lived(day: BadDay, at: int | None) -> int:
    """One job is placed, lives and ends; returns how many lines its workers passed."""
    line = Line((*STEPS, f"providers/{day.kind.name}"), at)
    with day.broker() as broker:
        (job,) = broker.submit(work())
        with line.watched():
            broker.settle()
        until_quiet(broker)
        assert leases(broker) == day.machines(broker) == 1, f"{line.where}\n{day.told(broker)}"
        with line.watched():
            broker.cancel(job)
        until_quiet(broker)
        assert day.machines(broker) == leases(broker) == 0, f"{line.where}\n{day.told(broker)}"
        elsewhere = [c for name, c in broker.clouds.items() if name is not day.kind.name]
        assert not any(cloud.made for cloud in elsewhere), f"{line.where}\n{day.told(broker)}"
    assert (line.where == "") is (at is None)
    return line.passed


def test_wherever_a_worker_is_killed_there_is_one_machine_and_nobody_is_sent_elsewhere(
    day: BadDay,
) -> None:
    lived(day, None)  # what is made once, is made here
    lines = lived(day, None)
    assert lines > KILLS
    for kill in range(KILLS):
        lived(day, 1 + kill * lines // KILLS)
