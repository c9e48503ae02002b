"""One clause of an edition file -> Clause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.agreements.errors import Rule, nearest
from broker.agreements.rights import read_right
from broker.domain.clause import Clause, Effect, Guard, Match, Meter, SoftLimit, Standing, Until
from broker.domain.market import PoolKind
from broker.domain.workload import TAGS, Scope, WorkClass

if TYPE_CHECKING:
    from broker.agreements.section import Section
    from broker.domain.right import Right

_EXCEPTIONS = ("consent", "continuity")


def read_clause(block: Section) -> Clause:
    """A clause, whose `rofr` block is there if and only if that is its effect."""
    until, unless = block.section_or_none("until"), block.section_or_none("unless")
    meter, soft_limit = block.section_or_none("meter"), block.section_or_none("soft_limit")
    effect = block.word("effect", Effect)
    clause = Clause(
        id=block.text("id"),
        effect=effect,
        match=read_match(block.section("match")),
        standing=block.word("standing", Standing),
        in_favour_of=block.text_or_none("in_favour_of"),
        until=_until(until) if until else None,
        unless=_guard(unless) if unless else None,
        exceptions=_exceptions(block),
        carves_out=block.texts("carves_out"),
        right=_right(block, effect),
        meter=_meter(meter) if meter else None,
        soft_limit=_soft_limit(soft_limit) if soft_limit else None,
        lead_time_s=block.seconds_or_none("lead_time"),
        assumed=block.flag_or_false("assumed"),
        sources=block.texts("sources"),
        note=block.text_or_none("note"),
        until_note=block.text_or_none("until_note"),
        renewal_note=block.text_or_none("renewal_note"),
    )
    block.done()
    if clause.carves_out and effect is not Effect.PERMIT:
        block.fail("carves_out", f"stands in a clause of effect {effect}; only a permit cuts")
    return clause


def read_match(block: Section) -> Match:
    match = Match(
        classes=block.open_words("class", WorkClass),
        tags_any=block.open_texts("tags_any"),
        capacity=block.open_words("capacity", Scope),
        pools=block.open_texts("pool"),
        pool_kinds=block.open_words("pool_kind", PoolKind),
    )
    for tag in sorted(match.tags_any or ()):
        if tag not in TAGS:
            block.fail("tags_any", f"says {tag!r}, which is no known tag: {nearest(tag, TAGS)}")
    block.done()
    return match


def _right(block: Section, effect: Effect) -> Right | None:
    found = block.section_or_none("rofr")
    if effect is Effect.ROFR and found is None:
        block.fail("rofr", "is missing: a right needs its mechanics", rule=Rule.COMPLETE_RIGHT)
    if effect is not Effect.ROFR and found is not None:
        block.fail("rofr", f"stands in a clause of effect {effect}; only a rofr has one")
    if found is None:
        return None
    found.missing = Rule.COMPLETE_RIGHT
    return read_right(found)


def _exceptions(block: Section) -> tuple[str, ...]:
    exceptions = block.texts("exceptions")
    for said in exceptions:
        if said not in _EXCEPTIONS:
            block.fail("exceptions", f"says {said!r}: {nearest(said, _EXCEPTIONS)}")
    return exceptions


def _until(block: Section) -> Until:
    ends = block.sections("earliest_of")
    until = Until(
        dates=tuple(end.instant("date") for end in ends if end.get("date") is not None),
        conditions=tuple(end.text("condition") for end in ends if end.get("condition") is not None),
    )
    for end in (*ends, block):
        end.done()
    if len(until.dates) + len(until.conditions) != len(ends) or not ends:
        block.fail("earliest_of", "must list at least one end, each with a date or a condition")
    return until


def _guard(block: Section) -> Guard:
    guard = Guard(all_of=frozenset(block.texts("all_of")), any_of=frozenset(block.texts("any_of")))
    block.done()
    return guard


def _meter(block: Section) -> Meter:
    meter = Meter(
        unit=block.text("unit"),
        amount=None if block.get("amount") is None else block.decimal("amount"),
        kind=block.text_or_none("kind"),
        note=block.text_or_none("note"),
    )
    block.done()
    return meter


def _soft_limit(block: Section) -> SoftLimit:
    limit = SoftLimit(
        measure=block.text("measure"),
        classes=block.words("classes", WorkClass),
        min_share=block.decimal("min_share"),
        over_s=block.seconds("over"),
        note=block.text_or_none("note"),
    )
    block.done()
    return limit
