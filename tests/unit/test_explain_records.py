"""What stood on record is told: disputes, conflicts, attestations, consents. Live and exported."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.agreements.read import read_recorded
from broker.agreements.registry import shipped
from broker.cli.log import explained
from broker.domain.chain import exported
from broker.domain.explain import explain
from broker.domain.explanation import Explanation, Verdict
from broker.domain.recording import Revocation
from broker.domain.register import Attestation
from broker.domain.values import JobId
from broker.domain.workload import WorkClass
from tests.support.broker import AWS, EAST, GCP, NOON, Broker, a_broker, work
from tests.support.records import Recorder, a_conflict, a_consent

IN_DISPUTE = datetime(2026, 3, 20, tzinfo=UTC)


def told(broker: Broker, job: JobId, folder: Path) -> Explanation:
    """From the facts, and word for word the same from an export of them."""
    facts = broker.facts()
    said = explain(facts, job, read_recorded)
    file = folder / "log.jsonl"
    file.write_text("".join(f"{exported(fact)}\n" for fact in facts), encoding="utf-8")
    assert explained(str(file), job) == said
    return said


def elsewhere(said: Explanation) -> dict[str, tuple[str, str]]:
    return {row.provider: (row.verdict, row.because) for row in said.not_asked}


def test_a_contested_class_is_told_with_how_it_is_read(tmp_path: Path) -> None:
    agreement = shipped()["microsoft-openai"]
    with a_broker({EAST: 1, AWS: 1}, agreement=agreement, start=IN_DISPUTE) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API_STATEFUL))
        said = told(broker, job, tmp_path)
        (free,) = broker.placed(work(work_class=WorkClass.RESEARCH))
        undisputed = told(broker, free, tmp_path)
    assert said.contested == (
        "inference_api_stateful is in dispute and read as inference_api, the strictest reading: "
        "stateless-2026-02-27 of microsoft-openai 2025-10-28"
    )
    assert f"contested: {said.contested}" in said.text()
    verdict, because = elsewhere(said)["aws"]
    assert (verdict, because.split(": ")[0]) == (
        "contested",
        "inference_api_stateful is in dispute and read as inference_api",
    )
    assert undisputed.contested == ""
    assert "contested" not in undisputed.text()


def test_a_job_held_for_a_conflict_has_a_row_that_says_so(tmp_path: Path) -> None:
    with a_broker({EAST: 2, AWS: 2}) as broker:
        Recorder(broker).must(a_conflict("azure"), by="operator")
        (job,) = broker.placed(work(units=2))
        held = told(broker, job, tmp_path)
        Recorder(broker).must(Revocation(record="k1"), by="operator")
        broker.wait(120)
        moved_on = told(broker, job, tmp_path)
    (row,) = held.asked
    assert (row.verdict, row.provider, row.units) == (Verdict.HELD, "azure", 2)
    assert row.because.endswith("is in the conflict set of lab")
    assert held.headline == f"queued, held: {row.because}"
    assert Explanation.from_json(json.loads(json.dumps(held.as_json()))) == held
    assert moved_on.asked[0].verdict is Verdict.HELD
    assert "held" not in moved_on.headline


def test_a_place_in_conflict_is_told_as_such_and_opens_by_no_limit(tmp_path: Path) -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 1}) as broker:
        Recorder(broker).must(a_conflict("aws"), by="operator")
        (job,) = broker.placed(work())
        said = told(broker, job, tmp_path)
    assert elsewhere(said)["aws"] == ("offer", "aws is in the conflict set of lab")
    assert said.would_change == ()


@pytest.mark.parametrize(("by", "verdict"), [("operator", "offer"), ("azure", "forbid")])
def test_only_what_the_named_party_attested_counts(tmp_path: Path, by: str, verdict: str) -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        Recorder(broker).put(Attestation(condition="agi", by=by, at=NOON), by=by)
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        assert elsewhere(told(broker, job, tmp_path))["aws"][0] == verdict


def test_what_was_put_on_record_later_is_no_part_of_the_story(tmp_path: Path) -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        broker.wait(10)
        Recorder(broker).must(Attestation(condition="agi", by="operator", at=NOON), by="operator")
        assert elsewhere(told(broker, job, tmp_path))["aws"][0] == "forbid"


def test_a_consent_given_while_the_broker_ran_opens_what_it_covers(tmp_path: Path) -> None:
    api = {"work_class": WorkClass.INFERENCE_API}
    with a_broker({EAST: 3, AWS: 3, GCP: 3}) as broker:
        (before,) = broker.placed(work(**api))
        broker.wait(10)
        Recorder(broker).must(a_consent())
        (during,) = broker.placed(work(**api))
        broker.wait(10)
        Recorder(broker).must(Revocation(record="c1"))
        (after,) = broker.placed(work(**api))
        said = [told(broker, job, tmp_path) for job in (before, during, after)]
    words = [elsewhere(one).get("gcp", ("asked", ""))[0] for one in said]
    assert words == ["forbid", "offer", "forbid"]
