"""Edition files as they are read: the values that come out, and the faults that are named."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pytest

from broker.agreements.durations import seconds
from broker.agreements.errors import AgreementError
from broker.agreements.lint import check
from broker.agreements.read import read
from broker.agreements.registry import edition_named, load, named, shipped
from broker.domain.right import Divisible, LeaseTerm, TailFrom
from broker.domain.values import instant
from broker.domain.workload import Scope, WorkClass
from tests.support.editions import DATED, E2, E3, SHIPPED, spoilt
from tests.support.leases import an_agreement

if TYPE_CHECKING:
    from pathlib import Path

    from broker.domain.right import Right

NOW: Final = instant("2026-11-22T00:00:00Z")


def right_of(agreement: str) -> Right:
    edition = named(shipped(), agreement).in_force(NOW)
    assert edition is not None
    return edition.right("compute-rofr")


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        (
            "    effect: rofr\n",
            "    effect: rofr\n    excepting: [consent]\n",
            "compute-rofr: excepting is not a known field: did you mean 'exceptions'?",
        ),
        (
            "        default: PT30M",
            "        default: PT",
            "compute-rofr: rofr.window.default is wrong: 'PT' is no duration such as PT30M or P7D",
        ),
        (
            "effect: rofr",
            "effect: roof",
            "compute-rofr: effect says 'roof', which is none of its words: did you mean 'rofr'?",
        ),
        (
            'from: "2025-01-21T00:00:00Z"',
            'from: "2025-01-21"',
            "effective.from must be an instant such as 2025-01-21T00:00:00Z, not '2025-01-21'",
        ),
        (
            "requote: {max: 3,",
            "requote: {max: three,",
            "compute-rofr: rofr.requote.max must be a whole number of at least 0, not 'three'",
        ),
        (
            "status: superseded",
            "status: superseded\nstatus: draft",
            "line 8 cannot be read as YAML: the key 'status' stands twice",
        ),
        (
            "schema: capacity-agreement/v1",
            "schema: v2",
            "schema must be capacity-agreement/v1, not 'v2'",
        ),
        (
            "    effect: rofr\n",
            "    effect: exclusive\n",
            "compute-rofr: rofr stands in a clause of effect exclusive; only a rofr has one",
        ),
        (
            "attempts: 3, channels",
            "attempts: 3, channel",
            "compute-rofr: rofr.notice.deemed_receipt.channels is missing",
        ),
        (
            "suspend_for: P7D",
            "suspend_for: null",
            "compute-rofr: rofr.on_default.suspend_for is missing: say both or neither",
        ),
        (
            "reclaim: none",
            "reclaim: any",
            "compute-rofr: rofr.reclaim says 'any'; write none, or {notice: PT1H, ...}",
        ),
        (
            "exceptions: [consent, continuity]",
            "exceptions: [kindness]",
            "api-exclusive: exceptions says 'kindness': known are: consent, continuity",
        ),
        (
            'to: "2025-10-28T00:00:00Z"',
            'to: "2025-01-21T00:00:00Z"',
            "effective.to must be later than effective.from",
        ),
        (
            "toll_on_broker_outage: true",
            "toll_on_broker_outage: 1",
            "compute-rofr: rofr.window.toll_on_broker_outage must be true or false, not 1",
        ),
        (
            "tolerance_price: 0.00",
            "tolerance_price: none",
            "compute-rofr: rofr.after_refusal.tolerance_price must be a number, not 'none'",
        ),
        (
            "pools: [azure]\n",
            "pools: azure\n",
            "parties.holder.pools must be a list of texts, not 'azure'",
        ),
        (
            "active_leases: grandfather",
            "active_leases: evict",
            "transition.active_leases says 'evict'; only 'grandfather' is carried out",
        ),
    ],
)
def test_a_file_in_the_wrong_shape_is_one_sentence_with_file_clause_and_field(
    good: str, bad: str, sentence: str
) -> None:
    with pytest.raises(AgreementError) as wrong:
        read(spoilt(E2, good, bad), E2)
    assert str(wrong.value) == f"{E2}: {sentence}"


@pytest.mark.parametrize("text", ["", "- a list", "just words", "{", "a: [1, 2", "\x00"])
def test_what_is_no_edition_is_one_sentence_too(text: str) -> None:
    with pytest.raises(AgreementError) as wrong:
        read(text, "x.yaml")
    assert str(wrong.value).startswith("x.yaml: ")
    assert "\n" not in str(wrong.value)


def test_an_unknown_tag_would_bind_nobody_and_is_refused() -> None:
    with pytest.raises(AgreementError, match=r"open-weight: match\.tags_any says 'open_weights'"):
        read(spoilt(E3, "[open_weight]", "[open_weights]"), E3)


def test_agreements_of_ones_own_are_loaded_from_a_directory(tmp_path: Path) -> None:
    for file, text in DATED.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    agreement = load(tmp_path)["microsoft-openai"]
    assert [edition.id for edition in agreement.editions] == [
        "2023-01-23",
        "2025-01-21",
        "2025-10-28",
        "2026-04-27",
    ]
    (tmp_path / E2).unlink()
    with pytest.raises(AgreementError, match=E3):
        load(tmp_path)


def test_a_directory_without_editions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgreementError, match="there is no edition in"):
        load(tmp_path / "nowhere")


def test_the_right_of_edition_2_has_the_values_of_its_file() -> None:
    edition = edition_named(named(shipped(), "microsoft-openai"), "2025-01-21")
    right = edition.right("compute-rofr")
    assert (right.tail_s, right.tail_from) == (86_400, TailFrom.WINDOW_END)
    assert (right.provision_deadline_s, right.cure_s) == (7_200, 900)
    assert (right.refusal_max_age_s, right.acceptance_max_age_s) == (900, 900)
    assert (right.requote_max, right.requote_window) == (3, 600)
    assert right.tolerance_price == Decimal(0)
    assert right.divisible is Divisible.WHOLE_OR_PART
    assert (right.deemed_receipt.attempts, right.deemed_receipt.after_s) == (3, 300)
    assert right.suspension is not None
    assert (right.suspension.defaults, right.suspension.for_s) == (3, 604_800)
    assert right.de_minimis is not None
    assert right.de_minimis.units == 8
    assert "tenant" in right.notice_withhold
    assert "price_ceiling" in right.notice_contents


@pytest.mark.parametrize(
    ("agreement", "work", "window_s"),
    [
        ("azure-first-refusal", "inference_first_party", 300),
        ("azure-first-refusal", "pretraining", 14_400),
        ("azure-first-refusal", "evaluation", 1_800),
        ("azure-first-refusal-demo", "evaluation", 4),
        ("azure-first-refusal-demo", "inference_first_party", 4),
    ],
)
def test_a_window_is_its_classs_or_the_default(agreement: str, work: str, window_s: int) -> None:
    assert right_of(agreement).window_for(WorkClass(work)) == window_s


def test_the_default_agreement_offers_small_jobs_too() -> None:
    assert right_of("azure-first-refusal").de_minimis is None
    assert right_of("azure-first-refusal-demo").de_minimis is None


def test_the_demonstration_is_labelled_as_one() -> None:
    edition = edition_named(named(shipped(), "azure-first-refusal-demo"), "2025-01-21")
    assert "demonstration" in edition.title


def test_an_edition_knows_its_holder_and_the_right_over_a_class() -> None:
    edition = edition_named(named(shipped(), "microsoft-openai"), "2025-01-21")
    assert edition.holder_pools == ("azure",)
    assert edition.holds("azure")
    assert not edition.holds("aws")
    at = instant("2025-06-15T12:00:00Z")
    clause = edition.right_for(WorkClass.PRETRAINING, at=at)
    assert clause is not None
    assert clause.id == "compute-rofr"
    assert edition.right_for(WorkClass.PRETRAINING, at=at, scope=Scope.EXISTING) is None
    with pytest.raises(KeyError):
        edition.right("api-exclusive")
    assert edition.clause("api-exclusive").right is None


def test_a_waiver_is_read_with_its_dates_and_cap() -> None:
    waiver = (
        "waivers:\n  - {id: w1, of_clause: compute-rofr, given_by: microsoft, cap_units: 64,\n"
        '     from: "2025-02-01T00:00:00Z", to: "2025-03-01T00:00:00Z", match: {class: [research]}}'
    )
    (read_waiver,) = read(spoilt(E2, "waivers: []", waiver), E2).waivers
    assert (read_waiver.of_clause, read_waiver.cap_units) == ("compute-rofr", 64)


@pytest.mark.parametrize(
    ("text", "length_s"),
    [("PT30M", 1_800), ("P7D", 604_800), ("PT4H", 14_400), ("P1DT1S", 86_401)],
)
def test_a_duration_is_whole_seconds(text: str, length_s: int) -> None:
    assert seconds(text) == length_s


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1M", "P1Y", "P2W", "PT1.5S", "30M", "-PT1S"]
)
def test_what_has_no_fixed_length_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


LEASE: Final = "reclaim: none\n      lease: {term: P30D, renew_before: PT5H}"


def test_a_right_says_when_leases_are_renewed_and_what_may_be_asked_back() -> None:
    known = an_agreement(lease="lease: {term: P30D, renew_before: PT5H}").editions[0]
    right = known.right("compute-rofr")
    assert right.lease == LeaseTerm(term_s=30 * 86_400, renew_before_s=18_000)
    assert right.reclaim_notice_s == 600
    plain = right_of("azure-first-refusal")
    assert (plain.lease, plain.reclaim_notice_s) == (None, None)


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("PT5H", "PT4H", "must be longer than the longest window, 14400 s"),
        ("PT5H", "P30D", "shorter than the term, 2592000 s"),
        ("renew_before: PT5H", "before: PT5H", "rofr.lease.renew_before is missing"),
        (
            "reclaim: none",
            "reclaim: {notice: PT1H, checkpointable_only: false}",
            "checkpointable_only says false; only true is carried out",
        ),
        (
            "capacity: [new, renewal], pool_kind: [third_party_cloud, own_built]",
            "capacity: [new], pool_kind: [third_party_cloud, own_built]",
            "rofr.lease sets a term, but match.capacity leaves renewals out",
        ),
    ],
)
def test_a_lease_or_a_reclaim_that_cannot_be_is_named(good: str, bad: str, says: str) -> None:
    text = SHIPPED["azure-first-refusal.yaml"].replace("reclaim: none", LEASE)
    assert not check({"house.yaml": text})
    assert good in text
    assert any(says in wrong.sentence() for wrong in check({"house.yaml": text.replace(good, bad)}))
