"""A third party's quote taken back over HTTP, on the command line and in Python."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from broker import Broker
from broker.agreements.registry import agreements
from broker.cli.main import app_for
from broker.client.errors import BrokerError
from broker.steps.rulebook import Rulebook
from broker.wire import Training
from tests.support.api import POOLS, Office, an_office, fault, submit, the_offer
from tests.support.editions import SHIPPED
from workers.embedded import Engine, start

NAME = "azure-first-refusal"
QUOTED = (
    SHIPPED[f"{NAME}.yaml"]
    .replace("trigger: need", "trigger: third_party_quote")
    .replace("quote_withdrawn: offer_survives", "quote_withdrawn: withdraw")
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        rules = Rulebook(
            agreements=agreements({f"{NAME}.yaml": QUOTED}),
            default_agreement=NAME,
            pools=POOLS,
            desk_for=office.context.rules.desk_for,
        )
        office.context = office.with_context(rules=rules)
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def test_a_quote_that_is_taken_back_ends_its_offer_and_the_next_one_has_its_own(
    client: TestClient, office: Office
) -> None:
    job = submit(client)
    office.work()
    offer = the_offer(client)
    assert offer["quote_until"]
    path = f"/v1/jobs/{job}/quotes/{offer['quote']}/withdraw"
    said = client.post(path, json={"why": "sold out"})
    assert said.status_code == 200, said.text
    assert said.json()["offers"] == [{"offer": offer["id"], "became": "withdrawn"}]
    office.work()
    newest = client.get("/v1/offers").json()["items"][0]
    assert newest["quote"] not in (None, offer["quote"])
    office.seal()
    facts = client.get(f"/v1/jobs/{job}/events").json()["items"]
    assert "sold out" in [f["data"].get("why") for f in facts if f["type"] == "QuoteWithdrawn"]
    again = client.post(path, json={})
    assert (again.status_code, fault(again)["code"]) == (409, "quote_over")
    assert fault(again)["field"] == "quote"


@pytest.mark.parametrize(
    ("job", "body", "status"),
    [("job_none", {}, 404), ("{job}", {"why": ""}, 422), ("{job}", {"because": "x"}, 422)],
)
def test_what_makes_no_sense_is_said_in_one_sentence_and_changes_nothing(
    client: TestClient, office: Office, job: str, body: dict[str, Any], status: int
) -> None:
    known = submit(client)
    office.work()
    offer = the_offer(client)
    path = f"/v1/jobs/{job.format(job=known)}/quotes/{offer['quote']}/withdraw"
    said = client.post(path, json=body)
    assert said.status_code == status
    assert fault(said)["message"]
    assert the_offer(client) == offer


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    editions = tmp_path / "editions"
    editions.mkdir()
    own = QUOTED.replace(f"agreement: {NAME}", "agreement: quoted")
    (editions / "quoted.yaml").write_text(own)
    with start(
        data_dir=tmp_path, desk="person", agreement="quoted", agreements_dir=editions
    ) as engine:
        yield engine


def an_offer(client: Broker) -> tuple[str, str, str]:
    """Its job, its name and its quote."""
    for _ in range(500):
        if offers := client.offers.list(state="sent").items:
            return offers[0].job, offers[0].id, offers[0].quote or ""
        threading.Event().wait(0.02)
    raise AssertionError("no offer was put")


def run(engine: Engine, *words: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app_for(words), ["--url", engine.url, *words])
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stdout, done.stderr


def test_on_the_command_line_and_in_python(engine: Engine) -> None:
    with Broker(engine.url) as client:
        handle = client.submit(Training(name="tune", run="true"))
        job, offer, quote = an_offer(client)
        assert job == handle.id
        said, more = run(engine, "withdraw", job, quote, "--why", "sold out")
        assert said == f"{offer}  is withdrawn; a new one is due\n"
        assert more.strip() == f"what follows: broker explain {job}"
        assert "nothing of" in run(engine, "withdraw", job, quote, code=5)[1]
        _, second, fresh = an_offer(client)
        assert fresh != quote
        seen = json.loads(run(engine, "withdraw", job, fresh, "--json")[0])
        assert seen["schema"] == "broker.withdrawal/v1"
        assert seen["offers"] == [{"offer": second, "became": "withdrawn"}]
        _, third, last = an_offer(client)
        (ended,) = handle.withdraw_quote(last).offers
        assert (ended.offer, ended.became) == (third, "withdrawn")
        with pytest.raises(BrokerError, match="nothing of"):
            handle.withdraw_quote(last)
