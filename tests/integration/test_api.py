"""Jobs over HTTP: what is asked, what is answered, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broker.api.reference import page
from tests.support.api import GPUS, SMALL, SOURCE, Office, accepted, an_office, fault, submit


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


# -- the reference


def test_the_reference_comes_from_here_alone_and_lists_everything(client: TestClient) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|<link|<img|src=|https?:|//", answer.text)
    described = client.get("/openapi.json").json()
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            assert f"<h3>{verb.upper()} {path}</h3>" in answer.text
            for parameter in operation.get("parameters", ()):
                assert f"<td>{parameter['name']} <small>" in answer.text
    for name, model in described["components"]["schemas"].items():
        assert f'<h3 id="{name}">' in answer.text
        for field in model.get("properties", ()):
            assert f"<td>{field}</td>" in answer.text
    linked = set(re.findall(r'href="#(\w+)"', answer.text))
    assert linked <= described["components"]["schemas"].keys()


def test_no_page_of_the_framework_is_served(client: TestClient) -> None:
    assert client.get("/redoc").status_code == 404


def test_what_a_description_says_is_shown_and_never_obeyed() -> None:
    models = {"M": {"description": "<script>", "properties": {"<b>": {"default": "<i>"}}}}
    said = page(
        {"info": {"title": "<a>", "version": "1"}, "paths": {}, "components": {"schemas": models}}
    )
    assert not re.search("<script>|<a>|<i>|<b>", said)


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


def test_one_key_for_another_job_is_refused_and_names_the_first(client: TestClient) -> None:
    keyed = {"Idempotency-Key": "k"}
    first = client.post("/v1/jobs", json=SMALL, headers=keyed)
    assert first.status_code == 201
    again = client.post("/v1/jobs", json=SMALL, headers=keyed)
    assert (again.status_code, again.json()) == (200, first.json())
    other = SMALL | {"run": "echo goodbye"}
    said = client.post("/v1/jobs", json=other, headers=keyed)
    assert (said.status_code, fault(said)["code"]) == (409, "key_taken")
    assert "'k'" in fault(said)["message"]
    assert first.json()["id"] in fault(said)["message"]
    items = [{"job": SMALL}, {"job": other, "key": "k"}]
    said = client.post("/v1/jobs/batch", json={"jobs": items})
    assert (said.status_code, fault(said)["field"]) == (409, "jobs[1].key")
    items = [{"job": SMALL, "key": "n"}, {"job": other, "key": "n"}]
    said = client.post("/v1/jobs/batch", json={"jobs": items})
    assert said.status_code == 409
    assert "'n' stands for jobs[0] already" in fault(said)["message"]
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
        ({"resources": {"gpu": "X900:8"}}, "resources.gpu", "no catalogue knows"),
        ({"resources": {"gpu": "H100:64"}}, "resources.gpu", "no machine in any catalogue"),
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
