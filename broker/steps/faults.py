"""What kinds of faults have in common."""

from __future__ import annotations

from typing import Final

from broker.domain.place import Reach
from broker.ports import Fault, FaultKind

PASSING: Final = frozenset({FaultKind.TRANSIENT, FaultKind.UNREACHABLE})
"""Faults of a bad day: the same order is put again, and soon."""


def everywhere(fault: Fault) -> bool:
    """Whether no other place would do better: a cap of all, or of the tenant."""
    return fault.kind is FaultKind.SPEND_CAP and fault.reach is Reach.PLACE


def of_one_job(fault: Fault) -> bool:
    """Whether it says nothing of the place: the job's own wish, or what may be spent."""
    return fault.kind is FaultKind.BAD_WISH or everywhere(fault)
