"""One history: performed, laid to rest, and judged by its log alone."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from broker.domain.case import Case
from broker.domain.chain import Fact
from broker.domain.job import UnitState
from broker.domain.laws.audit import Report, audit
from broker.domain.machine import MachineState
from tests.fuzz.actions import Action
from tests.fuzz.deeds import perform
from tests.fuzz.world import PEOPLE, NeverRests, World, a_world


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a history."""

    report: Report
    facts: Sequence[Fact]
    surprise: str = ""
    """What a step raised that no step may raise; or what is left over when all is at rest."""
    trace: str = ""
    happened: Counter[str] = field(default_factory=Counter)
    tale: Sequence[tuple[int, datetime, str]] = ()

    @property
    def good(self) -> bool:
        return self.report.holds and not self.surprise

    @property
    def broken(self) -> frozenset[str]:
        """The laws that are broken, and `surprise` for what is none."""
        laws = {breach.law for breach in self.report.breaches}
        return frozenset(laws | ({"surprise"} if self.surprise else set()))


def judged(
    actions: Sequence[Action], sqlite: str | None = None, *, telling: bool = False
) -> Verdict:
    """Perform a history, lay it to rest, and have its log audited."""
    return lived(partial(_perform, actions), sqlite, telling=telling)


def _perform(actions: Sequence[Action], world: World) -> None:
    for action in actions:
        perform(world, action)


def lived(
    live: Callable[[World], object], sqlite: str | None = None, *, telling: bool = False
) -> Verdict:
    """The same for whatever happens in a world."""
    surprise = trace = ""
    with a_world(sqlite, telling=telling) as world:
        try:
            live(world)
            world.say("From now on everybody is honest and nothing is lost; two hours pass.")
            world.rest()
            surprise = _left_over(world)
        except Exception as broken:  # noqa: BLE001 - whatever a step raises is a finding
            surprise = f"{type(broken).__name__}: {broken}"
            trace = "" if isinstance(broken, NeverRests) else traceback.format_exc(limit=-8)
        facts = list(world.facts())
    return Verdict(
        report=audit(facts),
        facts=facts,
        surprise=surprise,
        trace=trace,
        happened=world.happened,
        tale=world.tale,
    )


def _left_over(world: World) -> str:
    """What should not be there any more: machines nobody has, jobs that wait beside free places."""
    known = {machine.name: machine for machine in world.machines()}
    for cloud in world.clouds.values():
        for name in sorted(cloud.there):
            machine = known.get(name)
            if machine is None:
                return f"{cloud.name} runs {name}, and nobody here knows of it"
            if machine.lease is None and machine.state is MachineState.RUNNING:
                return f"{cloud.name} runs {name} for {machine.job}, and nobody has leased it"
    with world.quietly() as store, store.transaction() as tx:
        cases = tx.cases(world.jobs)
    return next(filter(None, map(_waits_in_vain, cases.values())), "")


def _waits_in_vain(case: Case) -> str:
    """What is wrong with a job that is not over although there is room for all."""
    job, work = case.job, case.job.workload
    waiting = [u.index for u in job.units if u.state not in (UnitState.ACTIVE, UnitState.DONE)]
    if job.state.over or not waiting or work.limits.max_price_usd_hour is not None:
        return ""  # nobody may sell at its price
    looked_at = [job.due_at, *(offer.due_at for offer in case.offers.values())]
    looked_at += [machine.due_at for machine in case.machines.values()]
    if not any(looked_at):
        return f"nobody will ever look at {job.id} again, and its units {waiting} wait"
    if work.tenant in PEOPLE:
        return ""  # its desk is silent
    states = ", ".join(job.units[index].state for index in waiting)
    return f"{job.id} still waits with units {waiting} ({states}) though there is room"
