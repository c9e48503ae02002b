"""One call of a launch breaks off, at any byte: in the end there are as many machines as leases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.emulators.breaks import Break, How, Stage
from tests.support.bad_days import BadDay, Exchange, a_bad_day, bought, leases, until_quiet
from tests.support.clouds import CLOUDS

CUTS = 4
"""At how many bytes of each answer it is broken off, beside the first and the last."""
EACH = 4
"""One of so many of the ways is taken; 1 takes all of them, which is ten minutes' work."""


@pytest.fixture(scope="module", params=CLOUDS, ids=lambda kind: kind.name.value)
def day(request: pytest.FixtureRequest) -> Iterator[BadDay]:
    with a_bad_day(request.param) as one:
        yield one


def lived(day: BadDay, wrong: Break | None) -> list[Exchange]:
    """One job is placed, lives and ends; returns the calls that its cloud was asked."""
    day.wire.seen.clear()
    with day.broker() as broker:
        if wrong is not None:
            day.cloud.faults.add(wrong)
        job = bought(broker)
        until_quiet(broker)
        assert leases(broker) == day.machines(broker) == 1, f"{wrong}\n{day.told(broker)}"
        broker.cancel(job)
        until_quiet(broker)
        assert day.machines(broker) == leases(broker) == 0, f"{wrong}\n{day.told(broker)}"
        assert len(broker.facts("LeaseActivated")) == 1
        elsewhere = [c for name, c in broker.clouds.items() if name is not day.kind.name]
        assert not any(cloud.made for cloud in elsewhere), f"{wrong}\n{day.told(broker)}"
    day.cloud.faults.calm()
    return list(day.wire.seen)


def breaks(calls: list[Exchange]) -> Iterator[Break]:
    """Every stage of every call that is not like another; the ways it breaks take turns."""
    ways = (How.RESET, How.CUT, How.HANG)
    for number, call in enumerate(calls):
        if call in calls[:number]:
            continue
        yield Break(how=How.RESET, stage=Stage.CONNECT, passing=number)
        yield Break(how=How.HANG, stage=Stage.CONNECT, passing=number)
        for turn, byte in enumerate((1, call.asked // 2)):
            yield Break(how=ways[turn], stage=Stage.REQUEST, byte=byte, passing=number)
        for stage in (Stage.BEFORE, Stage.AFTER):
            for how in ways:
                yield Break(how=how, stage=stage, passing=number)
        step = max(1, call.answered // CUTS)
        cuts = [1, 12, *range(step, call.answered, step), call.answered - 1]
        for turn, byte in enumerate(cuts):
            way = ways[(turn + number) % len(ways)]
            yield Break(how=way, stage=Stage.ANSWER, byte=byte, passing=number)


def test_wherever_a_call_breaks_off_there_is_one_machine_and_nobody_is_sent_elsewhere(
    day: BadDay,
) -> None:
    calls = lived(day, None)
    assert len(calls) > 3
    for wrong in list(breaks(calls))[::EACH]:
        lived(day, wrong)
