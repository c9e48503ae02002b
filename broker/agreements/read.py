"""An edition file -> Edition. What the file does not say in a known way is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from broker.agreements.clauses import read_clause, read_match
from broker.agreements.document import parse
from broker.agreements.section import Section
from broker.domain.agreement import (
    Edition,
    Holder,
    Needs,
    OpenOffers,
    Party,
    Provenance,
    Status,
)
from broker.domain.clause import Clarification, Condition, Consent, Standing, Waiver
from broker.domain.workload import WorkClass

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "capacity-agreement/v1"


def read(text: str, file: str) -> Edition:
    """The edition in the text of one file. Raises AgreementError."""
    return edition_of(parse(text, file), file)


def read_recorded(document: Mapping[str, Any]) -> Edition:
    """The edition that a fact of the log carries whole. Raises AgreementError."""
    return edition_of(document, "the log")


def edition_of(document: Mapping[Any, Any], file: str) -> Edition:
    """The edition in a document already parsed, as a recorded edition is. Raises AgreementError."""
    top = Section(values=document, file=file)
    if top.text("schema") != SCHEMA:
        top.fail("schema", f"must be {SCHEMA}, not {top.text('schema')!r}")
    status = top.word("status", Status)
    effective, parties = top.section("effective"), top.section("parties")
    transition, conditions = top.section_or_none("transition"), top.section_or_none("conditions")
    draft = status is Status.DRAFT
    edition = Edition(
        agreement=top.text("agreement"),
        id=top.text("edition"),
        title=top.text("title"),
        status=status,
        provenance=top.word("provenance", Provenance),
        begins=effective.instant_or_none("from") if draft else effective.instant("from"),
        ends=effective.instant_or_none("to"),
        recorded_at=top.instant("recorded_at"),
        announced_at=top.instant_or_none("announced_at"),
        supersedes=top.text_or_none("supersedes"),
        grantor=_grantor(parties.section("grantor")),
        holder=_holder(parties.section("holder")),
        open_offers=(
            transition.word_or("open_offers", OpenOffers.RUN_OFF)
            if transition
            else OpenOffers.RUN_OFF
        ),
        active_leases=_active_leases(transition),
        conditions=_conditions(conditions) if conditions else {},
        clauses=tuple(read_clause(part) for part in top.sections("clauses")),
        consents=tuple(_consent(part) for part in top.sections("consents")),
        waivers=tuple(_waiver(part) for part in top.sections("waivers")),
        clarifications=tuple(_clarification(part) for part in top.sections("clarifications")),
        document=dict(document),
    )
    for part in (effective, parties, transition, top):
        if part is not None:
            part.done()
    if not edition.clauses:
        top.fail("clauses", "is missing: an edition without a clause says nothing")
    if edition.begins and edition.ends and edition.ends <= edition.begins:
        effective.fail("to", "must be later than effective.from")
    return edition


def _grantor(block: Section) -> Party:
    party = Party(id=block.text("id"), side=block.text("side"))
    block.done()
    return party


def _holder(block: Section) -> Holder:
    via = {part.text("pool"): _needs(part) for part in block.sections("fulfil_via")}
    holder = Holder(
        id=block.text("id"), side=block.text("side"), pools=block.texts("pools"), fulfil_via=via
    )
    block.done()
    if not holder.pools:
        block.fail("pools", "is missing: a holder without a pool can be asked for nothing")
    return holder


def _needs(block: Section) -> Needs:
    needs = block.word("needs", Needs)
    block.done()
    return needs


def _active_leases(transition: Section | None) -> str:
    said = transition.text_or("active_leases", "grandfather") if transition else "grandfather"
    if transition and said != "grandfather":
        transition.fail("active_leases", f"says {said!r}; only 'grandfather' is carried out")
    return said


def _conditions(block: Section) -> dict[str, Condition]:
    return {name: _condition(block.section(name)) for name in block.names()}


def _condition(block: Section) -> Condition:
    condition = Condition(
        kind=block.text("kind"),
        attestor=block.text("attestor"),
        declared_by=block.text_or_none("declared_by"),
        standing=block.word("standing", Standing),
        voids=block.texts("voids"),
        test_as_reported=block.text_or_none("test_as_reported"),
        sources=block.texts("sources"),
    )
    if condition.kind != "attested":
        block.fail("kind", f"must be 'attested', not {condition.kind!r}: nothing else is known")
    block.done()
    return condition


def _consent(block: Section) -> Consent:
    excludes = block.section_or_none("excludes")
    consent = Consent(
        id=block.text("id"),
        of_clause=block.text("of_clause"),
        given_by=block.text("given_by"),
        begins=block.instant("from"),
        ends=block.instant_or_none("to"),
        match=read_match(block.section("match")),
        excludes=read_match(excludes) if excludes else None,
        standing=block.word("standing", Standing),
        sources=block.texts("sources"),
        note=block.text_or_none("note"),
    )
    block.done()
    return consent


def _waiver(block: Section) -> Waiver:
    waiver = Waiver(
        id=block.text("id"),
        of_clause=block.text("of_clause"),
        given_by=block.text("given_by"),
        begins=block.instant("from"),
        ends=block.instant("to"),
        match=read_match(block.section("match")),
        cap_units=block.whole("cap_units"),
    )
    block.done()
    return waiver


def _clarification(block: Section) -> Clarification:
    names, contested = block.section_or_none("class_map"), block.section_or_none("contested")
    clarification = Clarification(
        id=block.text("id"),
        begins=block.instant("from"),
        ends=block.instant_or_none("to"),
        says=block.text("says"),
        class_map=(
            {names.word_of(key, key, WorkClass): names.text(key) for key in names.names()}
            if names
            else {}
        ),
        contested=contested.words("class", WorkClass) if contested else frozenset(),
        treat_as=contested.word("treat_as", WorkClass) if contested else None,
        standing=block.word("standing", Standing),
        sources=block.texts("sources"),
    )
    for part in (contested, block):
        if part is not None:
            part.done()
    return clarification
