"""What an edition file is held to beyond its shape (design rule 5.4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker.agreements.errors import AgreementError, Rule, located, nearest
from broker.agreements.read import read
from broker.domain.agreement import Edition, Status
from broker.domain.clause import Clarification, Clause, Consent, Standing, Waiver
from broker.domain.workload import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from broker.domain.right import Right

_NEVER_TOLD = frozenset({"tenant", "model_name", "dataset"})
"""What no notice may hold, whatever an edition says."""

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule broken in one place."""

    rule: Rule
    file: str
    clause: str
    says: str

    def sentence(self) -> str:
        return located(self.says, self.file, self.clause)


def check(texts: Mapping[str, str], now: datetime | None = None) -> list[Finding]:
    """Everything wrong with the texts of some files, given by file name; empty is good.

    How editions follow each other is looked at only once every file can be read.
    """
    findings: list[Finding] = []
    editions: dict[str, Edition] = {}
    for file, text in texts.items():
        try:
            editions[file] = read(text, file)
        except AgreementError as wrong:
            findings.append(
                Finding(rule=wrong.rule, file=file, clause=wrong.clause, says=wrong.says)
            )
    if not findings:
        return lint(editions, now)
    return findings + [said for item in editions.items() for said in _alone(*item, now)]


def lint(editions: Mapping[str, Edition], now: datetime | None = None) -> list[Finding]:
    """What is wrong with editions that could be read, alone and as series.

    Whether a draft is said to have begun already can only be told when `now` is given.
    """
    found = [
        finding for file, edition in editions.items() for finding in _alone(file, edition, now)
    ]
    for name in sorted({edition.agreement for edition in editions.values()}):
        found += _in_series([item for item in editions.items() if item[1].agreement == name])
    return found


def _alone(file: str, edition: Edition, now: datetime | None) -> Iterator[Finding]:
    def finding(rule: Rule, clause: str, says: str) -> Finding:
        return Finding(rule=rule, file=file, clause=clause, says=says)

    for rule, named, says in (
        *_ids(edition),
        *_references(edition),
        *_voids(edition),
        *_sources(edition),
    ):
        yield finding(rule, named, says)
    for clause in edition.clauses:
        for rule, says in (*_clause(clause), *(_right(clause.right) if clause.right else ())):
            yield finding(rule, clause.id, says)
    if (
        edition.status is Status.DRAFT
        and now is not None
        and edition.begins is not None
        and edition.begins <= now
    ):
        says = "effective.from of a draft lies in the past: a draft has not begun"
        yield finding(Rule.DRAFT, "", says)


def _ids(edition: Edition) -> Iterator[tuple[Rule, str, str]]:
    parts: tuple[Clause | Consent | Waiver | Clarification, ...] = (
        *edition.clauses,
        *edition.consents,
        *edition.waivers,
        *edition.clarifications,
    )
    for name, times in Counter(part.id for part in parts).items():
        if times > 1:
            yield Rule.UNIQUE_IDS, name, f"the id {name!r} is used {times} times"


def _references(edition: Edition) -> Iterator[tuple[Rule, str, str]]:
    clauses = {clause.id for clause in edition.clauses}
    parties = {edition.grantor.id, edition.holder.id}
    for said in edition.clauses:
        yield from _missing(said.id, "carves_out", said.carves_out, clauses, "clause")
        ends = said.until.conditions if said.until else ()
        yield from _missing(said.id, "until.condition", ends, edition.conditions, "condition")
        favoured = (said.in_favour_of,) if said.in_favour_of else ()
        yield from _missing(said.id, "in_favour_of", favoured, parties, "party")
    leave: tuple[Consent | Waiver, ...] = (*edition.consents, *edition.waivers)
    for given in leave:
        yield from _missing(given.id, "of_clause", (given.of_clause,), clauses, "clause")
        yield from _missing(given.id, "given_by", (given.given_by,), parties, "party")
    for consent in edition.consents:
        for clause in edition.clauses:
            if clause.id == consent.of_clause and "consent" not in clause.exceptions:
                says = f"of_clause names {clause.id}, whose exceptions take no consent"
                yield Rule.NAMES_EXIST, consent.id, says
    for name, condition in edition.conditions.items():
        yield from _missing("", f"conditions.{name}.voids", condition.voids, clauses, "clause")


def _missing(
    clause: str, field: str, names: Iterable[str], known: Iterable[str], what: str
) -> Iterator[tuple[Rule, str, str]]:
    there = set(known)
    for name in names:
        if name not in there:
            says = f"{field} names {name!r}, but there is no such {what}: {nearest(name, there)}"
            yield Rule.NAMES_EXIST, clause, says


