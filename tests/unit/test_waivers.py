"""What may go elsewhere without a notice: waivers, consents, small jobs, attested conditions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.domain.recording import Revocation
from broker.domain.register import Attestation
from broker.domain.values import JobId
from broker.domain.workload import WorkClass, Workload
from tests.support.broker import AWS, EAST, GCP, NOON, Broker, a_broker, a_gang, work
from tests.support.records import (
    DAY,
    HOUR,
    Recorder,
    a_consent,
    a_waiver,
    amended,
    with_de_minimis,
)

API = {"work_class": WorkClass.INFERENCE_API}


def run(broker: Broker, *works: Workload) -> list[JobId]:
    """Submit one after the other, with time for places to show what they have."""
    jobs = []
    for one in works:
        jobs += broker.submit(one)
        broker.wait(10)
    return jobs


def bases(broker: Broker) -> list[tuple[str, list[str]]]:
    facts = broker.facts("ThirdPartyCommitted")
    return [(fact.data["basis"], fact.data["cites"]) for fact in facts]


# -- waivers


def test_under_a_waiver_units_go_to_the_cheapest_place_and_draw_its_cap_down() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        Recorder(broker).must(a_waiver(3))
        first, second = run(broker, work(units=2), work(units=2))
        assert broker.where(first) == [AWS, AWS]
        assert broker.where(second) == [AWS, EAST]  # one unit left; the other was offered
        assert bases(broker) == [("waiver", ["w1"])] * 3
        assert [f.data["units"] for f in broker.facts("OfferIssued")] == [[1]]


def test_a_gang_that_the_cap_does_not_hold_is_offered_whole() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        Recorder(broker).must(a_waiver(3))
        (job,) = run(broker, a_gang(4))
        assert broker.where(job) == [EAST] * 4
        assert bases(broker) == []


def test_units_that_the_holder_gets_draw_nothing() -> None:
    with a_broker({EAST: 9, GCP: 0}) as broker:
        Recorder(broker).must(a_waiver(3))
        (job,) = run(broker, work(units=2))
        assert broker.where(job) == [EAST, EAST]
        assert broker.store.registers["azure-first-refusal"].drawn.get("w1", 0) == 0


def test_a_placement_that_comes_to_nothing_gives_its_units_back_to_the_waiver() -> None:
    with a_broker({EAST: 0, GCP: 0, AWS: 1}) as broker:
        Recorder(broker).must(a_waiver(2))
        run(broker, work(units=2))
        broker.audited()
        assert [f.data["code"] for f in broker.facts("CommitmentFailed")][:1] == ["Full"]
        assert broker.store.registers["azure-first-refusal"].drawn["w1"] == 1


def test_a_waiver_acts_from_its_first_instant_to_just_before_its_last() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        Recorder(broker).must(a_waiver(9, begins=NOON + HOUR, ends=NOON + 2 * HOUR))
        (early,) = run(broker, work())
        broker.until(NOON + HOUR)
        (within,) = run(broker, work())
        broker.until(NOON + 2 * HOUR)
        (late,) = run(broker, work())
        assert [broker.where(job) for job in (early, within, late)] == [[EAST], [AWS], [EAST]]


def test_revoking_a_waiver_changes_new_triggers_only() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_waiver(9))
        (before,) = run(broker, work())
        recorder.must(Revocation(record="w1"))
        (after,) = run(broker, work())
        assert (broker.where(before), broker.where(after)) == ([AWS], [EAST])
        assert broker.active(before)


def test_a_waiver_of_another_class_waives_nothing() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        Recorder(broker).must(a_waiver(9))
        (job,) = run(broker, work(work_class=WorkClass.RESEARCH))
        assert broker.where(job) == [EAST]


# -- small jobs


def test_a_small_job_is_not_offered_until_its_tenant_has_had_its_share_of_the_day() -> None:
    with a_broker({EAST: 9, AWS: 99}, agreement=with_de_minimis(units=2, cap=3)) as broker:
        one, two, three = run(broker, work(units=2), work(units=2), work(units=2, tenant="shop"))
        assert broker.where(one) == [AWS, AWS]
        assert broker.where(two) == [EAST, EAST]  # 2 + 2 would be over the cap of three
        assert broker.where(three) == [AWS, AWS]
        assert bases(broker)[0] == ("de_minimis", ["clause:compute-rofr"])
        broker.until(NOON + DAY)
        (next_day,) = run(broker, work(units=2))
        assert broker.where(next_day) == [AWS, AWS]


def test_a_job_over_the_limit_is_offered_however_much_is_left() -> None:
    with a_broker({EAST: 9, AWS: 99}, agreement=with_de_minimis(units=2, cap=30)) as broker:
        (job,) = run(broker, work(units=3))
        assert broker.where(job) == [EAST] * 3


# -- consents and conditions


def test_a_recorded_consent_opens_an_exclusive_class_as_one_in_the_edition_does() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_consent())
        (job,) = run(broker, work(**API))
        assert broker.where(job) == [GCP]
        assert bases(broker) == [("refusal", [broker.offer(job).id, "c1"])]
        recorder.must(Revocation(record="c1"))
        (later,) = run(broker, work(**API))
        assert broker.where(later) == []


def test_an_attested_condition_ends_the_clause_that_waits_for_it() -> None:
    with a_broker({EAST: 0, AWS: 9}) as broker:
        (before,) = run(broker, work(**API))
        assert broker.where(before) == []
        attested = Attestation(condition="agi", by="operator", at=NOON)
        Recorder(broker).must(attested, by="operator")
        broker.wait(5)
        assert broker.where(before) == [AWS]
        assert {basis for basis, _ in bases(broker)} == {"standing_refusal"}


# -- what may not stand on record


@pytest.mark.parametrize(
    ("entry", "by", "says"),
    [
        (a_waiver(3), "aws", "by: 'aws' is not the holder; only 'azure' can give a waiver"),
        (a_waiver(3, ends=NOON), "azure", "is not later than from"),
        (a_waiver(3, begins=NOON - DAY, ends=NOON - HOUR), "azure", "is over already"),
        (a_waiver(3, of_clause="new-york"), "azure", "of_clause: there is no clause 'new-york'"),
        (a_waiver(3, of_clause="api-exclusive"), "azure", "it can be of: compute-rofr"),
        (a_consent(of_clause="compute-rofr"), "azure", "it can be of: api-exclusive"),
        (a_consent(), "operator", "only 'azure' can give a consent"),
        (Attestation(condition="agi", by="azure", at=NOON), "azure", "only 'operator' can"),
        (Attestation(condition="moon", by="operator", at=NOON), "operator", "known are: agi"),
        (Revocation(record="w9"), "azure", "record: 'w9' is not on record"),
    ],
)
def test_what_cannot_stand_is_refused_in_one_sentence_and_logged(
    entry: object, by: str, says: str
) -> None:
    with a_broker({EAST: 1}) as broker:
        recorded = Recorder(broker).put(entry, by)  # type: ignore[arg-type]
        assert recorded.refused is not None
        assert says in recorded.refused
        (fact,) = broker.facts("RecordRefused")
        assert (fact.data["by"], fact.data["why"]) == (by, recorded.refused)
        assert Recorder(broker).untouched


def test_a_cap_below_what_is_used_is_refused_and_a_higher_one_is_taken() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_waiver(2))
        run(broker, work(units=2))
        assert "2 units are placed under w1" in (recorder.put(a_waiver(1)).refused or "")
        recorder.must(a_waiver(3))
        (job,) = run(broker, work(units=2))
        assert broker.where(job) == [AWS, EAST]


def test_only_who_gave_a_waiver_revokes_it() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_waiver(2))
        assert "only 'azure' can revoke it" in (
            recorder.put(Revocation(record="w1"), by="operator").refused or ""
        )
        recorder.must(Revocation(record="w1"))
        again = recorder.put(Revocation(record="w1")).refused or ""
        assert "revoked at" in again


def test_waiver_dates_are_those_of_the_file_too() -> None:
    waiver = (
        "waivers:\n  - {id: w-file, of_clause: compute-rofr, given_by: azure,\n"
        '     from: "2026-03-02T00:00:00Z", to: "2026-03-03T00:00:00Z",\n'
        "     match: {class: [batch_inference], pool: [aws]}, cap_units: 1}\n"
    )
    with a_broker({EAST: 9, AWS: 9}, agreement=amended(("waivers: []", waiver))) as broker:
        first, second = run(broker, work(), work())
        assert (broker.where(first), broker.where(second)) == ([AWS], [EAST])
        broker.clock.at += timedelta(days=1)
        (third,) = run(broker, work())
        assert broker.where(third) == [EAST]
