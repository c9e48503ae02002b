"""Who may put things on record of an agreement, or ask a unit back, once keys are granted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.agreements.document import parse
from broker.domain.key import Role
from broker.domain.offer import Desk
from broker.domain.recording import Entry, Revocation
from broker.domain.register import Attestation
from broker.domain.values import KeyId
from broker.steps.authority import Denied, Grant, grant_key, revoke_key
from broker.steps.new_edition import record_edition
from tests.support.broker import AWS, EAST, NOON, Broker, a_broker, work
from tests.support.records import Recorder, a_conflict, a_consent, a_waiver, an_acceptance
from tests.support.two_editions import FILE, NEXT, second

HOLDER, GRANTOR = "azure", "operator"
AGI = Attestation(condition="agi", by=GRANTOR, at=NOON)
FAMILIES = [
    (a_waiver(3), HOLDER, Role.HOLDER),
    (a_consent(), HOLDER, Role.DESK),
    (an_acceptance(2), HOLDER, Role.DESK),
    (AGI, GRANTOR, Role.ATTESTOR),
    (a_conflict("aws"), GRANTOR, Role.GRANTOR),
]


def granted(broker: Broker, party: str, role: Role, secret: str) -> KeyId:
    grant = Grant(party=party, role=role, by="admin")
    return grant_key(grant, secret, broker.store, broker.rules, broker.ids).id


@pytest.mark.parametrize(("entry", "by", "role"), FAMILIES)
def test_from_a_partys_first_key_on_its_records_need_one(entry: Entry, by: str, role: Role) -> None:
    other = GRANTOR if by == HOLDER else HOLDER
    with a_broker({EAST: 1}) as broker:
        recorder = Recorder(broker)
        good = granted(broker, by, role, "good")
        gone = granted(broker, by, role, "gone")
        revoke_key(gone, "admin", "left", broker.store)
        granted(broker, other, role if role is Role.ATTESTOR else Role.GRANTOR, "foreign")
        for secret, denied, says in (
            (None, Denied.MISSING, "a key is needed"),
            ("gone", Denied.FORBIDDEN, "was revoked"),
            ("foreign", Denied.FORBIDDEN, f"key of {other}"),
            ("made up", Denied.FORBIDDEN, "not known here"),
        ):
            said = recorder.put(entry, by, secret)
            assert (said.denied, says in (said.refused or "")) == (denied, True), said
        told = [(f.data["by"], f.data["why"]) for f in broker.facts("RecordRefused")]
        assert told == [(by, "unauthorised")] * 4
        assert recorder.name not in broker.store.registers
        assert recorder.put(entry, by, "good").refused is None
        revoke_key(good, "admin", "left", broker.store)
        assert recorder.put(Revocation(record="none"), by, "good").denied is Denied.FORBIDDEN


def test_a_key_for_one_thing_does_not_do_for_another_but_asks_for_one() -> None:
    with a_broker({EAST: 1}) as broker:
        granted(broker, GRANTOR, Role.GRANTOR, "ours")
        recorder = Recorder(broker)
        assert recorder.put(AGI, GRANTOR).denied is Denied.MISSING
        assert recorder.put(AGI, GRANTOR, "ours").denied is Denied.FORBIDDEN


@pytest.mark.parametrize(("entry", "by", "role"), FAMILIES)
@pytest.mark.parametrize("revoked", [False, True])
def test_once_anybody_has_a_key_everybody_needs_one_to_put_something_on_record(
    entry: Entry, by: str, role: Role, *, revoked: bool
) -> None:
    other = GRANTOR if by == HOLDER else HOLDER
    with a_broker({EAST: 1}) as broker:
        theirs = granted(broker, other, Role.GRANTOR, "theirs")
        if revoked:
            revoke_key(theirs, "admin", "left", broker.store)
        recorder = Recorder(broker)
        bare = recorder.put(entry, by)
        assert bare.denied is Denied.MISSING
        assert f"{by} was given none yet" in (bare.refused or "")
        assert recorder.put(entry, by, "theirs").denied is Denied.FORBIDDEN
        assert recorder.name not in broker.store.registers
        granted(broker, by, role, "ours")
        assert recorder.put(entry, by, "ours").refused is None


def test_the_grantors_key_does_not_silence_the_holders_desk() -> None:
    """Else its offers would lapse by an act of the other party's."""
    with a_broker({EAST: 1, AWS: 1}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        granted(broker, GRANTOR, Role.GRANTOR, "ours")
        assert broker.answer(job, holds=[(EAST, 1)]).rejected is None


def test_what_is_taken_back_needs_the_key_it_was_given_with() -> None:
    with a_broker({EAST: 1}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_waiver(3))
        recorder.must(a_conflict("aws"), GRANTOR)
        granted(broker, HOLDER, Role.HOLDER, "theirs")
        granted(broker, GRANTOR, Role.GRANTOR, "ours")
        for record, by, good, bad in (
            ("w1", HOLDER, "theirs", "ours"),
            ("k1", GRANTOR, "ours", "theirs"),
        ):
            entry = Revocation(record=record)
            assert recorder.put(entry, by).denied is Denied.MISSING
            assert recorder.put(entry, by, bad).denied is Denied.FORBIDDEN
            assert recorder.put(entry, by, good).refused is None


def test_nobody_records_a_conflict_past_the_grantors_key_by_another_name() -> None:
    with a_broker({EAST: 1}) as broker:
        recorder = Recorder(broker)
        assert recorder.put(a_conflict("aws", id="k0"), "anybody").refused is None
        granted(broker, GRANTOR, Role.GRANTOR, "ours")
        for by in ("anybody", HOLDER):
            assert recorder.put(a_conflict("aws"), by).denied is Denied.MISSING
            assert recorder.put(Revocation(record="k0"), by).denied is Denied.MISSING
        assert recorder.put(a_conflict("aws"), "anybody", "ours").denied is Denied.FORBIDDEN
        assert recorder.put(a_conflict("aws"), GRANTOR, "ours").refused is None


@pytest.mark.parametrize(("by", "role"), [(GRANTOR, Role.GRANTOR), (HOLDER, Role.HOLDER)])
def test_the_next_edition_needs_the_key_of_the_party_that_records_it(by: str, role: Role) -> None:
    document = parse(second(NOON + timedelta(seconds=60), "withdraw"), FILE)
    with a_broker({EAST: 1}) as broker:
        name, store, rules = "azure-first-refusal", broker.store, broker.rules
        granted(broker, by, role, "good")
        gone = granted(broker, by, role, "gone")
        revoke_key(gone, "admin", "left", store)
        granted(broker, HOLDER if by == GRANTOR else GRANTOR, Role.GRANTOR, "foreign")
        for secret, denied in (
            (None, Denied.MISSING),
            ("gone", Denied.FORBIDDEN),
            ("foreign", Denied.FORBIDDEN),
        ):
            assert record_edition(name, document, by, store, rules, secret).denied is denied
        told = [(f.data["what"], f.data["why"]) for f in broker.facts("RecordRefused")]
        assert told == [("edition", "unauthorised")] * 3
        assert NEXT not in {f.data["edition"] for f in broker.facts("EditionRecorded")}
        assert record_edition(name, document, by, store, rules, "good").edition == NEXT