def _voids(edition: Edition) -> Iterator[tuple[Rule, str, str]]:
    for name, condition in edition.conditions.items():
        for clause in edition.clauses:
            ends = clause.until.conditions if clause.until else ()
            if clause.id in condition.voids and name not in ends:
                says = f"until does not name the condition {name!r}, which is said to void it"
                yield Rule.VOIDS_UNTIL, clause.id, says


def _sources(edition: Edition) -> Iterator[tuple[Rule, str, str]]:
    says = "sources is empty: what is stated has a source"
    parts: tuple[Clause | Consent | Clarification, ...] = (
        *edition.clauses,
        *edition.consents,
        *edition.clarifications,
    )
    for part in parts:
        if part.standing is Standing.STATED and not part.sources:
            yield Rule.SOURCE, part.id, says
    for name, condition in edition.conditions.items():
        if condition.standing is Standing.STATED and not condition.sources:
            yield Rule.SOURCE, "", f"conditions.{name}.{says}"


def _clause(clause: Clause) -> Iterator[tuple[Rule, str]]:
    capacity = clause.match.capacity or frozenset(Scope)
    if Scope.NEW in capacity and Scope.RENEWAL not in capacity and not clause.renewal_note:
        says = "match.capacity has new but not renewal: add it, or say why not in renewal_note"
        yield Rule.RENEWAL, says
    if clause.right is not None and clause.right.lease and Scope.RENEWAL not in capacity:
        yield Rule.RENEWAL, "rofr.lease sets a term, but match.capacity leaves renewals out"
    assumed = clause.assumed or (clause.right is not None and clause.right.assumed)
    if clause.standing is not Standing.STATED and not assumed:
        yield Rule.ASSUMED, f"standing is {clause.standing}, so 'assumed: true' must be said"


def _right(right: Right) -> Iterator[tuple[Rule, str]]:
    floor = right.window_minimum_s
    windows = {"window.default": right.window_default_s} | {
        f"window.by_class.{name}": length for name, length in right.window_by_class.items()
    }
    if right.requote_max:
        windows["requote.window"] = right.requote_window_s
    for name, length in windows.items():
        if length < floor:
            yield Rule.FLOOR, f"rofr.{name} is {length} s, below rofr.window.minimum of {floor} s"
    if right.gang != "whole_only":
        yield Rule.GANG, f"rofr.acceptance.gang says {right.gang!r}; only whole_only is possible"
    if right.tolerance_price < 0:
        yield (
            Rule.TOLERANCE,
            f"rofr.after_refusal.tolerance_price is {right.tolerance_price}; it must be at least 0",
        )
    lease, longest = right.lease, max(windows.values())
    if lease is not None and not longest < lease.renew_before_s < lease.term_s:
        says = (
            f"rofr.lease.renew_before is {lease.renew_before_s} s: it must be longer than the "
            f"longest window, {longest} s, and shorter than the term, {lease.term_s} s"
        )
        yield Rule.RENEWAL, says
    told = sorted(set(right.notice_contents) & (_NEVER_TOLD | set(right.notice_withhold)))
    if told:
        yield Rule.PRIVACY, f"rofr.notice.contents has {', '.join(told)}, which no notice may hold"


def _in_series(items: list[tuple[str, Edition]]) -> Iterator[Finding]:
    ids = Counter(edition.id for _, edition in items)
    begun = [
        (edition.begins, file, edition)
        for file, edition in items
        if edition.begins is not None and edition.status is not Status.DRAFT
    ]
    begun.sort(key=lambda item: item[0])
    before: Edition | None = None
    for begins, file, edition in begun:
        if ids[edition.id] > 1:
            says = f"the edition {edition.id} of {edition.agreement} is there more than once"
            yield Finding(rule=Rule.UNIQUE_IDS, file=file, clause="", says=says)
        if edition.supersedes != (before.id if before else None):
            says = (
                f"supersedes says {edition.supersedes or 'null'}, but the edition of "
                f"{edition.agreement} before {edition.id} is {before.id if before else 'none'}"
            )
            yield Finding(rule=Rule.SUPERSEDES, file=file, clause="", says=says)
        if before is not None and before.ends != begins:
            overlaps = before.ends is None or before.ends > begins
            end = f"ends {before.ends:{_INSTANT}}" if before.ends else "has no end"
            says = (
                f"{edition.agreement} has {'an overlap' if overlaps else 'a gap'}: edition "
                f"{before.id} {end} and edition {edition.id} begins {begins:{_INSTANT}}"
            )
            rule = Rule.OVERLAP if overlaps else Rule.GAP
            yield Finding(rule=rule, file=file, clause="", says=says)
        before = edition
