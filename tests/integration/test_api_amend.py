"""Other terms for a job that waits, over HTTP, in Python and on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.support.api import Office, an_office, fault, submit, the_offer


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def test_better_terms_for_rivals_are_put_to_the_holder_anew(
    client: TestClient, office: Office
) -> None:
    job = submit(client)
    office.work()
    first = the_offer(client)
    answer = client.patch(f"/v1/jobs/{job}", json={"limits": {"max_price_per_hour": "999"}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["stage"] == "queued"
    office.work()
    newest, oldest = client.get("/v1/offers").json()["items"]
    assert (oldest["id"], oldest["state"]) == (first["id"], "withdrawn")
    assert newest["version"] == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"limits": {"max_price": "1"}}, 422, "invalid_job"),
        ({"limits": {"max_price_per_hour": "much"}}, 422, "invalid_job"),
        ({"limits": {"regions": ["nowhere"]}}, 422, "invalid_job"),
        ({"limits": {"exclude": ["azure"]}}, 422, "invalid_job"),
        ({}, 422, "invalid_job"),
    ],
)
def test_terms_that_cannot_be_are_refused_in_a_sentence(
    client: TestClient, office: Office, body: object, status: int, code: str
) -> None:
    job = submit(client)
    office.work()
    answer = client.patch(f"/v1/jobs/{job}", json=body)
    assert (answer.status_code, fault(answer)["code"]) == (status, code)
    assert fault(answer)["field"] is not None
    assert client.patch("/v1/jobs/job_x", json={"limits": {}}).status_code == 404


def test_a_job_that_is_over_keeps_its_terms(client: TestClient, office: Office) -> None:
    job = submit(client)
    client.post(f"/v1/jobs/{job}/cancel")
    office.work()
    answer = client.patch(f"/v1/jobs/{job}", json={"limits": {"max_price_per_hour": "1"}})
    assert (answer.status_code, fault(answer)["code"]) == (409, "not_amended")
