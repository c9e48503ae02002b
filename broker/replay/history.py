"""What a broker's own log tells of jobs and places: who ran how long, what was held and refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from broker.domain.chain import Fact
from broker.domain.market import Place, Pool
from broker.domain.price_list import read_listed
from broker.domain.values import instant


@dataclass(slots=True)
class PastJob:
    """A job as the log has it."""

    said: Mapping[str, Any]
    at: datetime
    active: set[int] = field(default_factory=set)
    placed_at: datetime | None = None
    """When the last of its units had its first lease."""
    ended_at: datetime | None = None
    """When its last lease so far ended."""
    running: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """At an instant a place held so many units of the jobs that are replayed, or refused more."""

    at: datetime
    held: int
    refused: bool


@dataclass(slots=True)
class PastPlace:
    seen: list[Seen] = field(default_factory=list)
    held: int = 0
    price: Decimal | None = None


@dataclass(slots=True)
class History:
    """Read from the facts in their order; `jobs` are those submitted from `since` on."""

    since: datetime
    until: datetime
    jobs: dict[str, PastJob] = field(default_factory=dict)
    places: dict[Place, PastPlace] = field(default_factory=dict)
    listed: dict[Place, Pool] = field(default_factory=dict)
    """By the latest price list that tells of them."""
    _bought: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def told(cls, facts: Iterable[Fact], since: datetime, until: datetime) -> History:
        history = cls(since, until)
        for fact in facts:
            history.hear(fact)
        return history

    def hear(self, fact: Fact) -> None:
        at, data = instant(fact.at), fact.data
        match fact.type:
            case "PricesListed":
                self.listed |= {pool.place: pool for pool in read_listed(data["pools"])}
            case "JobSubmitted" if at >= self.since:
                self.jobs[data["job"]] = PastJob(data, at)
            case "HolderCommitted" | "ThirdPartyCommitted" if data["job"] in self.jobs:
                place, terms = Place.told(data), data["terms"]
                self._bought[data["commitment"]] = place
                known = self.places.setdefault(place, PastPlace())
                if terms["price_usd_hour"] is not None:
                    known.price = Decimal(terms["price_usd_hour"])
            case "PlaceRefused" if at >= self.since:
                known = self.places.setdefault(Place.told(data), PastPlace())
                known.seen.append(Seen(at, known.held, refused=True))
            case "LeaseActivated" if data["job"] in self.jobs:
                self._activated(data, at)
            case "LeaseEnded" if data["job"] in self.jobs:
                self._ended(data, at)
            case "JobFinished" | "JobFailed" | "JobCancelled" | "JobUnmet":
                if data["job"] in self.jobs:
                    self.jobs[data["job"]].over = True
            case _:
                pass

    def _activated(self, data: Mapping[str, Any], at: datetime) -> None:
        job, place = self.jobs[data["job"]], self._bought.get(data["commitment"])
        job.running += 1
        job.active.add(data["unit"])
        if job.placed_at is None and len(job.active) == job.said["units"]:
            job.placed_at = at
        if place is not None:
            known = self.places[place]
            known.held += 1
            known.seen.append(Seen(at, known.held, refused=False))

    def _ended(self, data: Mapping[str, Any], at: datetime) -> None:
        job, place = self.jobs[data["job"]], self._bought.get(data["commitment"])
        job.running -= 1
        job.ended_at = at
        if place is not None:
            self.places[place].held -= 1


def levels(seen: Iterable[Seen], since: datetime) -> Iterator[tuple[float, int]]:
    """From when on, in seconds, how many units a place is taken to have had.

    Known: at a holding at least what is held, at a refusal that no more was to be had. Assumed:
    between two refusals the most that was held there then, from the first holding on; before the
    first observation what that one says; after the last what it left.
    """
    stretches: list[tuple[datetime, bool, int]] = []
    """Since when, whether it begins with a refusal, and how many units."""
    for one in seen:
        if one.refused:
            stretches.append((one.at, True, one.held))
        elif not stretches or stretches[-1][1]:
            stretches.append((one.at, False, one.held))
        else:
            at, _, held = stretches[-1]
            stretches[-1] = (at, False, max(held, one.held))
    level: int | None = None
    for at, _, held in stretches:
        if level is None or held != level:
            yield (0.0 if level is None else (at - since).total_seconds()), held
        level = held
