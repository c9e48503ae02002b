"""Work on spot, from the offer to the end: taken back with and without a word, and gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from broker.domain.chain import Fact
from broker.domain.laws.audit import audit
from broker.domain.market import Place
from broker.domain.stock import COLUMNS
from broker.domain.values import JobId, ProviderName, Purchase
from tests.support.clouds import eventually
from workers.embedded import Engine, start

WITHIN_S: Final = 150.0
pytestmark = pytest.mark.timeout(480)
AZURE: Final = Place(ProviderName.AZURE, "eastus", "Standard_NC24ads_A100_v4", Purchase.SPOT)
GOOGLE: Final = Place(ProviderName.GCP, "us-central1", "a2-ultragpu-1g", Purchase.SPOT)
WORKS: Final = """
kept=$BROKER_CHECKPOINT_DIR/step
if [ -f "$kept" ]; then
  echo "attempt $BROKER_ATTEMPT on $BROKER_PROVIDER goes on from step $(cat "$kept")"
  exit 0
fi
trap 'echo 7 >"$kept"; echo "to be gone at $(cat "$BROKER_NOTICE")"; exit 143' TERM
test -n "$SAVE_AT_ONCE" && echo 3 >"$kept"
echo begun
while :; do sleep 0.1; done
"""


@contextmanager
def an_engine(folder: Path, *options: str) -> Iterator[tuple[Engine, httpx2.Client]]:
    """One machine on spot with Azure and one with Google, and nothing else."""
    stock = folder / "capacity.csv"
    rows = [(*place[:3], "0", "100000000", "1", place.purchase) for place in (AZURE, GOOGLE)]
    lines = [",".join((*COLUMNS, "purchase")), *(",".join(map(str, row)) for row in rows)]
    stock.write_text("\n".join(lines) + "\n")
    with (
        start(capacity=stock, cloud_options=options, reconcile_every_s=0.5) as engine,
        httpx2.Client(base_url=engine.url, trust_env=False, timeout=30) as http,
    ):
        yield engine, http
        engine.store.seal()
        report = audit(facts_of(engine))
        assert not report.breaches


def facts_of(engine: Engine) -> list[Fact]:
    engine.store.seal()
    return list(engine.store.facts(limit=100_000))


def causes(engine: Engine) -> list[str]:
    return [fact.data["cause"] for fact in facts_of(engine) if fact.type == "LeaseEnded"]


def on_spot(http: httpx2.Client, **more: Any) -> JobId:  # noqa: ANN401 - the job's own fields
    job = {
        "kind": "training",
        "name": "sft",
        "run": WORKS,
        "resources": {"gpu": "A100-80GB:1"},
        "limits": {"spot": "only", "max_price_per_hour": "3.00"},
        "checkpointable": True,
        **more,
    }
    answer = http.post("/v1/jobs", json=job)
    assert answer.status_code == 201, answer.text
    return JobId(answer.json()["id"])


def output(engine: Engine, job: JobId) -> str:
    return "".join(chunk.text for _, chunk in engine.store.logs(job))


def view(http: httpx2.Client, job: JobId) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/v1/jobs/{job}").json()
    return found


def test_a_job_that_is_taken_back_with_notice_goes_on_elsewhere(tmp_path: Path) -> None:
    with an_engine(tmp_path, "--notice", "5") as (engine, http):
        job = on_spot(http, retry={"preempted": 2})
        assert eventually(lambda: "begun" in output(engine, job), WITHIN_S), view(http, job)
        assert view(http, job)["places"][0]["purchase"] == "spot"
        assert engine.clouds is not None
        engine.clouds.restock(AZURE, 0)
        assert eventually(lambda: view(http, job)["state"] == "finished", WITHIN_S), view(http, job)
        said = output(engine, job)
        assert "to be gone at 20" in said
        assert "attempt 2 on gcp goes on from step 7" in said
        assert (view(http, job)["attempt"], view(http, job)["preempted"]) == (2, 1)
        facts = facts_of(engine)
        (noticed,) = [fact for fact in facts if fact.type == "InterruptionNoticed"]
        assert (noticed.data["provider"], noticed.data["said"]) == ("azure", "Preempt")
        assert eventually(lambda: causes(engine) == ["preempted", "finished"])
        story = http.get(f"/v1/jobs/{job}/explain").json()
        assert any("took the machine back" in row["because"] for row in story["asked"])
        assert any("attempt 2" in row["because"] for row in story["asked"])


def test_a_machine_that_goes_without_a_word_is_found_to_be_gone(tmp_path: Path) -> None:
    """The broker asks the cloud why, and a job that keeps its steps loses none of them."""
    with an_engine(tmp_path, "--notice", "0") as (engine, http):
        job = on_spot(http, env={"SAVE_AT_ONCE": "1"})
        assert eventually(lambda: "begun" in output(engine, job), WITHIN_S), view(http, job)
        assert engine.clouds is not None
        engine.clouds.restock(AZURE, 0)
        assert eventually(lambda: view(http, job)["state"] == "finished", WITHIN_S), view(http, job)
        assert "attempt 2 on gcp goes on from step 3" in output(engine, job)
        facts = facts_of(engine)
        assert not [fact for fact in facts if fact.type == "InterruptionNoticed"]
        assert eventually(lambda: causes(engine) == ["preempted", "finished"])


def test_a_job_taken_back_too_often_fails_with_a_sentence(tmp_path: Path) -> None:
    with an_engine(tmp_path, "--notice", "0") as (engine, http):
        job = on_spot(http, retry={"preempted": 0})
        assert eventually(lambda: "begun" in output(engine, job), WITHIN_S), view(http, job)
        assert engine.clouds is not None
        assert engine.clouds.evict("azure") == 1
        assert eventually(lambda: view(http, job)["state"] == "failed", WITHIN_S), view(http, job)
        assert view(http, job)["reason"] == (
            f"unit 0 was preempted once, and retry.preempted is 0; the last time at {AZURE}"
        )
