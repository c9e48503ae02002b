"""The desk and its keys on the command line and in Python, against a running broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from broker import Broker
from broker.cli.main import app_for
from broker.client.errors import NotAuthorised
from broker.wire import CounterBody, HoldBody, Training
from workers.embedded import Engine, start


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with start(data_dir=tmp_path, desk="person") as engine:
        yield engine


def run(engine: Engine, *words: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app_for(words), ["--url", engine.url, *words])
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stdout, done.stderr


def an_offer(engine: Engine) -> dict[str, Any]:
    with Broker(engine.url) as client:
        client.submit(Training(name="tune", run="true"))
        for _ in range(500):
            offers = client.offers.list(state="sent").items
            if offers and offers[0].notice:
                return dict(offers[0].model_dump())
            threading.Event().wait(0.02)
    raise AssertionError("no offer was put")


def test_a_key_is_made_listed_and_taken_back(engine: Engine) -> None:
    assert "who reaches this broker may answer" in run(engine, "key", "ls")[1]
    secret, said = run(engine, "key", "create", "azure", "--until", "2099-01-01T00:00:00Z")
    name = said.split()[0]
    assert "shown once" in said
    listed = run(engine, "key", "ls")[0]
    assert name in listed
    assert secret.strip() not in listed
    assert "revoked" in run(engine, "key", "revoke", name, "--why", "left")[0]
    assert "was revoked" in run(engine, "key", "revoke", name, code=2)[1]
    assert "no agreement names 'acme'" in run(engine, "key", "create", "acme", code=2)[1]


def test_an_answer_on_the_command_line_shows_its_key(engine: Engine) -> None:
    offer = an_offer(engine)["id"]
    secret = run(engine, "key", "create", "azure")[0].strip()
    refuse = ("answer", offer, "refuse", "--reason", "no_capacity")
    assert "a key is needed" in run(engine, *refuse, code=3)[1]
    asked = run(engine, "answer", offer, "query", "--question", "what price?", "--key", secret)
    assert "price_ceiling" in asked[0]
    counter = ("answer", offer, "counter", "--reason", "not_economic", "--key", secret)
    assert "refused" in run(engine, *counter, "--term", "price_usd_hour=150")[0]


def test_a_link_is_printed_and_opens_the_page(engine: Engine) -> None:
    offer = an_offer(engine)["id"]
    url = run(engine, "offers", "link", offer, "--valid", "600")[0].strip()
    assert url.startswith(f"{engine.url}/desk/{offer}?")
    told = json.loads(run(engine, "offers", "link", offer, "--json")[0])
    assert told["url"].startswith(f"{engine.url}/desk/{offer}?")


def test_a_program_answers_with_its_key(engine: Engine) -> None:
    offer = an_offer(engine)["id"]
    with Broker(engine.url) as client:
        key = client.keys.create("azure")
        assert [known.id for known in client.keys.list("azure")] == [key.id]
        with pytest.raises(NotAuthorised, match="a key is needed"):
            client.offers.answer(offer, "query", question="when?")
        asked = client.offers.answer(offer, "query", question="which units?", key=key.secret)
        assert set(asked.reply) >= {"units"}
        counter = CounterBody(note="no")
        client.keys.revoke(key.id)
        with pytest.raises(NotAuthorised, match="was revoked"):
            client.offers.answer(offer, "counter", reason="risk", terms=counter, key=key.secret)
        hold = HoldBody(hold="h", units=1, region="eastus", sku="x")
        with pytest.raises(NotAuthorised):
            client.offers.answer(offer, "accept", holds=[hold], key=key.secret)
        assert client.offers.show(offer).state == "open"
        assert f"/desk/{offer}?" in client.offers.link(offer)
