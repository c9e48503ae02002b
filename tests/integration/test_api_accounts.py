"""Scorecards and meters over HTTP, in Python and at the command line: the same figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import broker
from broker.api.app import create_app
from broker.api.serving import listen, serving
from broker.cli.main import app_for
from broker.domain.chain import exported
from broker.domain.offer import Desk
from broker.steps.record import record_editions, record_prices
from tests.support.api import Office, an_office, fault, submit


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, Desk.AUTOMATIC) as office:
        record_editions(office.store, office.context.rules.agreements.values())
        record_prices(office.store, office.context.rules.pools)
        office.seal()
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def test_the_scorecards_follow_the_log(office: Office, client: TestClient) -> None:
    first = client.get("/v1/scorecards").json()
    assert (first["parties"], first["complete"]) == ({}, True)
    submit(client)
    office.work()
    said = client.get("/v1/scorecards").json()
    assert said["position"] > first["position"]
    assert said["parties"]["azure"]["offers"] == said["parties"]["azure"]["accepted"] == 1
    assert client.get("/v1/scorecards").json() == said


def test_the_scorecards_of_lately_are_read_anew(office: Office, client: TestClient) -> None:
    submit(client)
    office.work()
    assert client.get("/v1/scorecards", params={"since": "7d"}).json()["parties"]["azure"]
    office.clock.at += office.clock.at - office.clock.at.replace(month=office.clock.at.month - 1)
    assert client.get("/v1/scorecards", params={"since": "7d"}).json()["parties"] == {}


@pytest.mark.parametrize("since", ["soon", "-1d", "20000d"])
def test_a_time_that_is_none_is_refused(client: TestClient, since: str) -> None:
    said = client.get("/v1/scorecards", params={"since": since})
    assert said.status_code == 422
    assert "is no span of time" in fault(said)["message"]


def test_a_meter_without_an_amount_says_so(office: Office, client: TestClient) -> None:
    submit(client)
    office.work()
    said = client.get("/v1/agreements/azure-first-refusal/meters").json()
    (meter,) = said["meters"]
    assert (meter["clause"], meter["amount"], meter["remaining"]) == (
        "committed-baseline",
        None,
        None,
    )
    (share,) = said["shares"]
    assert (share["clause"], share["share"], share["below"]) == ("own-build-carve-out", None, False)


def test_an_agreement_that_is_not_there_has_no_meters(client: TestClient) -> None:
    said = client.get("/v1/agreements/nobody/meters")
    assert said.status_code == 404
    assert "there is no agreement 'nobody'" in fault(said)["message"]


def test_python_and_the_command_line_say_what_http_says(office: Office) -> None:
    with (
        serving(create_app(office.context), listen("127.0.0.1", 0)) as url,
        broker.Broker(url) as cloud,
    ):
        cloud.submit(
            broker.Training(name="tune", run="true", resources=broker.Resources(gpu="H100:8"))
        )
        office.work()
        for words, said in (
            (("scorecard",), cloud.scorecards()),
            (("scorecard", "--since", "7d"), cloud.scorecards(since="7d")),
            (("meters", "azure-first-refusal"), cloud.meters("azure-first-refusal")),
        ):
            code, told, _ = run("--url", url, *words, "--json")
            assert (code, json.loads(told)) == (0, said)
        assert "waited" not in run("--url", url, "show", "tune")[1], "it was placed at once"


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app_for(words), list(words))
    return done.exit_code, done.stdout, done.stderr


def test_an_export_gives_the_same_figures(
    office: Office, client: TestClient, tmp_path: Path
) -> None:
    submit(client)
    office.work()
    log = tmp_path / "day.jsonl"
    log.write_text("".join(f"{exported(fact)}\n" for fact in office.store.facts()))
    for words, path in (
        (("scorecard",), "/v1/scorecards"),
        (("meters", "azure-first-refusal"), "/v1/agreements/azure-first-refusal/meters"),
    ):
        code, said, _ = run(*words, "--log", str(log), "--json")
        assert code == 0
        assert json.loads(said) == client.get(path).json()
        code, said, _ = run(*words, "--log", str(log))
        assert code == 0
        assert "azure" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("scorecard", "--log", "none.jsonl"), "none.jsonl: No such file or directory"),
        (("meters", "x", "--log", "none.jsonl"), "none.jsonl: No such file or directory"),
        (("scorecard", "--log", "x", "--since", "7d"), "--since is for a broker that runs"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(words: tuple[str, ...], says: str) -> None:
    code, said, told = run(*words)
    assert (code, said) == (2, "")
    assert says in told
