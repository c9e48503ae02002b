"""Edition files: what ships is good, and every rule is broken once, in just one way."""

from __future__ import annotations

import json
from typing import Final

import pytest

from broker.agreements.errors import AgreementError, Rule
from broker.agreements.lint import Finding, check
from broker.agreements.read import edition_of, read
from broker.agreements.registry import agreements, edition_named, named, shipped
from broker.domain.agreement import Status
from broker.domain.clause import PoolView
from broker.domain.market import PoolKind
from broker.domain.values import instant, plain
from broker.domain.verdict import UNGOVERNED, verdict
from broker.domain.workload import Scope, WorkClass
from tests.support.editions import DATED, E1, E2, E3, E4, SHIPPED, spoilt

NOW: Final = instant("2026-11-22T00:00:00Z")
DRAFT: Final = (
    SHIPPED[E4]
    .replace("status: in_force", "status: draft")
    .replace('edition: "2026-04-27"', 'edition: "next"')
    .replace('supersedes: "2025-10-28"', 'supersedes: "2026-04-27"')
)


def the_one_finding(texts: dict[str, str]) -> Finding:
    found = check(texts, NOW)
    assert len(found) == 1, [finding.sentence() for finding in found]
    return found[0]


@pytest.mark.parametrize("file", sorted(SHIPPED))
def test_every_shipped_edition_can_be_read(file: str) -> None:
    edition = read(SHIPPED[file], file)
    assert file.startswith(edition.agreement)
    assert edition.clauses


def test_the_shipped_editions_break_no_rule() -> None:
    assert [finding.sentence() for finding in check(SHIPPED, NOW)] == []


def test_these_agreements_ship() -> None:
    assert sorted(shipped()) == [
        "azure-first-refusal",
        "azure-first-refusal-demo",
        "exclusive",
        "microsoft-openai",
        "open",
    ]
    assert shipped() is shipped()


@pytest.mark.parametrize("file", sorted(SHIPPED))
def test_an_edition_recorded_in_the_log_reads_back_as_it_was(file: str) -> None:
    edition = read(SHIPPED[file], file)
    again = edition_of(json.loads(json.dumps(plain(edition.document))), "the log")
    assert plain(again) == plain(edition)


