"""Faults planted where one lease follows another: the notice, the fence, what comes after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from broker.domain import succession
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.events import LeaseFenced, MigrationBegun
from broker.domain.job import Unit, Why
from broker.domain.machine import Machine
from broker.domain.renewing import Leases
from broker.steps import run
from tests.fuzz import directed_leases
from tests.fuzz.planted import Bend, Plant, also, told_as, wrapped


def _without_notice(unit: Unit, now: datetime) -> Unit:
    heir = unit.heir
    if heir is None or heir.claim is None or heir.claim.why is not Why.RECLAIM:
        return unit
    return altered(unit, heir=altered(heir, claim=heir.claim._replace(begins_at=now)))


def _decided_early(sought: Callable[..., Any]) -> Callable[..., Any]:
    def bent(self: Leases, unit: Unit, _: Unit, pending: list[Unit]) -> None:
        early = _without_notice(unit, self.now)
        sought(self, unit, early.heir, pending)

    return bent


def _bound_early(bind: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, units: tuple[int, ...]) -> None:
        for index in units:
            case.put_unit(_without_notice(case.job.units[index], case.now))
        bind(case, units)

    return bent


def _whoever_reports(started: Callable[..., Any]) -> Callable[..., Any]:
    """A command counts as started whether or not the lease it runs under was fenced."""

    def bent(case: Case, machine: Machine) -> None:
        lease = case.job.units[machine.unit].lease
        case.put_unit(altered(case.job.units[machine.unit], lease=machine.lease))
        started(case, machine)
        case.put_unit(altered(case.job.units[machine.unit], lease=lease))

    return bent


_DECIDED_EARLY: Final[Bend] = wrapped([(Leases, "_sought")], _decided_early)

PLANTS: Final = tuple(
    Plant(name=name, law=law, bend=bend, story=story)
    for name, law, bend, story in (
        (
            "lease never fenced",
            "I5",
            told_as(LeaseFenced, lambda _: None),
            directed_leases.a_unit_is_asked_back,
        ),
        (
            "machine prepared within the notice",
            "I29",
            _DECIDED_EARLY,
            directed_leases.a_sibling_breaks_within_the_notice,
        ),
        (
            "unit moved within the notice",
            "I29",
            also(_DECIDED_EARLY, wrapped([(succession, "bind")], _bound_early)),
            directed_leases.a_sibling_breaks_within_the_notice,
        ),
        (
            "move that was never begun",
            "I29",
            told_as(MigrationBegun, lambda _: None),
            directed_leases.a_unit_is_asked_back,
        ),
        (
            "fenced command counts as started",
            "I30",
            wrapped([(run, "started")], _whoever_reports),
            directed_leases.a_fenced_agent_starts_late,
        ),
    )
)
