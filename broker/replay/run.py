"""Replay a scenario: the real steps, one instant after another."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Final

from broker.domain.agreement import Agreement
from broker.domain.event import Event
from broker.domain.lease import exited, started
from broker.domain.values import JobId, ProviderName
from broker.replay.report import Tally
from broker.replay.traces import Scenario, TraceJob
from broker.replay.world import CountingIds, DeskHabit, StockProvider, VirtualClock
from broker.steps.keeping import keep
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.provision import provision
from broker.steps.record import record_editions, record_prices
from broker.steps.rulebook import Rulebook
from broker.steps.submit import Submission, submit_jobs
from broker.store.memory import MemoryStore
from broker.store.memory_log import MemoryLog

START: Final = datetime(2025, 6, 1, tzinfo=UTC)
"""Where a replay begins if its agreement does not say otherwise."""
QUIET: Final = timedelta(hours=6)
"""After the last submission, end and change of stock; what is unplaced then stays so."""


@dataclass(frozen=True, slots=True)
class Replayed:
    figures: dict[str, Any]
    wall_s: float


def replay(
    scenario: Scenario,
    agreement: Agreement,
    *,
    start: datetime = START,
    habit: DeskHabit | None = None,
    sink: Callable[[str], object] | None = None,
    progress: Callable[[int], object] | None = None,
    ear: Callable[[Event, datetime], object] | None = None,
) -> Replayed:
    """Run every job of the scenario under one agreement; `sink` takes each sealed line.

    An `ear` hears every fact with its instant, beside the tally that the figures are made of.
    """
    running = _Replay(scenario, agreement, start, habit or DeskHabit(), sink, progress)
    if ear is not None:
        running.log.also_tell(ear)
    return running.run()


class _Replay:
    def __init__(
        self,
        scenario: Scenario,
        agreement: Agreement,
        start: datetime,
        habit: DeskHabit,
        sink: Callable[[str], object] | None,
        progress: Callable[[int], object] | None,
    ) -> None:
        self.scenario, self.progress = scenario, progress
        self.clock, self.ids = VirtualClock(start), CountingIds()
        places = {pool.place: pool.gpus for pool in scenario.pools}
        self.tally = Tally(places)
        self.log = MemoryLog(sink=sink, kept=False, ear=self.tally.hear)
        self.store = MemoryStore(self.clock, self.ids, log=self.log, forget=True)
        self.rules = Rulebook(
            agreements={agreement.name: agreement},
            default_agreement=agreement.name,
            pools=scenario.pools,
            slow_start=habit.at_once,
        )
        self.providers: Mapping[ProviderName, StockProvider] = {
            name: StockProvider(
                name, scenario.stock, self.clock, habit if name is ProviderName.AZURE else None
            )
            for name in sorted({pool.place.provider for pool in scenario.pools})
        }
        self.clouds = [
            (n, cloud, self.store.due_machines[n]) for n, cloud in self.providers.items()
        ]
        self.coming = iter(scenario.jobs)
        self.next_job = next(self.coming, None)
        self.next_at = self._comes_at(self.next_job)
        self.submitted, self.submitted_at = 0, start
        """How many jobs came, and when the last of them did."""
        self.ends: list[tuple[datetime, JobId]] = []
        self.run_s: dict[JobId, float] = {}
        self.waiting_units: dict[JobId, int] = {}

    def run(self) -> Replayed:
        with _uncollected():
            return self._run()

    def _run(self) -> Replayed:
        began = time.perf_counter()
        record_editions(self.store, self.rules.agreements.values())
        record_prices(self.store, self.rules.pools)
        last_change = self._at(
            max(
                (change for series in self.scenario.stock.values() for change in series.changes()),
                default=0.0,
            )
        )
        while (at := self._next()) is not None:
            self.clock.at = at
            coming = self.next_job is not None or self.ends
            if not coming and at > max(last_change, self.submitted_at) + QUIET:
                break
            self._submit(at)
            self._end_runs(at)
            self._settle()
        return Replayed(self.tally.figures(), time.perf_counter() - began)

    def _next(self) -> datetime | None:
        soonest = self.store.next_due()
        if self.ends and (soonest is None or self.ends[0][0] < soonest):
            soonest = self.ends[0][0]
        if self.next_at is not None and (soonest is None or self.next_at < soonest):
            soonest = self.next_at
        return None if soonest is None else max(soonest, self.clock.at)

    def _at(self, seconds: float) -> datetime:
        return self.clock.start + timedelta(seconds=seconds)

    def _comes_at(self, job: TraceJob | None) -> datetime | None:
        return None if job is None else self._at(job.submit_s)

    def _submit(self, now: datetime) -> None:
        jobs: list[TraceJob] = []
        while self.next_job is not None and self.next_at is not None and self.next_at <= now:
            jobs.append(self.next_job)
            self.next_job = next(self.coming, None)
            self.next_at = self._comes_at(self.next_job)
        if not jobs:
            return
        ids = submit_jobs(
            [Submission(workload=job.workload) for job in jobs], self.store, self.rules, self.ids
        )
        for name, job in zip(ids, jobs, strict=True):
            self.run_s[name] = job.run_s
            self.waiting_units[name] = job.workload.units
        self.submitted += len(jobs)
        self.submitted_at = self._at(jobs[-1].submit_s)
        if self.progress:
            self.progress(self.submitted)

    def _settle(self) -> None:
        """Every step that is due at this instant, until none is."""
        while self._is_any_done():
            self._start_runs()

    def _is_any_done(self) -> bool:
        store, now, done = self.store, self.clock.at, 0
        if store.due_jobs.is_due(now):
            done += place_round(store, self.rules)
        if store.due_offers.is_due(now):
            done += put_offers(store, self.rules)
        for name, provider, queue in self.clouds:
            if queue.is_due(now):
                done += provision(name, provider, store, self.rules)
        return done > 0

    def _start_runs(self) -> None:
        whole = []
        for job, _ in self.tally.activated:
            self.waiting_units[job] -= 1
            if self.waiting_units[job] == 0:
                whole.append(job)
        self.tally.activated.clear()
        if not whole:
            return
        with self.store.transaction() as tx:
            cases = tx.cases(whole)
            for job, case in cases.items():
                for machine in list(case.machines.values()):
                    if machine.lease is not None:
                        started(case, machine)
                del self.waiting_units[job]
                ends_s = self.clock.seconds() + self.run_s.pop(job)
                heappush(self.ends, (self._at(ends_s), job))
            keep(tx, cases.values())

    def _end_runs(self, now: datetime) -> None:
        over = []
        while self.ends and self.ends[0][0] <= now:
            over.append(heappop(self.ends)[1])
        if not over:
            return
        with self.store.transaction() as tx:
            cases = tx.cases(over)
            for case in cases.values():
                for machine in list(case.machines.values()):
                    if machine.lease is not None:
                        exited(case, machine, 0)
            keep(tx, cases.values())


@contextmanager
def _uncollected() -> Iterator[None]:
    """A replay makes no cycles: what is over is freed at once, and a collector looks in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