# (rule, clause, file, what is good, what it is spoilt into)
SPOILT: Final = (
    (Rule.UNIQUE_IDS, "primary-cloud", E4, "id: first-ship", "id: primary-cloud"),
    (
        Rule.NAMES_EXIST,
        "own-build-carve-out",
        E2,
        "carves_out: [compute-rofr]",
        "carves_out: [compute-rofl]",
    ),
    (
        Rule.NAMES_EXIST,
        "oracle-2024-06",
        E1,
        "of_clause: all-workloads-exclusive",
        "of_clause: all-work",
    ),
    (Rule.NAMES_EXIST, "oracle-2024-06", E1, "exceptions: [consent]", "exceptions: []"),
    (Rule.NAMES_EXIST, "oracle-2024-06", E1, "given_by: microsoft", "given_by: oracle"),
    (
        Rule.NAMES_EXIST,
        "primary-cloud",
        E4,
        "effect: prefer\n    in_favour_of: microsoft",
        "effect: prefer\n    in_favour_of: aws",
    ),
    (
        Rule.NAMES_EXIST,
        "",
        E2,
        "voids: [api-exclusive] ",
        "voids: [api-exclusive, api-inclusive] ",
    ),
    (
        Rule.NAMES_EXIST,
        "compute-rofr",
        E2,
        'earliest_of: [{date: "2031-01-01T00:00:00Z"}]}\n    standing',
        "earliest_of: [{condition: rain}]}\n    standing",
    ),
    (Rule.VOIDS_UNTIL, "api-exclusive", E2, ", {condition: agi}]", "]"),
    (Rule.KNOWN_CLASS, "api-exclusive", E3, "class: [inference_api],", "class: [inference_apis],"),
    (Rule.KNOWN_CLASS, "compute-rofr", E2, "{pretraining: PT4H", "{training: PT4H"),
    (Rule.COMPLETE_RIGHT, "compute-rofr", E2, "        default: PT30M\n", ""),
    (Rule.COMPLETE_RIGHT, "compute-rofr", E2, "        minimum: PT30S\n", ""),
    (Rule.COMPLETE_RIGHT, "compute-rofr", E2, "      silence: deemed_refusal\n", ""),
    (Rule.COMPLETE_RIGHT, "compute-rofr", E2, "tail: PT24H, ", ""),
    (
        Rule.COMPLETE_RIGHT,
        "compute-rofr",
        E2,
        "      provision: {deadline: PT2H, cure: PT15M}\n",
        "",
    ),
    (Rule.COMPLETE_RIGHT, "compute-rofr", E2, "      notice:\n", "      notices:\n"),
    (Rule.FLOOR, "compute-rofr", E2, "inference_first_party: PT60S", "inference_first_party: PT9S"),
    (Rule.FLOOR, "compute-rofr", E2, "default: PT30M", "default: PT29S"),
    (
        Rule.FLOOR,
        "compute-rofr",
        E2,
        "requote: {max: 3, window: PT10M}",
        "requote: {max: 3, window: PT1S}",
    ),
    (Rule.GANG, "compute-rofr", E2, "gang: whole_only", "gang: whole_or_part"),
    (Rule.TOLERANCE, "compute-rofr", E2, "tolerance_price: 0.00", "tolerance_price: -0.01"),
    (
        Rule.RENEWAL,
        "all-workloads-exclusive",
        E1,
        "capacity: [new, renewal]",
        "capacity: [new]",
    ),
    (Rule.ASSUMED, "compute-rofr", "azure-first-refusal.yaml", "      assumed: true\n", ""),
    (
        Rule.ASSUMED,
        "api-exclusive",
        E3,
        "exceptions: [consent, continuity]\n    standing: stated",
        "exceptions: [consent, continuity]\n    standing: reported",
    ),
    (
        Rule.SOURCE,
        "open-weight",
        E3,
        "    sources: [news.aibase.com/news/22327]\n",
        "",
    ),
    (
        Rule.SOURCE,
        "",
        E3,
        """    sources:
      - telecomtalk.info
      - centerconsulting.com/ai-library/milestones/2025-openai-pbc-recapitalization
    voids""",
        "    voids",
    ),
    (
        Rule.PRIVACY,
        "compute-rofr",
        E2,
        "contents: [offer_id,",
        "contents: [tenant, offer_id,",
    ),
)


@pytest.mark.parametrize(
    ("rule", "clause", "file", "good", "bad"),
    SPOILT,
    ids=[f"{case[0]}-{index}" for index, case in enumerate(SPOILT)],
)
def test_a_rule_once_broken_is_named_with_file_and_clause(
    rule: Rule, clause: str, file: str, good: str, bad: str
) -> None:
    found = the_one_finding(SHIPPED | {file: spoilt(file, good, bad)})
    assert (found.rule, found.file, found.clause) == (rule, file, clause)
    assert found.sentence().startswith(f"{file}: {clause}")


def test_every_rule_of_a_file_is_shown_to_fail() -> None:
    of_a_series = {Rule.GAP, Rule.OVERLAP, Rule.SUPERSEDES, Rule.DRAFT, Rule.SHAPE}
    assert {case[0] for case in SPOILT} | of_a_series == set(Rule)


def test_a_reason_given_lets_a_clause_leave_renewals_out() -> None:
    text = spoilt(E1, "capacity: [new, renewal]", "capacity: [new]")
    text = text.replace(
        "    exceptions:", "    renewal_note: leases may run on\n    exceptions:", 1
    )
    assert check(SHIPPED | {E1: text}, NOW) == []


