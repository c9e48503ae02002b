"""The laws of a lease's course: what is asked back, and what runs under it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job, Unit
from broker.domain.laws.editions import duration
from broker.domain.laws.law import Breach, Law
from broker.domain.values import instant

_RECLAIM: Final = "reclaim"


class NoticedReclaim(Law):
    number = "I29"
    text = "Nothing is reclaimed without the clause, the notice and a held replacement before it."
    guards = "rofr.reclaim; agreement 3.5 (12)"
    sees = frozenset({"ReclaimAsked", "MigrationBegun", "LeaseFenced"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        job = book.job_of(fact)
        unit = job.unit_of(fact) if job else None
        if job is None or unit is None:
            return
        match fact.type:
            case "ReclaimAsked":
                wrong = _unfounded(fact, book, job, unit)
            case "MigrationBegun":
                wrong = _premature(fact, book, unit)
            case _ if unit.live and unit.epoch == fact.data["epoch"]:
                wrong = _unprepared(book, unit)
            case _:
                wrong = None  # I5 says so
        if wrong:
            yield self.breach(wrong, fact.position)


def _unfounded(fact: Fact, book: Book, job: Job, unit: Unit) -> str | None:
    data, made = fact.data, unit.commitment
    edition = book.edition_of(fact)
    clause = edition.clauses.get(data["clause"], {}) if edition else {}
    granted = (clause.get("rofr") or {}).get(_RECLAIM)
    if not isinstance(granted, dict):
        return f"unit {unit.index} is asked back, and no clause grants it"
    if made is None or made.edition != (data["agreement"], data["edition"]):
        return f"unit {unit.index} is asked back under an edition it was not bought under"
    if not job.checkpointable:
        return f"unit {unit.index} is asked back of a job that cannot be stopped"
    if edition and data["provider"] not in edition.holder_pools:
        return f"unit {unit.index} is asked back by {data['provider']}, who holds no right"
    notice = duration(granted.get("notice"))
    if notice is None or instant(data["notice_until"]) < book.now + notice:
        return f"the notice given to unit {unit.index} is shorter than its clause's"
    return None


def _premature(fact: Fact, book: Book, unit: Unit) -> str | None:
    heir, lease = unit.heir, fact.data["lease"]
    if heir is None or lease != unit.lease or not unit.live:
        return f"unit {unit.index} is moved, and nobody asked for it"
    bound = heir.commitment
    if bound is None or bound.id != fact.data["commitment"]:
        return f"unit {unit.index} is moved before anybody is bound to replace it"
    if heir.asked is None:
        return None if heir.offer and fact.data["why"] != _RECLAIM else "nobody asked it back"
    if book.now < instant(heir.asked["notice_until"]):
        return f"unit {unit.index} is taken back before its notice is over"
    if heir.asked["hold"] not in bound.holds:
        return f"unit {unit.index} is taken back without the replacement that was held for it"
    return None


def _unprepared(book: Book, unit: Unit) -> str | None:
    """A lease is fenced for a machine that was prepared, or because its term is over."""
    over = unit.term_until is not None and book.now >= unit.term_until
    moved = unit.heir is not None and unit.heir.commitment is not None
    if over or (moved and unit.state.value == "migrating"):
        return None
    return f"the lease of unit {unit.index} is fenced, and nothing was prepared for it"


class LeasedStart(Law):
    number = "I30"
    text = "No job process starts without a live lease of its epoch, nor twice under one."
    guards = "agreement 3.5, T23 and T25"
    sees = frozenset({"JobStarted", "UnitStarted", "LeaseEnded"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        job = book.job_of(fact)
        if job is None:
            if fact.type == "UnitStarted":
                yield self.breach("a process starts for a job that is not open", fact.position)
            return
        if fact.type == "JobStarted":
            if not any(unit.live for unit in job.units.values()):
                yield self.breach("the job starts without a lease", fact.position)
            return
        unit, epoch = job.unit_of(fact), fact.data["epoch"]
        if unit is None:
            return
        if fact.type == "LeaseEnded":
            fenced = epoch < unit.epoch or not unit.live
            if fenced and fact.data["exit_code"] is not None:
                yield self.breach(
                    f"what unit {unit.index} ended with in epoch {epoch} counts after its fence",
                    fact.position,
                )
        elif not unit.live or (epoch, fact.data["lease"]) != (unit.epoch, unit.lease):
            yield self.breach(
                f"unit {unit.index} starts in epoch {epoch} without a live lease of it",
                fact.position,
            )
        elif unit.started:
            yield self.breach(f"unit {unit.index} starts twice in epoch {epoch}", fact.position)
