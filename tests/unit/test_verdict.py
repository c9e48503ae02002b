"""The whole table of what the four dated editions resolve to, and every single case beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from broker.agreements.registry import named, shipped
from broker.domain.clause import PoolView
from broker.domain.market import PoolKind
from broker.domain.values import instant
from broker.domain.verdict import UNGOVERNED, AllowedBy, Verdict, VerdictKind, verdict
from broker.domain.workload import Scope, WorkClass

if TYPE_CHECKING:
    from datetime import datetime

    from broker.domain.agreement import Edition

AZURE: Final = PoolView("azure", PoolKind.HOLDER)
AWS: Final = PoolView("aws", PoolKind.THIRD_PARTY_CLOUD)
GCP: Final = PoolView("gcp", PoolKind.THIRD_PARTY_CLOUD)
ORACLE: Final = PoolView("oracle", PoolKind.THIRD_PARTY_CLOUD)
OWN: Final = PoolView("own", PoolKind.OWN_BUILT)
VIA: Final = PoolView("oci-via-azure", PoolKind.HOLDER_VIA)

# The instants of the six columns: editions 1, 1 with its consent, 2, 3, 3 clarified, and 4.
COLUMNS: Final = tuple(
    instant(f"{month}-15T12:00:00Z")
    for month in ("2024-03", "2024-07", "2025-06", "2025-12", "2026-03", "2026-06")
)
(MARCH_2024, JULY_2024, JUNE_2025, DECEMBER_2025, MARCH_2026, JUNE_2026) = COLUMNS
FIRST, LAST = instant("2023-01-23T00:00:00Z"), instant("2026-11-22T00:00:00Z")

PLAIN_CLOUD: Final = {
    "pretraining": "forbid forbid offer allow allow allow",
    "fine_tuning": "forbid forbid offer allow allow allow",
    "research": "forbid forbid offer allow allow allow",
    "evaluation": "forbid forbid offer allow allow allow",
    "data_prep": "forbid forbid offer allow allow allow",
    "batch_inference": "forbid forbid offer allow allow allow",
    "inference_first_party": "forbid forbid offer allow allow allow",
    "inference_api": "forbid forbid forbid forbid forbid allow",
    "inference_api_stateful": "forbid forbid forbid allow contested allow",
}
OWN_BUILT: Final = PLAIN_CLOUD | {
    "pretraining": "forbid forbid allow allow allow allow",
    "fine_tuning": "forbid forbid allow allow allow allow",
    "research": "forbid forbid allow allow allow allow",
    "evaluation": "forbid forbid allow allow allow allow",
    "data_prep": "forbid forbid allow allow allow allow",
}
THROUGH_AZURE: Final = {
    "pretraining": "forbid forbid via_holder via_holder via_holder via_holder",
    "fine_tuning": "forbid forbid via_holder via_holder via_holder via_holder",
    "research": "forbid forbid via_holder via_holder via_holder via_holder",
    "evaluation": "forbid forbid via_holder via_holder via_holder via_holder",
    "data_prep": "forbid forbid via_holder via_holder via_holder via_holder",
    "batch_inference": "forbid allow via_holder via_holder via_holder via_holder",
    "inference_first_party": "forbid allow via_holder via_holder via_holder via_holder",
    "inference_api": "forbid allow via_holder via_holder via_holder via_holder",
    "inference_api_stateful": "forbid allow via_holder via_holder via_holder via_holder",
}
TABLE: Final = (
    (AWS, PLAIN_CLOUD),
    (GCP, PLAIN_CLOUD),
    (ORACLE, PLAIN_CLOUD),
    (OWN, OWN_BUILT),
    (VIA, THROUGH_AZURE),
)


def in_force(at: datetime, agreement: str = "microsoft-openai") -> Edition | None:
    return named(shipped(), agreement).in_force(at)


def ask(
    work: str,
    pool: PoolView,
    at: datetime,
    *,
    tags: str = "",
    scope: Scope = Scope.NEW,
) -> Verdict:
    return verdict(in_force(at), WorkClass(work), frozenset(tags.split()), pool, scope, at)


def ask_attested(condition: str, at: datetime) -> Verdict:
    given = (WorkClass.INFERENCE_API, frozenset[str](), AWS, Scope.NEW, at)
    return verdict(in_force(at), *given, frozenset({condition}))


@pytest.mark.parametrize(
    ("pool", "work", "at", "expected"),
    [
        pytest.param(pool, work, at, said, id=f"{pool.name}-{work}-{at:%Y-%m}-{said}")
        for pool, rows in TABLE
        for work, row in rows.items()
        for at, said in zip(COLUMNS, row.split(), strict=True)
    ],
)
def test_the_table(pool: PoolView, work: str, at: datetime, expected: str) -> None:
    assert ask(work, pool, at).answer == expected


def test_the_table_names_every_class() -> None:
    assert {frozenset(rows) for _, rows in TABLE} == {frozenset(WorkClass)}


@pytest.mark.parametrize("at", COLUMNS)
@pytest.mark.parametrize("work", WorkClass)
def test_the_holders_own_machines_are_always_free(work: WorkClass, at: datetime) -> None:
    said = ask(work, AZURE, at)
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.FREE)


def test_under_edition_3_the_api_may_serve_national_security_anywhere() -> None:
    said = ask("inference_api", AWS, DECEMBER_2025, tags="us_national_security")
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.CARVE_OUT)
    assert said.clause == "national-security-api"


def test_under_edition_3_the_api_may_serve_open_weights_anywhere() -> None:
    said = ask("inference_api", AWS, DECEMBER_2025, tags="open_weight")
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.CARVE_OUT)
    assert said.clause == "open-weight"


def test_a_carve_out_cuts_only_the_clauses_it_names() -> None:
    said = ask("inference_api", AWS, DECEMBER_2025, tags="open_weight codeveloped")
    assert (said.answer, said.clause) == (VerdictKind.FORBID, "codeveloped-api-exclusive")
    freed = ask("inference_api", AWS, DECEMBER_2025, tags="codeveloped us_national_security")
    assert freed.answer is VerdictKind.ALLOW


def test_a_tag_no_clause_names_changes_nothing() -> None:
    said = ask("inference_api", AWS, DECEMBER_2025, tags="prototype")
    assert (said.answer, said.clause) == (VerdictKind.FORBID, "api-exclusive")


def test_agi_once_attested_ends_the_api_exclusive_of_edition_3() -> None:
    said = ask_attested("agi", DECEMBER_2025)
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.FREE)


def test_agi_once_attested_leaves_the_right_beneath_the_exclusive_of_edition_2() -> None:
    said = ask_attested("agi", JUNE_2025)
    assert (said.answer, said.clause) == (VerdictKind.OFFER, "compute-rofr")


def test_attesting_something_else_ends_nothing() -> None:
    assert ask_attested("rain", JUNE_2025).answer is VerdictKind.FORBID


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-01-20T23:59:59Z", VerdictKind.FORBID),
        ("2025-01-20T23:59:59.999999Z", VerdictKind.FORBID),
        ("2025-01-21T00:00:00Z", VerdictKind.OFFER),
        ("2025-10-27T23:59:59Z", VerdictKind.OFFER),
        ("2025-10-28T00:00:00Z", VerdictKind.ALLOW),
    ],
)
def test_an_amendment_takes_effect_at_its_second(at: str, expected: VerdictKind) -> None:
    assert ask("pretraining", AWS, instant(at)).answer is expected


def test_before_the_first_edition_nothing_is_governed() -> None:
    assert ask("pretraining", AWS, instant("2022-06-15T12:00:00Z")) == UNGOVERNED


def test_a_renewal_on_a_rivals_cloud_is_offered_like_new_capacity() -> None:
    said = ask("pretraining", AWS, JUNE_2025, scope=Scope.RENEWAL)
    assert (said.answer, said.clause) == (VerdictKind.OFFER, "compute-rofr")


def test_capacity_already_paid_for_triggers_no_offer() -> None:
    said = ask("pretraining", AWS, JUNE_2025, scope=Scope.EXISTING)
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.FREE)


def test_the_api_stays_exclusive_on_capacity_already_paid_for() -> None:
    said = ask("inference_api", AWS, JUNE_2025, scope=Scope.EXISTING)
    assert (said.answer, said.clause) == (VerdictKind.FORBID, "api-exclusive")


def test_own_machines_train_by_the_carve_out_and_say_so() -> None:
    said = ask("pretraining", OWN, JUNE_2025)
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.CARVE_OUT)
    assert said.clause == "own-build-carve-out"


def test_a_consent_is_cited_and_opens_only_what_it_names() -> None:
    said = ask("inference_api", VIA, JULY_2024)
    assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.CONSENT)
    assert (said.clause, said.consent) == ("all-workloads-exclusive", "oracle-2024-06")
    assert ask("inference_api", ORACLE, JULY_2024).answer is VerdictKind.FORBID


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2024-06-10T23:59:59Z", VerdictKind.FORBID), ("2024-06-11T00:00:00Z", VerdictKind.ALLOW)],
)
def test_a_consent_begins_at_its_second(at: str, expected: VerdictKind) -> None:
    assert ask("inference_api", VIA, instant(at)).answer is expected


def test_a_contested_class_is_read_the_strict_way_and_says_both() -> None:
    said = ask("inference_api_stateful", AWS, MARCH_2026)
    assert (said.answer, said.reads_as) == (VerdictKind.CONTESTED, VerdictKind.FORBID)
    assert said.clause == "api-exclusive"
    freed = ask("inference_api_stateful", AWS, MARCH_2026, tags="open_weight")
    assert (freed.answer, freed.reads_as) == (VerdictKind.CONTESTED, VerdictKind.ALLOW)


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-02-26T23:59:59Z", VerdictKind.ALLOW), ("2026-02-27T00:00:00Z", VerdictKind.CONTESTED)],
)
def test_a_clarification_begins_at_its_second(at: str, expected: VerdictKind) -> None:
    assert ask("inference_api_stateful", AWS, instant(at)).answer is expected


def test_an_exclusive_clause_ends_with_the_year_2030() -> None:
    edition = in_force(JUNE_2025)
    last, over = instant("2030-12-31T23:59:59Z"), instant("2031-01-01T00:00:00Z")
    given = (WorkClass.INFERENCE_API, frozenset[str](), AWS, Scope.NEW)
    assert verdict(edition, *given, last).answer is VerdictKind.FORBID
    assert verdict(edition, *given, over).answer is VerdictKind.ALLOW


def test_a_cloud_does_not_become_the_holders_by_calling_itself_so() -> None:
    said = ask("pretraining", PoolView("aws", PoolKind.HOLDER), JUNE_2025)
    assert said.answer is VerdictKind.OFFER


@pytest.mark.parametrize(
    "at", ["2025-01-21T00:00:00Z", "2026-11-22T00:00:00Z", "2040-01-01T00:00Z"]
)
@pytest.mark.parametrize("agreement", ["azure-first-refusal", "azure-first-refusal-demo"])
def test_the_default_agreement_offers_today_what_edition_2_offered(agreement: str, at: str) -> None:
    now = instant(at)
    for pool, rows in TABLE:
        for work, row in rows.items():
            given = (WorkClass(work), frozenset[str](), pool, Scope.NEW, now)
            assert verdict(in_force(now, agreement), *given).answer == row.split()[2]


def test_under_the_open_agreement_every_pool_is_free() -> None:
    edition = in_force(LAST, "open")
    for pool in (AZURE, AWS, GCP, ORACLE, OWN, VIA):
        for work in WorkClass:
            said = verdict(edition, work, frozenset(), pool, Scope.NEW, LAST)
            assert (said.answer, said.basis) == (VerdictKind.ALLOW, AllowedBy.FREE)


@pytest.mark.parametrize("at", [FIRST, *COLUMNS, LAST])
@pytest.mark.parametrize("scope", Scope)
def test_every_verdict_gives_its_reason(scope: Scope, at: datetime) -> None:
    for pool in (AZURE, AWS, OWN, VIA):
        for work in WorkClass:
            said = ask(work, pool, at, scope=scope)
            assert said.because
            assert "\n" not in said.because
            assert (said.basis is not None) == (said.reads_as is VerdictKind.ALLOW)
            decided = said.reads_as in (VerdictKind.OFFER, VerdictKind.FORBID)
            assert not decided or said.clause is not None