def test_a_gap_between_two_editions_is_one_clear_sentence() -> None:
    text = spoilt(E2, 'to: "2025-10-28T00:00:00Z"', 'to: "2025-10-27T00:00:00Z"')
    found = the_one_finding(DATED | {E2: text})
    assert found.rule is Rule.GAP
    assert found.sentence() == (
        f"{E3}: microsoft-openai has a gap: edition 2025-01-21 ends 2025-10-27T00:00:00Z "
        "and edition 2025-10-28 begins 2025-10-28T00:00:00Z"
    )


@pytest.mark.parametrize("end", ['"2025-10-28T00:00:01Z"', "null"])
def test_an_overlap_of_two_editions_is_one_clear_sentence(end: str) -> None:
    text = spoilt(E2, 'to: "2025-10-28T00:00:00Z"', f"to: {end}")
    found = the_one_finding(DATED | {E2: text})
    assert found.rule is Rule.OVERLAP
    assert found.sentence().startswith(f"{E3}: microsoft-openai has an overlap: edition 2025-01-21")


def test_an_edition_supersedes_the_one_before_it() -> None:
    text = spoilt(E3, 'supersedes: "2025-01-21"', 'supersedes: "2023-01-23"')
    found = the_one_finding(DATED | {E3: text})
    assert (found.rule, found.file) == (Rule.SUPERSEDES, E3)
    assert found.says == (
        "supersedes says 2023-01-23, but the edition of microsoft-openai before 2025-10-28 "
        "is 2025-01-21"
    )


def test_an_edition_given_twice_is_told_of() -> None:
    found = check(DATED | {"copy.yaml": DATED[E4]}, NOW)
    assert {Rule.UNIQUE_IDS, Rule.OVERLAP} <= {finding.rule for finding in found}


def test_a_draft_cannot_have_begun() -> None:
    found = the_one_finding(DATED | {"draft.yaml": DRAFT})
    assert (found.rule, found.file) == (Rule.DRAFT, "draft.yaml")
    undated = DRAFT.replace('from: "2026-04-27T00:00:00Z"', "from: null", 1)
    assert check(DATED | {"draft.yaml": undated}, NOW) == []


def test_a_draft_is_kept_and_never_asked() -> None:
    agreement = agreements(DATED | {"draft.yaml": DRAFT})["microsoft-openai"]
    draft = edition_named(agreement, "next")
    assert draft.status is Status.DRAFT
    in_force = agreement.in_force(NOW)
    assert in_force is not None
    assert in_force.id == "2026-04-27"
    aws = PoolView("aws", PoolKind.THIRD_PARTY_CLOUD)
    said = verdict(draft, WorkClass.RESEARCH, frozenset(), aws, Scope.NEW, NOW)
    assert said == UNGOVERNED


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2023-01-22T23:59:59.999999Z", None),
        ("2023-01-23T00:00:00Z", "2023-01-23"),
        ("2025-01-20T23:59:59.999999Z", "2023-01-23"),
        ("2025-01-21T00:00:00Z", "2025-01-21"),
        ("2025-10-27T23:59:59.999999Z", "2025-01-21"),
        ("2025-10-28T00:00:00Z", "2025-10-28"),
        ("2026-04-26T23:59:59.999999Z", "2025-10-28"),
        ("2026-04-27T00:00:00Z", "2026-04-27"),
        ("2026-04-27T01:59:59+02:00", "2025-10-28"),
    ],
)
def test_an_edition_is_in_force_from_its_instant_until_just_before_the_next(
    at: str, expected: str | None
) -> None:
    edition = named(shipped(), "microsoft-openai").in_force(instant(at))
    assert (edition.id if edition else None) == expected


def test_an_unknown_agreement_is_one_clear_sentence() -> None:
    with pytest.raises(AgreementError) as wrong:
        named(shipped(), "azure-first")
    assert str(wrong.value) == (
        "there is no agreement 'azure-first': did you mean 'azure-first-refusal'?"
    )


def test_an_unknown_edition_is_one_clear_sentence() -> None:
    with pytest.raises(AgreementError, match="microsoft-openai has no edition '1999'"):
        edition_named(named(shipped(), "microsoft-openai"), "1999")
