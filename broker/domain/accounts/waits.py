"""The wait of every job, each second of it put down to one cause, from facts alone.

A unit waits from its submission until it is leased, and again from the loss of its machine, or from
the fence of its lease, until it is leased anew. While it has a lease it waits for nothing: that its
renewal is offered, answered or bought meanwhile costs it no time. A job waits as long as the unit
of it that waited longest: without losses, from its submission to the lease of the unit that was
placed last. The causes of a unit add up to its wait exactly, and so do those of a job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from broker.domain.accounts.said import Said, when
from broker.domain.accounts.shortage import Cause, Shortage, amended_need, need_of
from broker.domain.accounts.waiting import (
    NOTHING,
    Is,
    Split,
    Waiting,
    WaitingJob,
    blamed,
    put,
    with_owed,
)
from broker.domain.chain import Fact
from broker.domain.event import Event
from broker.domain.values import instant

_LOST: Final = frozenset({"lost", "preempted", "regrouped"})


class Waits:
    """Hears every fact of a log, or of one job and the places it may have.

    `totals` adds up the waits of the jobs that were placed whole. Memory is bounded by what is
    open, and by the outages there were; a job that is named is remembered when it is over.
    """

    def __init__(self, kept: str | None = None) -> None:
        self._kept = kept
        self.totals: Split = {}
        self._jobs: dict[str, WaitingJob] = {}
        self._offers: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._released: dict[str, bool] = {}
        """Of each open commitment, whether its units were released when it was made."""
        self._outages: list[tuple[datetime, datetime]] = []
        self._shortage = Shortage()
        self._hears: Final[Mapping[str, Callable[[Any, datetime], None]]] = {
            "JobSubmitted": self._submitted,
            "JobAmended": self._amended,
            "OfferIssued": self._offered,
            "OfferAccepted": self._accepted,
            "OfferRefused": self._refused,
            "OfferLapsed": self._left,
            "OfferWithdrawn": self._left,
            "HolderDefaulted": self._defaulted,
            "UnitsReleased": lambda said, at: self._turn(said.job, said.units, Is.RELEASED, at),
            "ReleaseExpired": lambda said, at: self._turn(said.job, said.units, Is.PENDING, at),
            "ThirdPartyCommitted": self._bought,
            "HolderCommitted": self._bought_of_holder,
            "CommitmentFailed": self._failed,
            "LeaseActivated": self._activated,
            "MigrationBegun": self._moving,
            "MigrationAborted": self._staying,
            "LeaseFenced": self._fenced,
            "LeaseEnded": self._ended,
            "JobFinished": self._over,
            "JobFailed": self._over,
            "JobCancelled": self._over,
            "JobUnmet": self._over,
            "PlaceRefused": lambda said, _: self._shortage.refused(said),
            "PricesListed": lambda said, _: self._shortage.listed(said),
            "BrokerUp": lambda said, _: self._outages.append((when(said.since), when(said.to))),
        }

    def hear(self, event: Event, at: datetime) -> None:
        hears = self._hears.get(type(event).__name__)
        if hears is not None:
            hears(event, at)

    def read(self, fact: Fact) -> None:
        hears = self._hears.get(fact.type)
        if hears is not None:
            hears(Said(fact.data), instant(fact.at))

    def of(self, job: str, at: datetime) -> Split:
        """How long an open job has waited by an instant that is not before its last fact."""
        known = self._jobs.get(job)
        if known is None:
            return {}
        for unit in known.units.values():
            self._spend(known, unit, at)
        return with_owed(known)

    def _submitted(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        self._jobs[said.job] = WaitingJob(said, at)

    def _amended(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        if (job := self._jobs.get(said.job)) is not None:
            for unit in job.units.values():
                self._spend(job, unit, at)
            job.need = amended_need(job.need or need_of(job.asked), said)

    def _offered(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        if (job := self._jobs.get(said.job)) is not None:
            job.offers.append(said.offer)
            self._offers[said.offer] = (said.job, tuple(said.units))
            self._turn(said.job, said.units, Is.OFFERED, at)

    def _accepted(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        if (known := self._offers.get(said.offer)) is not None:
            self._turn(known[0], said.units, Is.ACCEPTED, at)
            rest = [index for index in known[1] if index not in set(said.units)]
            self._turn(known[0], rest, Is.PENDING, at)

    def _refused(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        self._left(said, at, blamed(said.reason))

    def _left(self, said: Any, at: datetime, blame: Cause | None = None) -> None:  # noqa: ANN401
        if (known := self._offers.get(said.offer)) is not None:
            self._turn(known[0], known[1], Is.PENDING, at, blame)

    def _defaulted(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        known = self._offers.get(said.offer)
        job = self._jobs.get(known[0]) if known is not None else None
        if known is None or job is None:
            return
        self._turn(known[0], said.units, Is.PENDING, at)
        for index in said.units:
            if (unit := job.units.get(index)) is not None:
                put(unit.split, Cause.HOLDER_DEFAULT, unit.owed)
                unit.owed = NOTHING

    def _bought(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        if (job := self._jobs.get(said.job)) is not None:
            job.bought.append(said.commitment)
            units = (job.units.get(index) for index in said.units)
            states = {unit.state for unit in units if unit is not None}
            self._released[said.commitment] = Is.RELEASED in states
            self._turn(said.job, said.units, Is.BOUGHT, at)

    def _bought_of_holder(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        if said.offer is None:
            self._bought(said, at)

    def _failed(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        if (released := self._released.pop(said.commitment, None)) is not None:
            to = Is.RELEASED if released else Is.PENDING
            self._turn(said.job, said.units, to, at, blamed(said.reason))

    def _activated(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        job = self._jobs.get(said.job)
        if job is None:
            return
        self._released.pop(said.commitment, None)
        self._turn(said.job, (said.unit,), Is.ACTIVE, at)
        if (unit := job.units.get(said.unit)) is not None:
            unit.epoch, unit.follows = said.epoch, None
            put(unit.split, Cause.PROVISIONING, unit.owed)
            unit.owed = NOTHING
        if not job.waiting:
            self._count(job)

    def _moving(self, said: Any, at: datetime) -> None:  # noqa: ANN401, ARG002
        """Who accepted a renewal owes the machine; one that was asked back is on its way."""
        if (unit := self._unit(said)) is not None:
            unit.follows = Is.ACCEPTED if said.why == "renewal" else Is.BOUGHT

    def _staying(self, said: Any, at: datetime) -> None:  # noqa: ANN401, ARG002
        if (unit := self._unit(said)) is not None:
            unit.follows = None

    def _fenced(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        """The machine that is to follow is there, or nothing follows and the term is over."""
        unit = self._unit(said)
        if unit is not None:
            follows = Is.BOUGHT if unit.follows else Is.PENDING
            self._without_lease(said, at, follows)

    def _ended(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        unit = self._unit(said)
        if unit is not None:
            follows = unit.follows or Is.PENDING
            self._without_lease(said, at, follows if said.cause in _LOST else Is.OVER)

    def _without_lease(self, said: Any, at: datetime, to: Is) -> None:  # noqa: ANN401
        unit = self._unit(said)
        if unit is not None and unit.epoch == said.epoch and unit.state is Is.ACTIVE:
            unit.since, unit.blame, unit.state = at, None, to
            self._jobs[said.job].waiting += to is not Is.OVER

    def _unit(self, said: Any) -> Waiting | None:  # noqa: ANN401
        job = self._jobs.get(said.job)
        return None if job is None else job.units.get(said.unit)

    def _over(self, said: Any, at: datetime) -> None:  # noqa: ANN401
        job = self._jobs.get(said.job)
        if job is None:
            return
        for unit in job.units.values():
            self._spend(job, unit, at)
            unit.state = Is.OVER
        if job.placed:
            self._count(job)
        if said.job != self._kept:
            del self._jobs[said.job]
        for offer in job.offers:
            self._offers.pop(offer, None)
        for commitment in job.bought:
            self._released.pop(commitment, None)

    def _turn(
        self, job: str, units: Iterable[int], to: Is, at: datetime, blame: Cause | None = None
    ) -> None:
        known = self._jobs.get(job)
        if known is None:
            return
        for index in units:
            unit = known.units.get(index)
            if unit is not None and unit.state < Is.ACTIVE:
                self._spend(known, unit, at)
                unit.state, unit.blame = to, blame
                known.waiting -= to is Is.ACTIVE

    def _spend(self, job: WaitingJob, unit: Waiting, at: datetime) -> None:
        """Put the time since the unit was last looked at down to what it waited for."""
        since, state = unit.since, unit.state
        if since == at:
            return
        unit.since = at
        if state >= Is.ACTIVE:
            return
        away = self._away(since, at) if self._outages else NOTHING
        if away:
            put(unit.split, Cause.OUTAGE, away)
        spent = at - since - away
        if state is Is.ACCEPTED:
            unit.owed += spent
        elif spent:
            put(unit.split, self._cause(job, unit, since), spent)

    def _cause(self, job: WaitingJob, unit: Waiting, since: datetime) -> Cause:
        if unit.state is Is.OFFERED:
            return Cause.WINDOW
        if unit.state is Is.BOUGHT:
            return Cause.PROVISIONING
        if job.need is None:
            job.need = need_of(job.asked)
        released = unit.state is Is.RELEASED
        known = self._shortage.cause(job.need, since, released=released) or unit.blame
        return known or (Cause.CAPACITY if released else Cause.LINE)

    def _away(self, since: datetime, to: datetime) -> timedelta:
        """How much of a time the broker was away; its outages come in order, and apart."""
        late = takewhile(lambda outage: outage[1] > since, reversed(self._outages))
        spans = (min(end, to) - max(begin, since) for begin, end in late)
        return sum((span for span in spans if span > NOTHING), NOTHING)

    def _count(self, job: WaitingJob) -> None:
        """Let the totals say what the job has waited by now."""
        for cause, spent in job.counted.items():
            self.totals[cause] -= spent
        job.counted, job.placed = with_owed(job), True
        for cause, spent in job.counted.items():
            put(self.totals, cause, spent)
