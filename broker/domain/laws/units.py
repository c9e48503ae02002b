"""The laws of units: one state each, one lease each, gangs together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws import holds
from broker.domain.laws.book import Book, Job, UnitState
from broker.domain.laws.law import Breach, Law

JOB_ENDS: Final = frozenset({"JobFinished", "JobFailed", "JobCancelled", "JobUnmet"})

_P, _O, _L = UnitState.PENDING, UnitState.OFFERED, UnitState.LEFT
_A, _R, _C, _V = UnitState.ACCEPTED, UnitState.RELEASED, UnitState.COMMITTED, UnitState.ACTIVE
_M = UnitState.MIGRATING

_FROM: Final[Mapping[str, frozenset[UnitState]]] = {
    # The states in brackets are left to a law of their own: I4, I19, I2, I3 and I5.
    "UnitsDropped": frozenset({_P, _O, _L, _A, _R, _C, _V}),
    "OfferIssued": frozenset({_P} | {_O}),
    "OfferAccepted": frozenset({_O}),
    "OfferRefused": frozenset({_O}),
    "OfferLapsed": frozenset({_O}),
    "HolderDefaulted": frozenset({_A}),
    "UnitsReleased": frozenset({_P, _L} | {_O}),
    "ReleaseExpired": frozenset({_R}),
    "ThirdPartyCommitted": frozenset({_P, _R} | {_O, _L}),
    "HolderCommitted": frozenset({_P, _A, _R}),
    "CommitmentFailed": frozenset({_A, _C}),
    "LeaseActivated": frozenset({_A, _C} | {_V, _M}),
    "RenewalDue": frozenset({_V}),
    "LeaseRenewed": frozenset({_V}),
    "ReclaimAsked": frozenset({_V}),
    "MigrationBegun": frozenset({_V}),
    "MigrationAborted": frozenset({_V, _M}),
    "LeaseFenced": frozenset({_V, _M}),
}
_OF_LEASES: Final = frozenset(
    {"LeaseActivated", "LeaseFenced", "LeaseRenewed", "RenewalDue"}
    | {"ReclaimAsked", "MigrationBegun", "MigrationAborted"}
)
"""Facts of the unit itself; the others tell of its heir, where it has one."""
_AFTER_A_FENCE: Final = frozenset({"migrated", "expired"})
"""Ends of a lease that another is to follow, or that its term has ended: it was fenced before."""


class OneState(Law):
    number = "I1"
    text = "Each unit of a job is in exactly one state, and moves only as the states allow."
    guards = "agreement 3.5, unit states"
    sees = frozenset(_FROM) | JOB_ENDS | {"UnitsAdded", "JobSubmitted", "JobAmended"}
    _PARTING: Final = frozenset({"OfferAccepted", "OfferRefused", "OfferLapsed", "HolderDefaulted"})

    def __init__(self) -> None:
        self._parted: dict[str, tuple[Job, datetime, int]] = {}
        """Jobs with units that an offer has let go of in the instant begun."""

    def end(self, _: Book) -> Iterator[Breach]:
        for job, _at, position in self._parted.values():
            yield from self._nowhere(job, position)

    def _nowhere(self, job: Job, *positions: int) -> Iterator[Breach]:
        left = sorted(u.index for u in job.sought() if u.state is UnitState.LEFT)
        if left and len(left) >= job.gang:  # of a gang that is split I18 tells
            yield self.breach(f"units {left} are out of their offer and not released", *positions)

    def _settled(self, fact: Fact, job: Job, now: datetime) -> Iterator[Breach]:
        """What an offer lets go of is released, or ends, in the same instant."""
        known = self._parted.get(job.id)
        if known and known[1] < now:
            del self._parted[job.id]
            if fact.type != "ThirdPartyCommitted":  # I2 says what is wrong with it
                yield from self._nowhere(job, known[2], fact.position)
        if fact.type in self._PARTING:
            self._parted[job.id] = (job, now, fact.position)

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type == "JobSubmitted":
            if earlier := book.job_of(fact):
                yield self.breach("the job is submitted twice", earlier.position, fact.position)
            return
        if "job" not in fact.data:
            offer = book.offer_of(fact)
            if offer is None or (offer.end and fact.type != "HolderDefaulted"):
                return  # I11 and I6 say what is wrong with it
            if fact.type != "HolderDefaulted" and set(fact.data["units"]) - offer.units:
                return  # I18 does
            job: Job | None = offer.job
        else:
            job = book.job_of(fact)
        if job is None or job.ended:
            yield self.breach(f"{fact.type} tells of a job that is not open", fact.position)
            return
        yield from self._settled(fact, job, book.now)
        if fact.type not in JOB_ENDS and fact.type != "JobAmended":
            yield from self._moved(fact, job)

    def _moved(self, fact: Fact, job: Job) -> Iterator[Breach]:
        named = [fact.data["unit"]] if "unit" in fact.data else fact.data["units"]
        if len(set(named)) != len(named):
            yield self.breach(f"{fact.type} names a unit twice", fact.position)
        if fact.type == "UnitsAdded":
            if job.units.keys() & set(named):
                yield self.breach("a unit is added that is there already", fact.position)
            return
        for index in named:
            unit = job.units.get(index)
            if unit is not None and fact.type not in _OF_LEASES:
                unit = unit.sought
            if unit is None:
                yield self.breach(f"{fact.type} names unit {index}, never asked for", fact.position)
            elif unit.barred is not None and fact.type in ("OfferIssued", "UnitsReleased"):
                continue  # I19 watches what follows a default
            elif unit.state not in _FROM[fact.type]:
                yield self.breach(
                    f"{fact.type} finds unit {index} {unit.state.value}", fact.position
                )


class OneLease(Law):
    number = "I5"
    text = "A unit never has two live lease epochs."
    guards = "agreement 3.5, leases"
    sees = frozenset({"LeaseActivated", "LeaseFenced", "LeaseRenewed", "LeaseEnded"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        job = book.job_of(fact)
        unit = job.unit_of(fact) if job else None
        if fact.type == "LeaseEnded":
            lives = unit and unit.live and unit.epoch == fact.data["epoch"]
            if unit and lives and fact.data["cause"] in _AFTER_A_FENCE:
                yield self.breach(
                    f"epoch {unit.epoch} of unit {unit.index} ends as {fact.data['cause']}, "
                    "and was never fenced",
                    fact.position,
                )
        elif fact.type != "LeaseActivated":
            if unit and not (unit.live and unit.epoch == fact.data["epoch"]):
                yield self.breach(
                    f"{fact.type} names epoch {fact.data['epoch']} of unit {unit.index}, "
                    "which does not live",
                    fact.position,
                )
        elif unit and unit.live:
            yield self.breach(
                f"unit {unit.index} gets epoch {fact.data['epoch']} while epoch {unit.epoch} lives",
                fact.position,
            )
        elif unit and fact.data["epoch"] <= unit.epoch:
            yield self.breach(
                f"unit {unit.index} gets epoch {fact.data['epoch']} after {unit.epoch}",
                fact.position,
            )


class WholeGangs(Law):
    number = "I18"
    text = "Accepted units are some of those offered, each held once; a gang moves whole."
    guards = "acceptance.gang, acceptance.must_carry"
    _DECIDES = frozenset({"OfferAccepted", "OfferRefused", "OfferLapsed"})
    _COMMITS = frozenset({"ThirdPartyCommitted", "HolderCommitted"})
    _MOVES = _DECIDES | _COMMITS | JOB_ENDS | {"OfferIssued", "UnitsReleased", "ReleaseExpired"}
    sees = _MOVES | holds.SEEN

    def __init__(self) -> None:
        self._holds = holds.Holds()
        self._behind: dict[str, tuple[datetime, int, set[int]]] = {}
        """Job to the gang members still to be committed in the instant begun."""

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        for sentence, positions in self._holds.see(fact):
            yield self.breach(sentence, *positions)
        if fact.type in self._MOVES:
            yield from self._moved(fact, book)

    def _moved(self, fact: Fact, book: Book) -> Iterator[Breach]:
        offer = book.offer_of(fact) if fact.type in self._DECIDES else None
        job = offer.job if offer else book.job_of(fact) if "job" in fact.data else None
        if offer and (foreign := set(fact.data["units"]) - offer.units):
            yield self.breach(
                f"{fact.type} names units {sorted(foreign)} that were not offered",
                offer.position,
                fact.position,
            )
        if job is None or not job.gang:
            return
        yield from self._left_behind(job, book.now, fact)
        if fact.type in JOB_ENDS:
            self._behind.pop(job.id, None)
        elif fact.type in self._COMMITS:
            yield from self._one_place(fact, job)
            self._commit(fact, job, book)
        elif not (offer and offer.end) and (behind := _siblings(fact, job)):
            yield self.breach(
                f"{fact.type} splits a gang: units {sorted(behind)} stay behind", fact.position
            )

    def end(self, _: Book) -> Iterator[Breach]:
        for job, (_at, position, behind) in self._behind.items():
            yield self.breach(f"units {sorted(behind)} of {job}'s gang stay behind", position)

    def _commit(self, fact: Fact, job: Job, book: Book) -> None:
        """One instant may commit a gang in several facts."""
        known = self._behind.pop(job.id, None)
        behind = known[2] - set(fact.data["units"]) if known else _siblings(fact, job)
        if behind:
            self._behind[job.id] = (book.now, fact.position, behind)

    def _left_behind(self, job: Job, now: datetime, fact: Fact) -> Iterator[Breach]:
        known = self._behind.get(job.id)
        if known and known[0] < now:
            del self._behind[job.id]
            yield self.breach(
                f"a gang is split: units {sorted(known[2])} stay behind", known[1], fact.position
            )

    def _one_place(self, fact: Fact, job: Job) -> Iterator[Breach]:
        for unit in job.sought():
            bound = unit.commitment
            if (
                bound
                and unit.index < job.gang
                and unit.index not in fact.data["units"]
                and (bound.provider, bound.region) != (fact.data["provider"], fact.data["region"])
            ):
                yield self.breach(
                    f"a gang is split between {bound.provider} {bound.region} and "
                    f"{fact.data['provider']} {fact.data['region']}",
                    bound.position,
                    fact.position,
                )
                return


def _siblings(fact: Fact, job: Job) -> set[int]:
    """The gang members that stay in a state which others of the gang leave with this fact."""
    moved: Iterable[int] = [index for index in fact.data["units"] if index < job.gang]
    states = {unit.sought.state for index in moved if (unit := job.units.get(index))}
    return {
        unit.index
        for unit in job.sought()
        if unit.index < job.gang and unit.index not in moved and unit.state in states
    }
