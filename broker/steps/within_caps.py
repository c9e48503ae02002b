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
from broker.domain.workload import Scope

CAP_RECHECK: Final = timedelta(seconds=30)
"""How soon a job is looked at again that a spend cap holds up."""


def within_caps(
    cases: Sequence[Case], decided: Sequence[tuple[Decision, ...]], purse: Purse
) -> list[tuple[Decision, ...]]:
    """The decisions, but a wait for what could not be paid for; no right is touched.

    What is decided of leases that live stands: nothing that runs is ended for a cap.
    """
    return [
        (*(one for one in decisions if not _asks_for_more(one)), _held_back(case, why))
        if any(map(_asks_for_more, decisions)) and (why := purse.used_up(case.job.workload.tenant))
        else decisions
        for case, decisions in zip(cases, decided, strict=True)
    ]


def _asks_for_more(decision: Decision) -> bool:
    if isinstance(decision, Commit):
        return decision.renews is None
    if isinstance(decision, AcceptStanding):
        decision = decision.offer
    if isinstance(decision, PutOffer):
        return decision.scope is not Scope.RENEWAL
    return isinstance(decision, ReleaseStanding)


def _held_back(case: Case, why: str) -> Wait:
    waiting = case.job.in_state(UnitState.PENDING, UnitState.RELEASED)
    return Wait(until=case.now + CAP_RECHECK, because=why, held=waiting)
