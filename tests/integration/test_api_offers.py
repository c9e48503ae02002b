"""Offers, agents and the log over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.api import (
    AWS,
    AZURE,
    SOURCE,
    Office,
    accepted,
    an_office,
    fault,
    submit,
    the_offer,
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


# -- offers


def test_reading_the_notice_opens_the_window_and_its_bytes_are_those_of_the_log(
    client: TestClient, office: Office
) -> None:
    job = submit(client)
    office.work()
    offer = the_offer(client)
    assert (offer["state"], offer["desk"], offer["expires_at"]) == ("sent", "person", None)
    notice = client.get(f"/v1/offers/{offer['id']}/notice")
    office.seal()
    assert client.get(f"/v1/offers/{offer['id']}").json()["state"] == "open"
    facts = client.get(f"/v1/jobs/{job}/events").json()["items"]
    issued = next(fact for fact in facts if fact["type"] == "OfferIssued")
    assert issued["data"]["notice_sha256"] == sha256(notice.content).hexdigest()
    assert [fact["data"]["how"] for fact in facts if fact["type"] == "OfferDelivered"] == ["ack"]


def test_an_offer_is_accepted_once(client: TestClient, office: Office) -> None:
    job = submit(client)
    office.work()
    offer = the_offer(client)["id"]
    judged = accepted(client, offer)
    assert (judged.status_code, judged.json()["state"]) == (200, "accepted"), judged.text
    again = accepted(client, offer)
    assert (again.status_code, fault(again)["code"]) == (409, "duplicate")
    office.work()
    seen = client.get(f"/v1/jobs/{job}").json()
    assert (seen["stage"], seen["providers"], seen["spilled"]) == ("starting", ["azure"], False)
    assert seen["price_usd_hour"] == "98.32"


def test_an_answer_after_the_window_is_gone(client: TestClient, office: Office) -> None:
    submit(client)
    office.work()
    offer = the_offer(client)
    client.get(f"/v1/offers/{offer['id']}/notice")
    office.clock.at += timedelta(seconds=offer["window_s"])
    answer = accepted(client, offer["id"])
    assert (answer.status_code, fault(answer)["code"]) == (410, "late")


@pytest.mark.parametrize("fields", [{"units": 5}, {"holds": []}, {"units": -1}])
def test_an_answer_that_does_not_conform_changes_nothing(
    client: TestClient, office: Office, fields: dict[str, Any]
) -> None:
    submit(client)
    office.work()
    offer = the_offer(client)["id"]
    answer = accepted(client, offer, **fields)
    assert (answer.status_code, fault(answer)["code"]) == (422, "nonconforming")
    assert accepted(client, offer).status_code == 200


@pytest.mark.parametrize("kind", ["refuse", "counter"])
def test_a_refusal_without_a_reason_is_told_the_reasons(
    client: TestClient, office: Office, kind: str
) -> None:
    submit(client)
    office.work()
    offer = the_offer(client)["id"]
    said = client.post(f"/v1/offers/{offer}/answer", json={"kind": kind})
    assert (said.status_code, fault(said)["field"]) == (422, "reason")
    assert "no_capacity, over_quota, not_stocked" in fault(said)["message"]
    assert the_offer(client)["state"] == "sent"


def test_what_the_holder_refuses_spills_and_the_story_says_so(
    client: TestClient, office: Office
) -> None:
    job = submit(client)
    office.work()
    offer = the_offer(client)["id"]
    body = {"kind": "refuse", "reason": "no_capacity"}
    assert client.post(f"/v1/offers/{offer}/answer", json=body).status_code == 200
    office.work()
    seen = client.get(f"/v1/jobs/{job}").json()
    assert (seen["providers"], seen["spilled"]) == (["aws"], True)
    assert [job["id"] for job in client.get("/v1/jobs?provider=aws").json()["items"]] == [job]
    story = client.get(f"/v1/jobs/{job}/explain").json()
    assert "aws" in story["headline"]
    assert [machine["sku"] for machine in client.get("/v1/fleet").json()["machines"]] == [AWS.sku]


# -- agents


def enrolled(client: TestClient, office: Office, session: str = "s1") -> dict[str, str]:
    body = {"token": office.token(), "session": session, "pid": 1, "version": 1}
    answer = client.post("/v1/agent/enrol", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["machine"] == office.clouds[AZURE.provider].taken[-1].name
    return {"Authorization": f"Bearer {session}"}


def beat(client: TestClient, headers: dict[str, str], state: str, **more: Any) -> Any:  # noqa: ANN401
    body: dict[str, Any] = {"lease": None, "exit_code": None, "chunks": [], "port": 4000}
    body["state"] = state
    return client.post("/v1/agent/beat", json=body | more, headers=headers)


def chunk(lease: str, seq: int, text: str) -> dict[str, Any]:
    at = "2026-11-22T12:00:00.000000Z"
    return {"lease": lease, "seq": seq, "at": at, "stream": "out", "text": text}


def test_a_machine_runs_its_job_to_the_end(client: TestClient, office: Office) -> None:
    assert client.get("/v1/agent/agent.py").content == SOURCE
    job = submit(client, env={"SEED": "7"}, timeout="1h")
    office.work()
    accepted(client, the_offer(client)["id"])
    office.work()
    headers = enrolled(client, office)
    told = beat(client, headers, "idle").json()
    assert (told["do"], told["work"]["run"]) == ("run", "echo hello")
    assert (told["work"]["env"]["SEED"], told["work"]["timeout_s"]) == ("7", 3600)
    lease = told["work"]["lease"]
    chunks = [chunk(lease, 1, "hel"), chunk(lease, 2, "lo\0\n")]
    told = beat(client, headers, "running", lease=lease, chunks=chunks).json()
    assert (told["do"], told["acked"], told["lapses_s"]) == ("wait", 2, 60)
    assert client.get(f"/v1/jobs/{job}").json()["stage"] == "running"
    assert client.get(f"/v1/jobs/{job}/logs").json()["over"] is False
    beat(client, headers, "ended", lease=lease, exit_code=0)
    office.seal()
    assert beat(client, headers, "idle").json()["do"] == "end"
    seen = client.get(f"/v1/jobs/{job}").json()
    assert (seen["state"], seen["exit_code"]) == ("finished", 0)
    page = client.get(f"/v1/jobs/{job}/logs").json()
    assert "".join(one["text"] for one in page["items"]) == "hello\N{REPLACEMENT CHARACTER}\n"
    assert page["over"] is True


def test_a_machine_tells_that_the_time_of_its_job_was_over(
    client: TestClient, office: Office
) -> None:
    job = submit(client, timeout="1m")
    office.work()
    accepted(client, the_offer(client)["id"])
    office.work()
    headers = enrolled(client, office)
    lease = beat(client, headers, "idle").json()["work"]["lease"]
    beat(client, headers, "running", lease=lease)
    beat(client, headers, "ended", lease=lease, exit_code=124, timed_out=True)
    seen = client.get(f"/v1/jobs/{job}").json()
    assert seen["reason"] == "the time limit of 60 s was over on unit 0"


def test_a_token_serves_one_session_and_a_forged_one_none(
    client: TestClient, office: Office
) -> None:
    submit(client)
    office.work()
    accepted(client, the_offer(client)["id"])
    office.work()
    enrolled(client, office)
    enrolled(client, office)  # its answer may have been lost
    body = {"token": office.token(), "session": "another"}
    taken = client.post("/v1/agent/enrol", json=body)
    assert (taken.status_code, fault(taken)["code"]) == (409, "token_refused")
    assert client.post("/v1/agent/enrol", json=body | {"token": "x.y"}).status_code == 409
    assert beat(client, {"Authorization": "Bearer another"}, "idle").status_code == 401


def test_a_machine_writes_to_its_own_log_only(client: TestClient, office: Office) -> None:
    submit(client)
    office.work()
    accepted(client, the_offer(client)["id"])
    office.work()
    headers = enrolled(client, office)
    answer = beat(client, headers, "running", chunks=[chunk("job_other.0.1", 1, "x")])
    assert (answer.status_code, fault(answer)["code"]) == (403, "foreign_lease")


# -- streams


def events(text: str) -> list[tuple[str, str, Any]]:
    """Name, id and data of each server-sent event."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if lines:
            found.append((lines["event"], lines.get("id", ""), json.loads(lines["data"])))
    return found


def test_the_facts_of_a_cancelled_job_stream_to_their_end(
    client: TestClient, office: Office
) -> None:
    job = submit(client)
    office.work()
    client.post(f"/v1/jobs/{job}/cancel")
    office.seal()
    told = events(client.get(f"/v1/jobs/{job}/events?follow=true").text)
    names = [data["type"] for name, _, data in told if name == "fact"]
    assert (names[0], names[-1], told[-1][0]) == ("JobSubmitted", "JobCancelled", "end")
    headers = {"Accept": "text/event-stream", "Last-Event-ID": told[0][1]}
    rest = events(client.get(f"/v1/jobs/{job}/events", headers=headers).text)
    assert rest == told[1:]


def test_all_facts_come_in_pages_in_the_order_of_the_log(
    client: TestClient, office: Office
) -> None:
    for _ in range(3):
        submit(client)
    office.seal()
    page = client.get("/v1/facts?limit=2").json()
    rest = client.get("/v1/facts", params={"after": page["next"]}).json()
    assert [fact["position"] for fact in page["items"] + rest["items"]] == [1, 2, 3]
    assert set(page["items"][0]) == {
        "position",
        "at",
        "stream",
        "version",
        "type",
        "data",
        "previous",
        "hash",
    }
