"""Readings that the shipped editions do not need, on editions changed in one place."""

from __future__ import annotations

from broker.agreements.read import read
from broker.domain.clause import PoolView, Question
from broker.domain.market import PoolKind
from broker.domain.values import instant
from broker.domain.verdict import AllowedBy, Verdict, VerdictKind, verdict
from broker.domain.workload import Scope, WorkClass
from tests.support.editions import E1, E2, E3, E4, SHIPPED, spoilt

AWS = PoolView("aws", PoolKind.THIRD_PARTY_CLOUD)
VIA = PoolView("oci-via-azure", PoolKind.HOLDER_VIA)
AT = instant("2025-06-15T12:00:00Z")
MARCH_2026 = instant("2026-03-15T12:00:00Z")
NO_TAGS = frozenset[str]()


def ask(text: str, work: WorkClass, pool: PoolView, *, scope: Scope = Scope.NEW) -> Verdict:
    return verdict(read(text, "x.yaml"), work, NO_TAGS, pool, scope, AT)


def test_whose_a_pool_is_is_said_by_its_name() -> None:
    edition = read(SHIPPED[E4], E4)
    azure = PoolView("azure", PoolKind.HOLDER)
    assert edition.seen(PoolView("azure", PoolKind.THIRD_PARTY_CLOUD)) == azure
    assert edition.seen(PoolView("aws", PoolKind.HOLDER)) == AWS
    assert edition.seen(PoolView("oci-via-azure", PoolKind.THIRD_PARTY_CLOUD)) == VIA


def test_a_deny_forbids_like_an_exclusive_and_names_itself() -> None:
    text = spoilt(E3, "effect: commit", "effect: deny").replace("pool: [azure]}", "pool: [aws]}")
    said = ask(text, WorkClass.RESEARCH, AWS)
    assert (said.answer, said.clause) == (VerdictKind.FORBID, "azure-commitment")


def test_a_pool_that_needs_consent_is_shut_without_one_even_where_nothing_else_shuts_it() -> None:
    text = spoilt(E4, "needs: acceptance", "needs: consent")
    assert ask(text, WorkClass.RESEARCH, VIA).answer is VerdictKind.FORBID
    paid_for = ask(text, WorkClass.RESEARCH, VIA, scope=Scope.EXISTING)
    assert (paid_for.answer, paid_for.basis) == (VerdictKind.ALLOW, AllowedBy.FREE)


def test_a_consent_does_not_open_what_it_excludes() -> None:
    text = spoilt(E1, "excludes: {class: [pretraining]}", "excludes: {class: [inference_api]}")
    text = text.replace('to: "2025-01-21T00:00:00Z"\n    match', "match")
    assert ask(text, WorkClass.BATCH_INFERENCE, VIA).basis is AllowedBy.CONSENT
    assert ask(text, WorkClass.INFERENCE_API, VIA).answer is VerdictKind.FORBID


def test_a_consent_to_an_exclusive_leaves_the_right_beneath_it() -> None:
    consent = (
        "consents:\n  - {id: c1, of_clause: api-exclusive, given_by: microsoft, standing: stated,\n"
        '     from: "2025-02-01T00:00:00Z", match: {class: [inference_api]}}\nwaivers: []'
    )
    said = ask(spoilt(E2, "waivers: []", consent), WorkClass.INFERENCE_API, AWS)
    assert (said.answer, said.clause) == (VerdictKind.OFFER, "compute-rofr")


def test_a_permit_that_names_nothing_cuts_nothing() -> None:
    text = spoilt(E2, "carves_out: [compute-rofr]", "carves_out: []")
    own = PoolView("own", PoolKind.OWN_BUILT)
    assert ask(text, WorkClass.PRETRAINING, own).answer is VerdictKind.OFFER


def test_a_clarification_that_has_ended_disputes_nothing() -> None:
    begins = 'from: "2026-02-27T00:00:00Z"\n'
    ended = f'{begins}    to: "2026-03-01T00:00:00Z"\n'
    edition = read(spoilt(E3, begins, ended), E3)
    given = (WorkClass.INFERENCE_API_STATEFUL, NO_TAGS, AWS, Scope.NEW, MARCH_2026)
    assert verdict(edition, *given).answer is VerdictKind.ALLOW


def test_the_joining_word_decides_whether_one_circumstance_is_enough() -> None:
    one = frozenset({"holder_cannot_support"})
    both = one | {"holder_chooses_not"}
    tags = frozenset({"product_launch"})
    for text, enough in (
        (SHIPPED[E4], both),
        (spoilt(E4, "all_of", "any_of"), one),
    ):
        clause = read(text, E4).clause("first-ship")
        for attested in (NO_TAGS, one, both):
            asked = Question(
                WorkClass.INFERENCE_API, tags, None, Scope.NEW, MARCH_2026, frozenset(attested)
            )
            assert clause.applies(asked) == (not enough <= attested)
