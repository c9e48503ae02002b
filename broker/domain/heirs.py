"""What is to follow a lease while it lives: begun, bound, and given up again.

A unit whose lease is to be renewed, or asked back, gets an heir: a unit of the same number that is
offered, released and committed as any other. The unit itself stays active, and is migrating from
the moment a machine is prepared elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.job import Claim, Unit, UnitState, Why
from broker.domain.machine import Machine


def beget(case: Case, index: int, claim: Claim) -> None:
    """T27, or the first half of T24: a successor is sought while the lease lives."""
    unit = case.job.units[index]
    case.put_unit(altered(unit, heir=Unit(index=index, epoch=unit.epoch, claim=claim)))


def leased(case: Case, unit: Unit) -> Machine | None:
    """The machine of the unit's lease."""
    if unit.lease is None:
        return None
    return next((m for m in case.machines.values() if m.lease == unit.lease), None)


def bind(case: Case, units: Iterable[int]) -> None:
    """T24: their heirs are committed, so machines are prepared while the leases live."""
    for index in units:
        unit = case.job.units[index]
        heir = unit.heir
        if heir is None or heir.claim is None or heir.commitment is None or unit.lease is None:
            continue
        if case.now < heir.claim.begins_at:
            continue
        case.move_leased(index, UnitState.MIGRATING)
        case.tell(
            events.MigrationBegun(
                job=case.job.id,
                unit=index,
                lease=unit.lease,
                commitment=heir.commitment,
                why=heir.claim.why,
            )
        )


def stay(case: Case, units: Iterable[int], why: str) -> None:
    """T26: nothing comes of the move; what lives goes on, and a reclaim is over with it."""
    for index in units:
        unit = case.job.units[index]
        heir = unit.heir
        if heir is None or heir.claim is None or unit.lease is None:
            continue  # a lease that was fenced is over; its heir takes its place as it is
        reclaim = heir.claim.why is Why.RECLAIM
        if reclaim:
            case.put_unit(altered(unit, heir=None))
        if unit.state is UnitState.MIGRATING:
            case.move_leased(index, UnitState.ACTIVE)
        if reclaim or unit.state is UnitState.MIGRATING:
            case.tell(
                events.MigrationAborted(job=case.job.id, unit=index, lease=unit.lease, why=why)
            )
