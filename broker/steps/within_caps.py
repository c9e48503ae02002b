"""Hold jobs back whose tenant has nothing left to spend, before anybody is asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from broker.domain.caps import Purse
from broker.domain.case import Case
from broker.domain.decision import (
    AcceptStanding,
    Commit,
    Decision,
    PutOffer,
    ReleaseStanding,
    Wait,
)
from broker.domain.job import UnitState

CAP_RECHECK: Final = timedelta(seconds=30)
"""How soon a job is looked at again that a spend cap holds up."""
_ASKING: Final = (PutOffer, Commit, AcceptStanding, ReleaseStanding)


def within_caps(
    cases: Sequence[Case], decided: Sequence[tuple[Decision, ...]], purse: Purse
) -> list[tuple[Decision, ...]]:
    """The decisions, but a wait for each job that could not be paid for; no right is touched."""
    return [
        (_held_back(case, why),)
        if any(isinstance(decision, _ASKING) for decision in decisions)
        and (why := purse.used_up(case.job.workload.tenant))
        else decisions
        for case, decisions in zip(cases, decided, strict=True)
    ]


def _held_back(case: Case, why: str) -> Wait:
    waiting = case.job.in_state(UnitState.PENDING, UnitState.RELEASED)
    return Wait(until=case.now + CAP_RECHECK, because=why, held=waiting)
