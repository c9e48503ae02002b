"""What a comparison wants to know of a replay beyond its figures, heard from its facts."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from broker.domain import events as f
from broker.domain.event import Event
from broker.domain.market import Place
from broker.domain.values import CommitmentId, JobId, LeaseId, ProviderName, Purchase
from broker.domain.workload import Limits, Shape

MOST_BUCKETS: Final = 96
FIRST_WIDTH_S: Final = 60.0
_NAMES: Final = tuple(name.value for name in ProviderName)


@dataclass(slots=True)
class Buckets:
    """GPU-seconds by provider over time, in equal stretches; whatever the length, few of them."""

    width_s: float = FIRST_WIDTH_S
    rows: list[dict[str, float]] = field(default_factory=list)

    def add(self, provider: str, from_s: float, to_s: float, gpus: float) -> None:
        while to_s > self.width_s * MOST_BUCKETS:
            self._halve()
        at = from_s
        while at < to_s:
            index = int(at // self.width_s)
            until = min(to_s, (index + 1) * self.width_s)
            while len(self.rows) <= index:
                self.rows.append(dict.fromkeys(_NAMES, 0.0))
            self.rows[index][provider] += gpus * (until - at)
            at = until

    def until(self, share: float) -> int:
        """How many of the rows hold that share of all GPU-seconds."""
        sums = [sum(row.values()) for row in self.rows]
        whole, seen = sum(sums), 0.0
        for count, one in enumerate(sums, start=1):
            seen += one
            if seen >= whole * share:
                return count
        return len(sums)

    def _halve(self) -> None:
        pairs = [self.rows[at : at + 2] for at in range(0, len(self.rows), 2)]
        self.rows = [{name: sum(row[name] for row in pair) for name in _NAMES} for pair in pairs]
        self.width_s *= 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Units that ran together at one place: a gang whole, else one unit."""

    units: int
    shape: Shape
    limits: Limits
    submitted_s: float
    place: Place
    starts_s: float
    lasts_s: float


@dataclass(slots=True)
class _Job:
    said: f.JobSubmitted
    submitted_s: float
    bought: dict[int, Place] = field(default_factory=dict)
    leased: dict[int, tuple[float, LeaseId]] = field(default_factory=dict)
    bought_as: list[CommitmentId] = field(default_factory=list)
    full: bool = False


@dataclass(slots=True)
class Observer:
    """Hears every fact. `runs`, one for each gang or unit, are only kept where they are wanted."""

    start: datetime
    gpus_of: Mapping[Place, int]
    keeps_runs: bool = False
    waits_s: array[float] = field(default_factory=lambda: array("d"))
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By provider and reason."""
    usage: Buckets = field(default_factory=Buckets)
    runs: list[Run] = field(default_factory=list)
    _jobs: dict[JobId, _Job] = field(default_factory=dict)
    _places: dict[CommitmentId, Place] = field(default_factory=dict)

    def hear(self, event: Event, at: datetime) -> None:
        match event:
            case f.JobSubmitted(job=job):
                self._jobs[job] = _Job(event, self._seconds(at))
            case f.PlaceRefused(provider=provider, reason=reason):
                self.refusals[provider, reason] += 1
            case f.OfferLapsed():
                self.refusals[ProviderName.AZURE.value, "lapsed"] += 1
            case f.ThirdPartyCommitted() | f.HolderCommitted():
                place = Place(
                    ProviderName(event.provider), event.region, event.sku, Purchase(event.purchase)
                )
                self._places[event.commitment] = place
                self._jobs[event.job].bought_as.append(event.commitment)
            case f.JobCancelled(job=job) | f.JobUnmet(job=job):
                if job in self._jobs and not self._jobs[job].leased:
                    self._forget(job)
            case f.CommitmentFailed(commitment=commitment):
                self._places.pop(commitment, None)
            case f.LeaseActivated():
                self._activated(event, self._seconds(at))
            case f.LeaseEnded():
                self._ended(event, self._seconds(at))
            case _:
                pass

    def _seconds(self, at: datetime) -> float:
        return (at - self.start).total_seconds()

    def _activated(self, event: f.LeaseActivated, at_s: float) -> None:
        job = self._jobs[event.job]
        job.bought[event.unit] = self._places[event.commitment]
        job.leased[event.unit] = (at_s, event.lease)
        if not job.full and len(job.bought) == job.said.units:
            job.full = True
            self.waits_s.append(at_s - job.submitted_s)

    def _ended(self, event: f.LeaseEnded, at_s: float) -> None:
        job = self._jobs[event.job]
        began_s, lease = job.leased[event.unit]
        if lease != event.lease:
            return
        place = job.bought[event.unit]
        self.usage.add(event.provider, began_s, at_s, self.gpus_of.get(place, 0))
        del job.leased[event.unit]
        whole = job.full and not job.leased
        if self.keeps_runs and not (job.said.gang and not whole):
            self.runs.append(_run(job, place, began_s, at_s))
        if whole:
            self._forget(event.job)

    def _forget(self, job: JobId) -> None:
        for commitment in self._jobs.pop(job).bought_as:
            self._places.pop(commitment, None)

    @property
    def mean_wait_s(self) -> float | None:
        return sum(self.waits_s) / len(self.waits_s) if self.waits_s else None


def _run(job: _Job, place: Place, began_s: float, ended_s: float) -> Run:
    said = job.said
    return Run(
        units=said.gang or 1,
        shape=said.shape,
        limits=Limits(
            regions=said.terms.regions or (),
            exclude=tuple(ProviderName(name) for name in said.exclude),
        ),
        submitted_s=job.submitted_s,
        place=place,
        starts_s=began_s,
        lasts_s=ended_s - began_s,
    )
