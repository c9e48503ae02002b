"""Lines: jobs that ask for just the same wait one behind the other.

When every place that a job may be asked for is shut, the first of its line asks again as soon as
one opens, and the others are left alone until the first was served. So the cost of waiting does not
grow with the number that wait. Nothing is offered, released or decided for a job that only stands
in line; its own turn comes in the order of priority and age.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2s
from typing import Final, TypeAlias

from broker.domain.values import JobId
from broker.domain.workload import SpotUse, Workload

Rank: TypeAlias = tuple[int, datetime, JobId]
"""Orders jobs: higher priority first (it is negated), then age, then id."""
Heads: TypeAlias = Mapping[str, Rank]
"""The first stuck job of each line."""

SERVED_WAKES: Final = 2
"""How many of a line get their turn when one was served: 1, 2, 4 and so on while stock lasts."""
LOOK_UP_AT_LAST: Final = timedelta(hours=1)
"""When a job in line is first looked at although nobody called it."""


def line_of(agreement: str, work: Workload) -> str:
    """The line of a job: 16 hex digits from all that placement decides by."""
    limits, shape = work.limits, work.shape
    asked = (
        agreement,
        work.work_class.value,
        sorted(work.tags),
        (shape.accelerators, shape.gpus, shape.cpus, shape.memory_gib),
        (limits.regions, [name.value for name in limits.exclude], str(limits.max_price_usd_hour)),
        work.units if work.gang else 0,
        *([] if limits.spot is SpotUse.NEVER else [limits.spot.value]),
    )
    return blake2s(repr(asked).encode(), digest_size=8).hexdigest()


def looks_up_at(submitted_at: datetime, now: datetime) -> datetime:
    """When a job in line is looked at although nobody called it: after as long as it has waited.

    So it is looked at a few times, however long it waits; new jobs of its line soon find out
    whether anybody heads it.
    """
    return now + max(LOOK_UP_AT_LAST, now - submitted_at)
