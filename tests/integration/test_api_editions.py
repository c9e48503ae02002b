"""The next edition of an agreement, recorded over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from broker.agreements.document import parse
from broker.api.app import create_app
from broker.api.serving import listen, serving
from broker.cli.main import app_for
from tests.support.api import LATE_2026, Office, an_office, fault, submit
from tests.support.two_editions import FILE, NEXT, second

AT = "/v1/agreements/azure-first-refusal"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def edition(hours: float, *changed: tuple[str, str]) -> dict[str, object]:
    text = second(LATE_2026 + timedelta(hours=hours), "withdraw")
    for good, bad in changed:
        assert good in text
        text = text.replace(good, bad, 1)
    return dict(parse(text, FILE))


def test_the_next_edition_is_recorded_and_shown(client: TestClient, office: Office) -> None:
    said = client.post(f"{AT}/editions", json={"by": "azure", "edition": edition(1)})
    assert said.status_code == 201, said.text
    assert (said.json()["edition"], said.json()["discrepancies"]) == (NEXT, [])
    office.seal()
    shown = [one["id"] for one in client.get(AT).json()["editions"]]
    assert shown[-1] == NEXT
    assert client.get(f"{AT}/discrepancies").json()["items"] == []


def test_a_late_edition_is_reported(client: TestClient, office: Office) -> None:
    job = submit(client)
    office.work()
    office.clock.at += timedelta(seconds=1)
    shorter = edition(-5, ("fine_tuning: PT30M", "fine_tuning: PT20M"))
    said = client.post(f"{AT}/editions", json={"by": "operator", "edition": shorter})
    (one,) = said.json()["discrepancies"]
    assert (one["job"], one["would"]) == (job, "a window of 1200 s")
    office.seal()
    assert client.get(f"{AT}/discrepancies").json()["items"] == [one]


def test_what_cannot_be_recorded_is_refused_in_a_sentence(client: TestClient) -> None:
    wrong = edition(1, ("tolerance_price: 0", "tolerance_price: -1"))
    said = client.post(f"{AT}/editions", json={"by": "azure", "edition": wrong})
    assert (said.status_code, fault(said)["code"]) == (422, "invalid_edition")
    assert "compute-rofr" in fault(said)["message"]
    said = client.post(f"{AT}/editions", json={"by": "aws", "edition": edition(1)})
    assert (said.status_code, fault(said)["code"]) == (403, "wrong_party")
    said = client.post("/v1/agreements/none/editions", json={"by": "aws", "edition": edition(1)})
    assert said.status_code == 404


def test_the_command_line_records_a_file(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "next.yaml"
    file.write_text(second(LATE_2026 + timedelta(hours=1), "run_off"))
    with (
        listen("127.0.0.1", 0) as line,
        serving(create_app(office.with_context()), line) as url,
    ):

        def run(*words: str) -> tuple[int, str]:
            done = CliRunner().invoke(app_for(words), ["--url", url, *words])
            return done.exit_code, done.output

        code, said = run("agreement", "record", str(file), "--by", "azure")
        assert (code, said.split()[0]) == (0, NEXT)
        assert run("agreement", "record", str(file), "--by", "azure")[0] != 0
        assert run("agreement", "record", "nowhere.yaml", "--by", "azure")[0] == 2
        assert run("agreement", "discrepancies", "azure-first-refusal")[0] == 0
