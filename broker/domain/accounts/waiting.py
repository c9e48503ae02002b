"""What a unit or a job has waited so far, and for what."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final, TypeAlias

from broker.domain.accounts.shortage import NO_FIT, Cause, Need
from broker.domain.values import RefusalReason

Split: TypeAlias = dict[Cause, timedelta]
"""Waiting time by cause; a cause that took none is not there."""

NOTHING: Final = timedelta()
_REFUSALS: Final = frozenset(RefusalReason)


class Is(IntEnum):
    PENDING = 0
    OFFERED = 1
    ACCEPTED = 2
    RELEASED = 3
    BOUGHT = 4
    ACTIVE = 5
    OVER = 6


class Waiting:
    __slots__ = ("blame", "epoch", "follows", "owed", "since", "split", "state")

    def __init__(self, since: datetime) -> None:
        self.state, self.since = Is.PENDING, since
        self.split: Split = {}
        self.owed = NOTHING
        """Waited under an acceptance that may yet turn out to be a default."""
        self.epoch = 0
        self.blame: Cause | None = None
        """Why it is pending again, where a fact said so."""
        self.follows: Is | None = None
        """What it is at once its lease is over, where a machine is prepared to follow it."""


class WaitingJob:
    __slots__ = ("asked", "bought", "counted", "need", "offers", "placed", "units", "waiting")

    def __init__(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        self.units = {index: Waiting(at) for index in range(said.units)}
        self.waiting = said.units
        """How many of them have no lease, and may yet have one."""
        self.asked = said
        self.need: Need | None = None
        self.offers: list[str] = []
        self.bought: list[str] = []
        self.counted: Split = {}
        self.placed = False


def with_owed(job: WaitingJob) -> Split:
    """The split of the unit that waited longest; what it is owed counts as on its way."""
    splits = []
    for unit in job.units.values():
        split = dict(unit.split)
        if unit.owed:
            put(split, Cause.PROVISIONING, unit.owed)
        splits.append(split)
    return max(splits, key=lambda split: sum(split.values(), NOTHING), default={})


def blamed(reason: str) -> Cause | None:
    """What a refusal is put down to; None: it was no refusal."""
    return NO_FIT.get(reason, Cause.CAPACITY) if reason in _REFUSALS else None


def put(split: Split, cause: Cause, spent: timedelta) -> None:
    if spent:
        split[cause] = split.get(cause, NOTHING) + spent
