"""Where the seconds of waiting went: to the window, to a default, to shortage, to the machines.

A job waits from its submission until its last unit has a lease. Every instant of that is put down
to one cause, the first of these that holds for any of its units:

* `window`: an offer is open and the holder has not answered yet;
* `holder_default`: the holder accepted and did not deliver, from its acceptance on;
* `third_party_shortage`: released, and no third party has taken it;
* `provisioning`: bought, and the machine is not there yet;
* `in_line`: nothing is asked, because every place that may be asked is known to be full.

So the causes of a job add up to its wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Final

from broker.domain import events as f
from broker.domain.event import Event
from broker.domain.values import CommitmentId, JobId, OfferId

CAUSES: Final = (
    "window",
    "holder_default",
    "third_party_shortage",
    "provisioning",
    "in_line",
)


class _Unit(IntEnum):
    """What a unit waits for; the least of its units' is what a job waits for."""

    OFFERED = 0
    ACCEPTED = 1
    RELEASED = 2
    BOUGHT = 3
    PENDING = 4
    ACTIVE = 5


_CAUSE: Final = {
    _Unit.OFFERED: "window",
    _Unit.ACCEPTED: "provisioning",
    _Unit.RELEASED: "third_party_shortage",
    _Unit.BOUGHT: "provisioning",
    _Unit.PENDING: "in_line",
}


def _nothing() -> dict[str, float]:
    return dict.fromkeys(CAUSES, 0.0)


@dataclass(slots=True)
class _Waiting:
    units: list[_Unit]
    since: datetime
    lost: dict[str, float] = field(default_factory=_nothing)
    accepted: float = 0
    """Seconds waited under an acceptance that may yet turn out to be a default."""
    offers: list[OfferId] = field(default_factory=list)
    bought: list[CommitmentId] = field(default_factory=list)


@dataclass(slots=True)
class Delays:
    """Hears every fact of a log, and keeps only the jobs that still wait."""

    seconds: dict[str, float] = field(default_factory=_nothing)
    _jobs: dict[JobId, _Waiting] = field(default_factory=dict)
    _offers: dict[OfferId, tuple[JobId, tuple[int, ...]]] = field(default_factory=dict)
    _bought: dict[CommitmentId, bool] = field(default_factory=dict)
    """Of each open commitment, whether its units are to be released when it fails."""

    def hear(self, event: Event, at: datetime) -> None:  # noqa: C901, PLR0912 - one case a fact
        match event:
            case f.JobSubmitted(job=job, units=count):
                self._jobs[job] = _Waiting([_Unit.PENDING] * count, at)
            case f.OfferIssued(offer=offer, job=job, units=units):
                if job in self._jobs:
                    self._jobs[job].offers.append(offer)
                    self._offers[offer] = (job, units)
                self._turn(job, units, _Unit.OFFERED, at)
            case f.OfferAccepted(offer=offer, units=units):
                self._answered(offer, units, _Unit.ACCEPTED, at)
            case f.HolderDefaulted(offer=offer, units=units):
                self._answered(offer, units, _Unit.PENDING, at)
                self._blame(offer)
            case f.OfferRefused(offer=offer, units=units) | f.OfferLapsed(offer=offer, units=units):
                self._answered(offer, units, _Unit.PENDING, at)
            case f.OfferWithdrawn(offer=offer):
                self._answered(offer, None, _Unit.PENDING, at)
            case f.UnitsReleased(job=job, units=units):
                self._turn(job, units, _Unit.RELEASED, at)
            case f.ReleaseExpired(job=job, units=units):
                self._turn(job, units, _Unit.PENDING, at)
            case f.ThirdPartyCommitted(job=job, units=units, commitment=commitment):
                if job in self._jobs:
                    self._jobs[job].bought.append(commitment)
                    self._bought[commitment] = event.basis not in ("free", "carve_out")
                self._turn(job, units, _Unit.BOUGHT, at)
            case f.HolderCommitted(job=job, units=units, offer=offer):
                if offer is None:
                    self._turn(job, units, _Unit.BOUGHT, at)
            case f.CommitmentFailed(job=job, units=units, commitment=commitment):
                released = self._bought.pop(commitment, False)
                self._turn(job, units, _Unit.RELEASED if released else _Unit.PENDING, at)
            case f.LeaseActivated(job=job, unit=unit, commitment=commitment):
                self._bought.pop(commitment, None)
                self._turn(job, (unit,), _Unit.ACTIVE, at)
            case f.JobCancelled(job=job) | f.JobUnmet(job=job):
                self._forget(job)
            case _:
                pass

    def _answered(
        self, offer: OfferId, units: tuple[int, ...] | None, to: _Unit, at: datetime
    ) -> None:
        """Of an offer whose job still waits; None is all that was offered."""
        known = self._offers.get(offer)
        if known is not None:
            self._turn(known[0], known[1] if units is None else units, to, at)

    def _turn(self, job: JobId, units: Iterable[int], to: _Unit, at: datetime) -> None:
        waiting = self._jobs.get(job)
        if waiting is None:
            return
        least = min(waiting.units)
        spent = (at - waiting.since).total_seconds()
        if spent:
            waiting.lost[_CAUSE[least]] += spent
            if least is _Unit.ACCEPTED:
                waiting.accepted += spent
            waiting.since = at
        for unit in units:
            if unit < len(waiting.units) and waiting.units[unit] is not _Unit.ACTIVE:
                waiting.units[unit] = to
        if min(waiting.units) is _Unit.ACTIVE:
            for cause, lost in waiting.lost.items():
                self.seconds[cause] += lost
            self._forget(job)

    def _forget(self, job: JobId) -> None:
        waiting = self._jobs.pop(job, None)
        if waiting is not None:
            for offer in waiting.offers:
                self._offers.pop(offer, None)
            for commitment in waiting.bought:
                self._bought.pop(commitment, None)

    def _blame(self, offer: OfferId) -> None:
        """What was waited under the acceptance was lost to the default."""
        known = self._offers.get(offer)
        waiting = self._jobs.get(known[0]) if known is not None else None
        if waiting is not None:
            waiting.lost["provisioning"] -= waiting.accepted
            waiting.lost["holder_default"] += waiting.accepted
            waiting.accepted = 0

    def figures(self) -> dict[str, int]:
        """Whole seconds by cause, summed over the jobs that were placed."""
        return {cause: round(self.seconds[cause]) for cause in CAUSES}
