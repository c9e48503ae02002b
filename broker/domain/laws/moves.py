"""What each fact changes in the book; one that breaks a law does so as far as it makes sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import (
    Book,
    Commitment,
    Job,
    Release,
    Unit,
    UnitState,
)
from broker.domain.laws.courses import OFFERS, put
from broker.domain.laws.drawing import DRAWING, draw, undraw
from broker.domain.laws.lease_moves import LEASES, forget
from broker.domain.laws.registers import REGISTERS, optional_instant
from broker.domain.market import told_place


def apply(book: Book, fact: Fact) -> None:
    book.streams.note(fact.stream, fact.version, book.now, fact.position)
    if move := _MOVES.get(fact.type):
        move(book, fact)


def _submitted(book: Book, fact: Fact) -> None:
    data = fact.data
    units = {index: Unit(index, UnitState.PENDING, book.now) for index in range(data["units"])}
    book.jobs[data["job"]] = Job(
        id=data["job"],
        tenant=data["tenant"],
        agreement=data["agreement"],
        work_class=data["class"],
        tags=tuple(data["tags"]),
        gang=data["gang"],
        chunk=data["chunk"],
        terms=data["terms"],
        shape=data["shape"],
        exclude=tuple(data["exclude"]),
        checkpointable=data.get("checkpointable", False),
        borne=data.get("preempted"),
        spot=data.get("spot", "never"),
        submitted_at=book.now,
        patience_until=optional_instant(data["patience_until"]),
        position=fact.position,
        units=units,
    )


def _amended(book: Book, fact: Fact) -> None:
    if job := book.job_of(fact):
        job.terms, job.exclude = fact.data["terms"], tuple(fact.data["exclude"])
        job.spot = fact.data.get("spot", job.spot)


def _quoted(book: Book, fact: Fact) -> None:
    if job := book.job_of(fact):
        data = fact.data
        job.quotes[data["quote"]] = (data["terms"], optional_instant(data["valid_until"]))


def _quote_gone(book: Book, fact: Fact) -> None:
    if (job := book.job_of(fact)) and (known := job.quotes.get(fact.data["quote"])):
        job.quotes[fact.data["quote"]] = (known[0], book.now)


def _added(book: Book, fact: Fact) -> None:
    if job := book.job_of(fact):
        for index in fact.data["units"]:
            job.units.setdefault(index, Unit(index, UnitState.PENDING, book.now))


def _dropped(book: Book, fact: Fact) -> None:
    for unit in book.units_of(fact):
        if unit.offer:
            unit.offer.owed.discard(unit.index)
        put(book, unit, UnitState.GONE)


def _released(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job is None:
        return
    release = Release(
        basis=data["basis"],
        offer=book.offers.get(data["offer"] or ""),
        ceiling=data["ceiling"],
        tail_until=optional_instant(data["tail_until"]),
        cites=tuple(data["cites"]),
        position=fact.position,
    )
    job.superseded = None
    for unit in job.named(fact):
        unit.release = release
        put(book, unit, UnitState.RELEASED)


def _expired(book: Book, fact: Fact) -> None:
    for unit in book.units_of(fact):
        if fact.data["why"] in _ASKS_ANEW and unit.release and unit.release.offer:
            unit.release.offer.job.superseded = unit.release.offer.id
        release = unit.release
        early = release and release.tail_until and book.now < release.tail_until
        if not (release and release.basis == "default" and early):
            unit.barred = None
        unit.release = None
        put(book, unit, UnitState.PENDING)


def _committed(book: Book, fact: Fact) -> None:
    data, job = fact.data, book.job_of(fact)
    if job is None:
        return
    units = tuple(data["units"])
    made = Commitment(
        id=data["commitment"],
        units=units,
        provider=data["provider"],
        region=data["region"],
        position=fact.position,
        basis=data.get("basis"),
        cites=tuple(data.get("cites") or ()),
        edition=(data["agreement"], data["edition"]),
        sold=told_place(data)[2],
        holds=tuple(data.get("holds") or ()),
    )
    if made.basis in DRAWING:
        draw(book, job, made)
    job.commitments[made.id] = made
    job.placed, job.superseded = True, None
    for unit in job.named(fact):
        unit.commitment = made
        if unit.state is not UnitState.ACCEPTED:
            put(book, unit, UnitState.COMMITTED)


def _failed(book: Book, fact: Fact) -> None:
    if (job := book.job_of(fact)) and (made := job.commitments.get(fact.data["commitment"])):
        undraw(book, job, made)
    for unit in book.units_of(fact):
        if unit.commitment is None or unit.commitment.id != fact.data["commitment"]:
            continue
        unit.commitment = None
        if unit.state is UnitState.COMMITTED:
            put(book, unit, UnitState.RELEASED if unit.release else UnitState.PENDING)


def _ended(book: Book, fact: Fact) -> None:
    if job := book.job_of(fact):
        job.ended = job.ended or fact.type
        for unit in job.units.values():
            if not unit.state.final:
                put(book, unit, UnitState.DONE)
        forget(book, job)


_ASKS_ANEW: Final = frozenset({"terms", "late"})
"""Why a release ends so that its offer is put once more, as a new version."""


_MOVES: Final[Mapping[str, Callable[[Book, Fact], None]]] = {
    "JobSubmitted": _submitted,
    "JobAmended": _amended,
    "QuoteReceived": _quoted,
    "QuoteWithdrawn": _quote_gone,
    "UnitsAdded": _added,
    "UnitsDropped": _dropped,
    "UnitsReleased": _released,
    "ReleaseExpired": _expired,
    "ThirdPartyCommitted": _committed,
    "HolderCommitted": _committed,
    "CommitmentFailed": _failed,
    "JobFinished": _ended,
    "JobFailed": _ended,
    "JobCancelled": _ended,
    "JobUnmet": _ended,
    **OFFERS,
    **LEASES,
    **REGISTERS,
}
