"""What an audit remembers between two facts: open jobs, and the little that outlives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from broker.domain.chain import Fact
from broker.domain.laws.editions import Edition
from broker.domain.laws.prices import Listed
from broker.domain.laws.records import (
    Acceptance,
    Advised,
    Conflict,
    Default,
    Key,
    Outage,
    Probe,
    Refusal,
    Small,
    Span,
    Stake,
    Waiver,
)
from broker.domain.laws.streams import Streams


class UnitState(StrEnum):
    PENDING = "pending"
    OFFERED = "offered"
    LEFT = "left"
    """Out of an offer that was refused, lapsed or defaulted, and not released yet."""
    ACCEPTED = "accepted"
    RELEASED = "released"
    COMMITTED = "committed"
    ACTIVE = "active"
    MIGRATING = "migrating"
    DONE = "done"
    CANCELLED = "cancelled"
    GONE = "gone"
    """Dropped by scaling."""

    @property
    def final(self) -> bool:
        return self in (UnitState.DONE, UnitState.CANCELLED, UnitState.GONE)


@dataclass(slots=True)
class Release:
    basis: str
    offer: Offer | None
    ceiling: Mapping[str, Any]
    tail_until: datetime | None
    cites: tuple[str, ...]
    position: int


@dataclass(slots=True)
class Commitment:
    id: str
    units: tuple[int, ...]
    provider: str
    region: str
    position: int
    basis: str | None
    cites: tuple[str, ...]
    edition: tuple[str, str]
    """Its agreement and its name."""
    sold: str
    """The kind of machine, and how it was bought."""
    holds: tuple[str, ...]


@dataclass(slots=True)
class Unit:
    index: int
    state: UnitState
    since: datetime
    offer: Offer | None = None
    """The offer it is inside of, left last, or is accepted under."""
    release: Release | None = None
    commitment: Commitment | None = None
    epoch: int = 0
    """The last lease's."""
    live: bool = False
    """Whether that lease still holds."""
    lease: str = ""
    """The last lease's name."""
    started: bool = False
    """Whether its agent has said that its command runs."""
    term_until: datetime | None = None
    """When that lease ends unless it is renewed."""
    barred: Mapping[str, Any] | None = None
    """The terms on which the holder defaulted, until a release of that default is spent."""
    heir: Unit | None = None
    """What is to follow its lease: offered, released and committed like any unit meanwhile."""
    asked: Mapping[str, Any] | None = None
    """An heir's `ReclaimAsked`; None for a renewal's."""
    spent: Release | None = None
    """The release that its last lease was bought under."""
    preempted: int = 0
    """How often its cloud has taken its machine back."""

    @property
    def sought(self) -> Unit:
        """As much of it as is to be placed: its heir, or else itself."""
        return self.heir or self


