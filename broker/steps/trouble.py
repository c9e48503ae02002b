"""Faults, and how a place tells that it has one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from broker.domain.events import PlaceTroubled
from broker.domain.market import Place
from broker.ports import Fault, FaultKind

OURS: Final = frozenset(
    {FaultKind.AUTH, FaultKind.INVALID, FaultKind.CONFLICT, FaultKind.UNKNOWN_CODE}
)
"""Faults that asking again soon does not mend."""


def troubled(place: Place, fault: Fault, until: datetime) -> PlaceTroubled:
    return PlaceTroubled(
        provider=place.provider,
        region=place.region,
        sku=place.sku,
        purchase=place.purchase,
        kind=fault.kind,
        code=fault.code,
        message=fault.message,
        until=until,
    )
