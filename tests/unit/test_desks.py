"""A person's desk: notices with many offers, keys, questions, and supply by way of another."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from broker.agreements.registry import shipped
from broker.domain.clause import Match
from broker.domain.key import Role
from broker.domain.offer import Desk
from broker.domain.recording import Revocation
from broker.domain.values import KeyId, NoticeId, ProviderName, RefusalReason
from broker.domain.workload import WorkClass
from broker.steps.answer import Rejection
from broker.steps.authority import Grant, GrantError, UnauthorisedError, grant_key, revoke_key
from broker.steps.notices import fetch_notice
from broker.steps.said import AnswerKind, Hold
from tests.support.broker import (
    AWS,
    EAST,
    NOON,
    ORACLE,
    Broker,
    a_broker,
    work,
)
from tests.support.records import Recorder, a_consent, amended

EVERYWHERE = {EAST: 9, AWS: 9}
PARTY = "azure"


def granted(broker: Broker, secret: str = "s1", role: Role = Role.DESK, **dates: object) -> str:  # noqa: S107
    grant = Grant(party=PARTY, role=role, by="operator", **dates)  # type: ignore[arg-type]
    return grant_key(grant, secret, broker.store, broker.rules, broker.ids).id


# -- notices


def test_offers_for_one_shape_share_a_notice_and_each_keeps_its_state() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        jobs = broker.placed(work(), work(), work(units=2))
        (written,) = broker.facts("NoticeWritten")
        name = NoticeId(written.data["notice"])
        assert written.data["offers"] == [broker.offer(job).id for job in jobs]
        notice = fetch_notice(name, broker.store, broker.rules)
        said = json.loads(notice.body)
        assert [entry["units"] for entry in said["offers"]] == [1, 1, 2]
        assert written.data["sha256"] == sha256(notice.body.encode()).hexdigest()
        assert [broker.offer(job).state.value for job in jobs] == ["open"] * 3
        broker.answer(jobs[0], AnswerKind.REFUSE, reason=RefusalReason.NO_CAPACITY)
        assert [broker.offer(job).state.value for job in jobs] == ["refused", "open", "open"]
        again = fetch_notice(name, broker.store, broker.rules)
        assert again.body == notice.body
        assert len(broker.facts("OfferDelivered")) == 3


def test_offers_for_another_shape_have_a_notice_of_their_own() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        broker.placed(work(), work(gang=True, units=2, chunk=2))
        assert [len(fact.data["offers"]) for fact in broker.facts("NoticeWritten")] == [1, 1]


def test_an_automatic_desk_is_sent_no_notice() -> None:
    with a_broker(EVERYWHERE) as broker:
        broker.placed(work())
        assert not broker.facts("NoticeWritten")


# -- authority


def test_from_the_first_key_on_an_answer_needs_one() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        key = granted(broker)
        for secret, why in ((None, Rejection.UNAUTHORISED), ("other", Rejection.FORBIDDEN)):
            said = broker.answer(job, holds=[(EAST, 1)], shown=secret)
            assert said.rejected is why
            assert broker.offer(job).state == "sent"
        assert broker.answer(job, holds=[(EAST, 1)], shown="s1").rejected is None
        assert broker.facts("AnswerReceived")[0].data["key"] == key
        whys = [fact.data["why"] for fact in broker.facts("AnswerRejected")]
        assert whys == ["unauthorised", "unauthorised"]


@pytest.mark.parametrize("role", [Role.GRANTOR, Role.ATTESTOR, Role.HOLDER])
def test_a_key_for_another_role_does_not_answer(role: Role) -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        granted(broker, role=role)
        assert broker.answer(job, holds=[(EAST, 1)], shown="s1").rejected is Rejection.FORBIDDEN


def test_revocation_acts_at_once_and_leaves_the_desk_in_need_of_a_key() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        key = granted(broker)
        revoke_key(KeyId(key), "operator", "left", broker.store)
        said = broker.answer(job, holds=[(EAST, 1)], shown="s1")
        assert said.rejected is Rejection.FORBIDDEN
        assert f"{key} was revoked" in said.because
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is Rejection.UNAUTHORISED
        with pytest.raises(GrantError, match="already"):
            revoke_key(KeyId(key), "operator", "", broker.store)


def test_a_key_is_good_between_its_dates_only() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        granted(
            broker,
            valid_from=NOON + timedelta(seconds=10),
            valid_until=NOON + timedelta(seconds=20),
        )
        assert "is valid from" in broker.answer(job, holds=[(EAST, 1)], shown="s1").because
        broker.wait(20)
        assert "was valid until" in broker.answer(job, holds=[(EAST, 1)], shown="s1").because
        broker.clock.at -= timedelta(seconds=1)
        assert broker.answer(job, holds=[(EAST, 1)], shown="s1").rejected is None


def test_a_notice_is_not_shown_to_whoever_may_not_see_it() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        granted(broker)
        name = broker.offer(job).notice
        assert name is not None
        with pytest.raises(UnauthorisedError):
            fetch_notice(name, broker.store, broker.rules)
        assert broker.offer(job).state == "sent"


def test_a_key_is_granted_to_a_known_party_for_some_time() -> None:
    with a_broker(EVERYWHERE) as broker:
        rules, store, ids = broker.rules, broker.store, broker.ids
        with pytest.raises(GrantError, match="party: no agreement names 'acme'"):
            grant_key(Grant(party="acme", role=Role.DESK, by="op"), "s", store, rules, ids)
        over = Grant(party=PARTY, role=Role.DESK, valid_until=NOON, by="op")
        with pytest.raises(GrantError, match="valid_until"):
            grant_key(over, "s", store, rules, ids)
        assert not broker.facts("KeyGranted")


# -- questions and counters


def test_a_question_is_answered_from_the_notice_and_changes_nothing() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        said = broker.answer(job, AnswerKind.QUERY, question="How many, and what is the price?")
        assert set(said.reply) == {"units", "price_ceiling"}
        expires = broker.offer(job).expires_at
        vague = broker.answer(job, AnswerKind.QUERY, question="Who is the tenant?")
        assert set(vague.reply) == set(broker.offer(job).mechanics.contents)
        assert broker.offer(job).expires_at == expires
        assert [f.data["question"] for f in broker.facts("AnswerReceived")][1] == (
            "Who is the tenant?"
        )
        assert broker.states(job) == ["offered"]


def test_a_counter_is_recorded_and_counts_as_a_refusal() -> None:
    with a_broker(EVERYWHERE, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        terms = {"price_usd_hour": "9"}
        broker.answer(job, AnswerKind.COUNTER, reason=RefusalReason.NOT_ECONOMIC, terms=terms)
        broker.settle()
        assert broker.facts("AnswerReceived")[0].data["terms"] == terms
        assert broker.where(job) == [AWS]


# -- by way of another


def via_oracle(units: int = 1, via: str | None = "oci-via-azure") -> Hold:
    return Hold(hold="h1", units=units, region=ORACLE.region, sku=ORACLE.sku, via=via)


def test_the_holder_may_deliver_by_way_of_another() -> None:
    known = shipped()["microsoft-openai"]
    start = known.editions[1].begins
    assert start is not None
    stock = {EAST: 0, ORACLE: 9}
    with a_broker(stock, agreement=known, desk=Desk.PERSON, start=start) as broker:
        broker.rules = replace(broker.rules, via_pools={"oci-via-azure": ProviderName.ORACLE})
        (job,) = broker.placed(work(units=9))
        plain = broker.answer(job, kept=[via_oracle(9, via=None)])
        assert plain.rejected is Rejection.NONCONFORMING
        unknown = broker.answer(job, kept=[via_oracle(9, via="gcp-via-azure")])
        assert unknown.rejected is Rejection.NONCONFORMING
        assert broker.answer(job, kept=[via_oracle(9)]).rejected is None
        broker.settle()
        bound = broker.facts("HolderCommitted")[0]
        assert (bound.data["provider"], bound.data["pool_kind"], bound.data["via"]) == (
            "oracle",
            "holder_via",
            "oci-via-azure",
        )
        assert broker.where(job) == [ORACLE] * 9
        assert not broker.facts("ThirdPartyCommitted")
        for unit in range(9):
            broker.exit(job, unit)
        assert len(broker.facts("LeaseBilled")) == 9


def test_where_the_edition_asks_for_consent_an_acceptance_is_not_enough() -> None:
    known = shipped()["microsoft-openai"]
    first = known.editions[0]
    stock = {EAST: 0, ORACLE: 1}
    consented = next(iter(first.consents)).begins
    for start, worked in ((consented - timedelta(days=1), False), (consented, True)):
        with a_broker(stock, agreement=known, desk=Desk.PERSON, start=start) as broker:
            broker.rules = replace(broker.rules, via_pools={"oci-via-azure": ProviderName.ORACLE})
            broker.clouds[ProviderName.AZURE].takes_s = 60
            (job,) = broker.placed(work())
            said = broker.answer(job, kept=[via_oracle()])
            assert (said.rejected is None) is worked, said.because
            broker.settle()
            assert bool(broker.facts("HolderCommitted")) is worked


def test_a_consent_recorded_while_the_broker_runs_opens_the_way_until_it_is_revoked() -> None:
    asks = ("needs: acceptance", "needs: consent")
    match = Match(classes=frozenset({WorkClass.INFERENCE_API}), pools=frozenset({"oci-via-azure"}))
    stock = {EAST: 0, ORACLE: 9}
    with a_broker(stock, agreement=amended(asks), desk=Desk.PERSON) as broker:
        broker.rules = replace(broker.rules, via_pools={"oci-via-azure": ProviderName.ORACLE})
        broker.clouds[ProviderName.AZURE].takes_s = 3600
        api = work(work_class=WorkClass.INFERENCE_API)
        first, second, third = broker.placed(api, api, api)
        assert broker.answer(first, kept=[via_oracle()]).rejected is Rejection.NONCONFORMING
        Recorder(broker).must(a_consent(match=match))
        assert broker.answer(second, kept=[via_oracle()]).rejected is None
        broker.settle()
        assert broker.where(second) == [ORACLE]
        Recorder(broker).must(Revocation(record="c1"))
        late = broker.answer(third, kept=[replace(via_oracle(), hold="h3")])
        assert late.rejected is Rejection.NONCONFORMING
        assert len(broker.facts("HolderCommitted", via="oci-via-azure")) == 1
