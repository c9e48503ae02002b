"""One pass over a log: every law sees every fact that concerns it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from broker.domain.chain import GENESIS, Fact
from broker.domain.laws.agreement import ExclusiveStays, NoGap, OneEdition
from broker.domain.laws.bills import Bills
from broker.domain.laws.book import Book
from broker.domain.laws.choice import PureChoice
from broker.domain.laws.commitments import BeforeTheTail, NoBetterTerms, NotWhileOffered, OneBasis
from broker.domain.laws.interruptions import Interruptions
from broker.domain.laws.law import Breach, Closing, Watching
from broker.domain.laws.leases import LeasedStart, NoticedReclaim
from broker.domain.laws.limits import NoConflict, SignedConditions, SmallCap, WaiverCap
from broker.domain.laws.moves import apply
from broker.domain.laws.notices import NothingBesides, NoticeAsSent
from broker.domain.laws.offers import (
    DefaultOnce,
    InTime,
    OneEnd,
    OneOffer,
    Received,
    WholeWindow,
    WithdrawnReleasesNothing,
)
from broker.domain.laws.record import Chain, Instants, Versions
from broker.domain.laws.requotes import BoundedRequotes
from broker.domain.laws.shares import OwnShare
from broker.domain.laws.skipped import SkippedWithCause, StandingAnswers
from broker.domain.laws.timers import Timers
from broker.domain.laws.units import OneLease, OneState, WholeGangs
from broker.domain.values import instant

LAWS: Final[Sequence[type[Watching]]] = (
    OneState,
    OneBasis,
    NotWhileOffered,
    OneOffer,
    OneLease,
    OneEnd,
    InTime,
    NoBetterTerms,
    BeforeTheTail,
    NoticeAsSent,
    Received,
    WholeWindow,
    OneEdition,
    NoGap,
    ExclusiveStays,
    WaiverCap,
    SmallCap,
    WholeGangs,
    DefaultOnce,
    WithdrawnReleasesNothing,
    BoundedRequotes,
    SkippedWithCause,
    SignedConditions,
    NothingBesides,
    PureChoice,
    Chain,
    Versions,
    Timers,
    NoticedReclaim,
    LeasedStart,
    Bills,
    NoConflict,
    OwnShare,
    Instants,
    StandingAnswers,
    Interruptions,
)

_UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a fact with fields that are missing, or of another form, leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an audit found."""

    facts: int
    first_at: str | None
    last_at: str | None
    head_hash: str
    breaches: tuple[Breach, ...]
    laws_checked: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the log breaks no law."""
        return not self.breaches


def audit(facts: Iterable[Fact], head: str | None = None) -> Report:
    """Check a log against every law, from the log alone.

    `head` is the hash that the last fact must have: it shows that the end was not cut off.
    """
    watch = _Watch()
    for fact in facts:
        watch.read(fact)
    return watch.report(head)


def sentences(report: Report) -> list[str]:
    """What an audit found, said in lines for a person."""
    if not report.facts:
        told = ["The log is empty."]
    else:
        span = f"{report.facts} facts from {report.first_at} to {report.last_at}"
        told = [f"{span}; the head is {report.head_hash}."]
    if report.holds:
        return [*told, f"The chain and {len(report.laws_checked)} laws hold: {_row(report)}."]
    return [*told, *map(_breach_sentence, report.breaches)]


def _row(report: Report) -> str:
    return ", ".join(report.laws_checked)


def _breach_sentence(breach: Breach) -> str:
    if not breach.positions:
        return f"{breach.law} is broken: {breach.sentence}."
    where = ", ".join(map(str, breach.positions))
    word = "position" if len(breach.positions) == 1 else "positions"
    return f"{breach.law} is broken at {word} {where}: {breach.sentence}."


class _Watch:
    """The laws at work over one log."""

    def __init__(self) -> None:
        self._book = Book()
        self._laws = [law() for law in LAWS]
        self._concerned: defaultdict[str, list[Watching]] = defaultdict(self._of_all)
        for type_ in {type_ for law in self._laws for type_ in law.sees}:
            self._concerned[type_] = [w for w in self._laws if not w.sees or type_ in w.sees]
        self._breaches: list[Breach] = []
        self._facts = 0
        self._first_at: str | None = None
        self._last: Fact | None = None

    def _of_all(self) -> list[Watching]:
        return [law for law in self._laws if not law.sees]

    def read(self, fact: Fact) -> None:
        book = self._book
        self._facts += 1
        self._first_at = self._first_at or fact.at
        self._last = fact
        try:
            book.now, book.position = instant(fact.at), fact.position
        except ValueError:
            self._unreadable(fact, ValueError(f"{fact.at!r} is no instant"))
        book.latest = max(book.latest, book.now)
        for law in self._concerned[fact.type]:
            try:
                self._breaches.extend(law.see(fact, book))
            except _UNREADABLE as broken:
                self._unreadable(fact, broken)
        try:
            apply(book, fact)
        except _UNREADABLE as broken:
            self._unreadable(fact, broken)

    def report(self, head: str | None) -> Report:
        for law in self._laws:
            if isinstance(law, Closing):
                self._breaches.extend(law.end(self._book))
        last = self._last
        head_hash = last.hash if last else GENESIS
        self._breaches.extend(_cut_off(head, head_hash, last))
        return Report(
            facts=self._facts,
            first_at=self._first_at,
            last_at=last.at if last else None,
            head_hash=head_hash,
            breaches=tuple(dict.fromkeys(self._breaches)),
            laws_checked=tuple(law.number for law in LAWS),
        )

    def _unreadable(self, fact: Fact, broken: Exception) -> None:
        """A fact that lacks what the laws read cannot be replayed, which is I26's matter."""
        what = (
            f"lacks {broken}" if isinstance(broken, KeyError) else f"is of another form: {broken}"
        )
        self._breaches.append(Breach(Chain.number, (fact.position,), f"{fact.type} {what}"))


def _cut_off(head: str | None, head_hash: str, last: Fact | None) -> Iterator[Breach]:
    if head is not None and head != head_hash:
        positions = (last.position,) if last else ()
        yield Breach(Chain.number, positions, f"the log ends with {head_hash}, not with {head}")
