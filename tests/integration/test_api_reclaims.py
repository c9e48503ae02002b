"""A unit asked back by the holder's desk, over HTTP and in the shell's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broker.steps.rulebook import Rulebook
from tests.support.api import AZURE, POOLS, Office, an_office, fault, submit, the_offer
from tests.support.leases import an_agreement

TOKEN = "a token of some length"  # noqa: S105 - of this test only
HELD = {"hold": "kept", "region": AZURE.region, "sku": AZURE.sku, "by": "desk@azure"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        known = an_agreement()
        rules = Rulebook(
            agreements={known.name: known},
            default_agreement=known.name,
            pools=POOLS,
            desk_for=office.context.rules.desk_for,
        )
        office.context = office.with_context(rules=rules)
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def spilled(client: TestClient, office: Office, **asked: Any) -> str:  # noqa: ANN401 - a job's
    job = submit(client, **asked)
    office.work()
    refusal = {"kind": "refuse", "reason": "no_capacity"}
    client.post(f"/v1/offers/{the_offer(client)['id']}/answer", json=refusal)
    office.work()
    return job


def test_a_released_unit_is_asked_back_and_moves_when_its_notice_is_over(
    client: TestClient, office: Office
) -> None:
    job = spilled(client, office, checkpointable=True)
    asked = client.post(f"/v1/jobs/{job}/units/0/reclaim", json=HELD)
    assert asked.status_code == 200, asked.text
    assert asked.json()["notice_until"].startswith(f"{office.clock.now():%Y-%m-%dT%H}:")
    office.seal()
    facts = [f["type"] for f in client.get(f"/v1/jobs/{job}/events").json()["items"]]
    assert facts[-2:] == ["ReclaimAsked", "HolderCommitted"]
    again = client.post(f"/v1/jobs/{job}/units/0/reclaim", json=HELD)
    assert (again.status_code, fault(again)["code"]) == (409, "under_way")


def test_the_desk_asks_back_with_its_key_alone(office: Office) -> None:
    with office.client(token=TOKEN) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        job = spilled(client, office, checkpointable=True)
        path = f"/v1/jobs/{job}/units/0/reclaim"
        key = client.post("/v1/keys", json={"party": "azure", "role": "desk"}).json()
        other = client.post("/v1/keys", json={"party": "operator", "role": "grantor"}).json()
        bare = client.post(path, json=HELD)
        assert (bare.status_code, fault(bare)["code"]) == (401, "unauthorised")
        del client.headers["Authorization"]
        foreign = client.post(path, json=HELD, headers={"Broker-Key": other["secret"]})
        assert (foreign.status_code, fault(foreign)["code"]) == (403, "forbidden")
        asked = client.post(path, json=HELD, headers={"Broker-Key": key["secret"]})
        assert asked.status_code == 200, asked.text


def test_a_job_that_cannot_be_stopped_is_left_alone(client: TestClient, office: Office) -> None:
    job = spilled(client, office)
    asked = client.post(f"/v1/jobs/{job}/units/0/reclaim", json=HELD)
    assert (asked.status_code, fault(asked)["code"]) == (403, "not_checkpointable")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/jobs/job_none/units/0/reclaim", HELD, 404),
        ("/v1/jobs/{job}/units/9/reclaim", HELD, 404),
        ("/v1/jobs/{job}/units/0/reclaim", HELD | {"sku": "none"}, 422),
        ("/v1/jobs/{job}/units/0/reclaim", {"region": "x", "sku": "y"}, 422),
        ("/v1/jobs/{job}/units/0/reclaim", HELD | {"holds": 1}, 422),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(
    client: TestClient, office: Office, path: str, body: dict[str, Any], status: int
) -> None:
    job = spilled(client, office, checkpointable=True)
    asked = client.post(path.format(job=job), json=body)
    assert asked.status_code == status
    assert fault(asked)["message"]
