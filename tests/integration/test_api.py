"""The broker over HTTP: what is asked, what is answered, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.api import AWS, AZURE, SMALL, SOURCE, Office, an_office

GPUS = {"resources": {"gpu": "H100:8"}}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def submit(client: TestClient, **fields: Any) -> str:  # noqa: ANN401 - a job's
    answer = client.post("/v1/jobs", json=SMALL | GPUS | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def fault(answer: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx2's own
    said: dict[str, Any] = answer.json()["error"]
    assert "\n" not in said["message"]
    assert "Traceback" not in answer.text
    return said


def the_offer(client: TestClient) -> dict[str, Any]:
    (offer,) = client.get("/v1/offers").json()["items"]
    return dict(offer)


def accepted(client: TestClient, offer: str, **fields: Any) -> Any:  # noqa: ANN401
    hold = {"hold": "h1", "units": 1, "region": AZURE.region, "sku": AZURE.sku}
    body = {"kind": "accept", "holds": [hold], "by": "desk@azure", **fields}
    return client.post(f"/v1/offers/{offer}/answer", json=body)


# -- jobs


def test_a_job_is_taken_and_shown(client: TestClient) -> None:
    job = submit(client, labels={"team": "nlp"}, limits={"max_price_per_hour": 120.5})
    seen = client.get(f"/v1/jobs/{job}").json()
    assert (seen["state"], seen["stage"], seen["units"]) == ("queued", "queued", 1)
    assert (seen["workload_class"], seen["gpu"]) == ("fine_tuning", "H100:8")
    assert seen["price_usd_hour"] is None
    assert seen["labels"] == {"team": "nlp"}


def test_one_key_is_one_job(client: TestClient) -> None:
    ids = {
        client.post("/v1/jobs", json=SMALL, headers={"Idempotency-Key": "k"}).json()["id"]
        for _ in range(3)
    }
    assert len(ids) == 1
    assert len(client.get("/v1/jobs").json()["items"]) == 1


def test_many_are_taken_in_order_or_not_at_all(client: TestClient) -> None:
    jobs = [{"job": SMALL | {"name": f"n{n}"}, "key": f"k{n}"} for n in range(5)]
    ids = client.post("/v1/jobs/batch", json={"jobs": jobs}).json()["ids"]
    assert [client.get(f"/v1/jobs/{job}").json()["name"] for job in ids] == [
        "n0",
        "n1",
        "n2",
        "n3",
        "n4",
    ]
    jobs[3] = {"job": SMALL | {"resources": {"gpu": "X900"}}}
    said = client.post("/v1/jobs/batch", json={"jobs": [*jobs, {"job": SMALL}]})
    assert said.status_code == 422
    assert fault(said)["field"].startswith("jobs[3].job.resources")
    assert len(client.get("/v1/jobs").json()["items"]) == 5


def test_jobs_are_listed_by_what_is_asked_page_by_page(client: TestClient, office: Office) -> None:
    for number in range(5):
        office.clock.at += timedelta(seconds=1)
        submit(client, name=f"n{number}", labels={"parity": str(number % 2)})
    client.post("/v1/jobs", json=SMALL | {"kind": "batch", "tasks": 3})
    page = client.get("/v1/jobs", params={"label": "parity=0", "limit": 2}).json()
    rest = client.get("/v1/jobs", params={"label": "parity=0", "cursor": page["next"]}).json()
    assert [job["name"] for job in page["items"] + rest["items"]] == ["n4", "n2", "n0"]
    assert rest["next"] is None
    assert len(client.get("/v1/jobs?class=batch_inference").json()["items"]) == 1
    assert len(client.get("/v1/jobs?state=queued&state=running&kind=training").json()["items"]) == 5
    assert [job["name"] for job in client.get("/v1/jobs?find=n3").json()["items"]] == ["n3"]


def test_a_cancelled_job_stays_cancelled_and_a_known_one_answers_twice(client: TestClient) -> None:
    job, other = submit(client), submit(client)
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{job}/cancel", json={"reason": "no more"})
        assert (answer.status_code, answer.json()["states"]) == (200, {job: "cancelled"})
    states = client.post("/v1/jobs/cancel", json={"ids": [job, other, "job_x"]}).json()["states"]
    assert states == {job: "cancelled", other: "cancelled"}
    assert client.get(f"/v1/jobs/{job}").json()["reason"] == "no more"


# -- bad input


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"nodes": -1}, "nodes", "at least 1"),
        ({"nodes": "4"}, "nodes", "whole number"),
        ({"workload_class": "tuning"}, "workload_class", "no workload class"),
        ({"resources": {"gpu": "H100:0"}}, "resources.gpu", "at least 1"),
        ({"resources": {"gpus": "H100"}}, "resources.gpus", "did you mean gpu?"),
        ({"resources": {"gpu": "X900:8"}}, "resources", "no catalogue knows"),
        ({"resources": {"gpu": "H100:64"}}, "resources", "no machine in any catalogue"),
        ({"nodes": 4, "min_replicas": 2}, "min_replicas", "not supported yet; leave it out"),
        ({"image": "python:3"}, "image", "not supported yet; leave it out"),
        ({"timout": 5}, "timout", "did you mean timeout?"),
        ({"limits": {"exclude": ["azure"]}}, "limits.exclude", "cannot be excluded"),
        ({"limits": {"regions": ["mars"]}}, "limits", "widen"),
        ({"run": "  "}, "run", "say what to run"),
        ({"name": "a\0b"}, "name", "NUL"),
        ({"kind": "service"}, "kind", "training, inference or batch"),
    ],
)
def test_a_job_that_cannot_be_names_its_field_and_changes_nothing(
    client: TestClient, changes: dict[str, Any], field: str, says: str
) -> None:
    answer = client.post("/v1/jobs", json=SMALL | GPUS | changes)
    assert answer.status_code == 422, answer.text
    said = fault(answer)
    assert (said["code"], said["field"]) == ("invalid_job", field)
    assert says in said["message"]
    assert client.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/jobs?stat=queued", "stat"),
        ("/v1/jobs?state=waiting", "state"),
        ("/v1/jobs?limit=0", "limit"),
        ("/v1/jobs?label=team", "label"),
        ("/v1/jobs?cursor=abc", "cursor"),
        ("/v1/facts?after=-1", "after"),
    ],
)
def test_a_question_that_cannot_be_names_its_part(
    client: TestClient, path: str, field: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 422, answer.text
    assert fault(answer)["field"].startswith(field)


def test_what_is_no_json_is_told_so(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/jobs", content=b"{", headers=headers)
    assert (answer.status_code, fault(answer)["code"]) == (422, "invalid_json")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/job_x",
        "/v1/jobs/job_x/logs",
        "/v1/jobs/job_x/events",
        "/v1/jobs/job_x/explain",
        "/v1/offers/offer_x",
        "/v1/offers/offer_x/notice",
        "/v2/jobs",
    ],
)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, fault(answer)["code"]) == (404, "not_found")


def test_an_answer_for_an_unknown_offer_is_404(client: TestClient) -> None:
    assert accepted(client, "offer_x").status_code == 404
    assert client.post("/v1/jobs/job_x/cancel").status_code == 404
    assert client.get("/v1/facts").json()["items"] == []


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


# -- the door


def test_a_foreign_host_and_a_foreign_page_are_refused(client: TestClient) -> None:
    answer = client.get("/v1/jobs", headers={"Host": "evil.example"})
    assert (answer.status_code, fault(answer)["code"]) == (403, "foreign_host")
    for origin in ("https://evil.example", "null", "http://localhost:3000"):
        answer = client.post("/v1/jobs", json=SMALL, headers={"Origin": origin})
        assert (answer.status_code, fault(answer)["code"]) == (403, "foreign_origin")
    for host in ("localhost:8080", "[::1]:8080", "127.0.0.1:8080"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert client.get("/v1/health", headers=headers).status_code == 200


def test_the_public_url_is_no_stranger(office: Office) -> None:
    with office.client(public_url="https://broker.example:8443") as client:
        assert client.get("/v1/jobs", headers={"Host": "broker.example:8443"}).is_success


def test_a_token_is_asked_of_everybody_but_agents_and_the_sick_call(office: Office) -> None:
    with office.client(token="open sesame") as client:  # noqa: S106 - opens this test only
        assert client.get("/v1/jobs").status_code == 401
        assert client.get("/docs").status_code == 401
        assert fault(client.post("/v1/jobs", json=SMALL))["code"] == "not_authorised"
        assert client.get("/v1/health").json()["version"] == "1.2.3"
        assert client.get("/v1/agent/agent.py").content == SOURCE
        shown = {"Authorization": "Bearer open sesame"}
        assert client.get("/v1/jobs", headers=shown).json()["items"] == []