@dataclass(slots=True)
class Offer:
    id: str
    job: Job
    right: bool
    """False for an ordinary order, which releases nothing."""
    units: frozenset[int]
    agreement: str
    edition: str
    clause: str | None
    terms: Mapping[str, Any]
    window: timedelta
    issued_at: datetime
    position: int
    scope: str = "new"
    quote: str | None = None
    person: bool = False
    """Whether it was put before a person's desk."""
    tolled: bool = True
    """Whether outages of ours are not counted; a clause may say that they are."""
    delivered_at: datetime | None = None
    end: str | None = None
    """The type of the fact that ended it."""
    why: str | None = None
    """Why it was withdrawn."""
    accepted_at: datetime | None = None
    cure_until: datetime | None = None
    owed: set[int] = field(default_factory=set)
    """Accepted, and neither fulfilled nor defaulted."""
    delivered: set[int] = field(default_factory=set)
    """Those that had a lease."""
    defaulted: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Job:
    id: str
    tenant: str
    agreement: str
    work_class: str
    tags: tuple[str, ...]
    gang: int
    chunk: int
    terms: Mapping[str, Any]
    shape: Mapping[str, Any]
    exclude: tuple[str, ...]
    checkpointable: bool
    borne: int | None
    """How often each unit, or a gang, may be taken back and start again; None: not told."""
    spot: str
    """Whether it may have machines that can be interrupted: never, prefer, only."""
    submitted_at: datetime
    patience_until: datetime | None
    position: int
    units: dict[int, Unit]
    offers: dict[str, Offer] = field(default_factory=dict)
    commitments: dict[str, Commitment] = field(default_factory=dict)
    superseded: str | None = None
    """The offer that was withdrawn for a new version, or whose release was ended for one."""
    quotes: dict[str, tuple[Mapping[str, Any], datetime | None]] = field(default_factory=dict)
    """The terms of each third party's quote, and until when it stands."""
    requotes: list[datetime] = field(default_factory=list)
    """When new versions were put."""
    placed: bool = False
    """Whether a unit was bound to a supplier at least once."""
    ended: str | None = None

    def named(self, fact: Fact) -> list[Unit]:
        """What is sought for the units a fact names, without those the job does not have."""
        return [unit.sought for index in fact.data["units"] if (unit := self.units.get(index))]

    def unit_of(self, fact: Fact) -> Unit | None:
        """The unit that a fact of its lease names."""
        return self.units.get(fact.data["unit"])

    def sought(self) -> list[Unit]:
        return [unit.sought for unit in self.units.values()]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Book:
    """The state that the facts so far amount to. A law reads it as it stood before its fact."""

    now: datetime = EPOCH
    """The instant of the fact being read."""
    latest: datetime = EPOCH
    position: int = 0
    streams: Streams = field(default_factory=Streams)
    jobs: dict[str, Job] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    editions: dict[tuple[str, str], Edition] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    price_lists: dict[str, Sequence[Listed]] = field(default_factory=dict)
    """The places of each recorded price list, the cheapest first."""
    troubled: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    """Until when a trouble of ours kept us from a place or an area."""
    advice: dict[str, Advised] = field(default_factory=dict)
    """By its id."""
    outages: list[Outage] = field(default_factory=list)
    attested: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Agreement and condition to those who have attested it."""
    consents: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """This and all that follows by agreement and id."""
    waivers: dict[tuple[str, str], Waiver] = field(default_factory=dict)
    acceptances: dict[tuple[str, str], Acceptance] = field(default_factory=dict)
    conflicts: dict[tuple[str, str], Conflict] = field(default_factory=dict)
    stakes: dict[tuple[str, str], Stake] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    """Every key that was ever given, by its id."""
    revoked: set[tuple[str, str]] = field(default_factory=set)
    suspensions: dict[str, Span] = field(default_factory=dict)
    absences: dict[str, Span] = field(default_factory=dict)
    probes: dict[str, list[Probe]] = field(default_factory=dict)
    """By agreement: what the holder's endpoint did not answer since it last did."""
    defaults: dict[str, Default] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    """Defaulted offers that have suspended a right already."""
    small: dict[tuple[str, str], list[Small]] = field(default_factory=dict)
    """By agreement and tenant."""

    def job_of(self, fact: Fact) -> Job | None:
        return self.jobs.get(fact.data["job"])

    def offer_of(self, fact: Fact) -> Offer | None:
        return self.offers.get(fact.data["offer"])

    def units_of(self, fact: Fact) -> list[Unit]:
        """The units of a fact that names its job or its offer, as far as they are known."""
        if "job" in fact.data:
            job = self.job_of(fact)
        else:
            offer = self.offer_of(fact)
            job = offer.job if offer else None
        return job.named(fact) if job else []

    def edition_of(self, fact: Fact) -> Edition | None:
        return self.editions.get((fact.data["agreement"], fact.data["edition"]))

    def consents_to(self, edition: Edition) -> dict[str, Mapping[str, Any]]:
        """The consents on record for an edition, its own included, that are not revoked."""
        known = dict(edition.consents)
        mine = ((n, said) for (of, n), said in self.consents.items() if of == edition.agreement)
        known |= dict(mine)
        gone = {name for of, name in self.revoked if of == edition.agreement}
        return {name: said for name, said in known.items() if name not in gone}

    def attested_in(self, edition: Edition) -> frozenset[str]:
        """The conditions attested by the party that the edition names for it."""
        return frozenset(
            condition
            for (of, condition), by in self.attested.items()
            if of == edition.agreement and edition.attestors.get(condition) in by
        )

    def in_force(self, at: datetime) -> Iterator[Edition]:
        return (edition for edition in self.editions.values() if edition.in_force(at))

    def tolled(self, since: datetime, due: datetime) -> datetime:
        """A due instant put off by every outage of ours between its timer's start and itself."""
        for outage in self.outages:
            if outage.to > since and outage.since < due:
                due += outage.to - max(outage.since, since)
        return due

    def window_end(self, offer: Offer) -> datetime | None:
        """When an offer's window closes, outages allowed for; None before its receipt."""
        if offer.delivered_at is None:
            return None
        due = offer.delivered_at + offer.window
        return self.tolled(offer.delivered_at, due) if offer.tolled else due


def standing(units: Iterable[Unit]) -> list[Unit]:
    """Those that are not final."""
    return [unit for unit in units if not unit.state.final]
