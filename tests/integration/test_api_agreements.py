"""Agreements over HTTP, in Python and on the command line: shown, and put on record of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner, Result

import broker
from broker.api.app import create_app
from broker.api.serving import listen, serving
from broker.cli.main import app_for
from broker.client.errors import BrokerError, NotAuthorised
from tests.support.api import LATE_2026, Office, an_office, fault, submit

NAME: Final = "azure-first-refusal"
AT: Final = f"/v1/agreements/{NAME}"
TOMORROW: Final = LATE_2026 + timedelta(days=1)
TOKEN: Final = "a token of some length"  # noqa: S105 - of this test only
WAIVER: Final[dict[str, Any]] = {
    "id": "w1",
    "by": "azure",
    "of_clause": "compute-rofr",
    "to": TOMORROW.isoformat(),
    "match": {"class": ["fine_tuning"], "pool": ["aws"]},
    "cap_units": 1,
}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        yield office


@pytest.fixture
def client(office: Office) -> Iterator[TestClient]:
    with office.client() as client:
        yield client


def test_an_agreement_shows_its_editions_with_what_they_were_written_from(
    client: TestClient,
) -> None:
    listed = {one["name"]: one for one in client.get("/v1/agreements").json()["items"]}
    assert listed[NAME]["default"]
    assert listed["microsoft-openai"]["provenance"] == "public_summary"
    shown = client.get("/v1/agreements/microsoft-openai").json()
    assert [one["provenance"] for one in shown["editions"]] == ["public_summary"] * 4
    assert [one["id"] for one in shown["editions"] if one["in_force"]] == ["2026-04-27"]
    clauses = {c["id"]: c for one in shown["editions"] for c in one["clauses"]}
    assert clauses["committed-baseline"]["meter"]["amount"] is None
    assert clauses["azure-commitment"]["meter"]["amount"] == "250000000000"
    assert clauses["compute-rofr"]["standing"] == "stated"
    assert clauses["compute-rofr"]["assumed"]


def test_an_agreement_that_is_not_known_is_not_found(client: TestClient) -> None:
    assert fault(client.get("/v1/agreements/none"))["code"] == "not_found"
    assert client.post("/v1/agreements/none/waivers", json=WAIVER).status_code == 404


def test_a_waiver_is_granted_drawn_from_and_revoked(client: TestClient, office: Office) -> None:
    granted = client.post(f"{AT}/waivers", json=WAIVER)
    assert (granted.status_code, granted.json()["record"]) == (201, "w1"), granted.text
    submit(client), submit(client)
    office.work()
    (record,) = client.get(AT).json()["stands"]["records"]
    assert (record["kind"], record["units"], record["used"], record["live"]) == (
        "waiver",
        1,
        1,
        True,
    )
    assert len(client.get("/v1/offers").json()["items"]) == 1  # the second job was offered
    assert client.post(f"{AT}/revoke", json={"record": "w1", "by": "azure"}).status_code == 201
    assert not client.get(AT).json()["stands"]["records"][0]["live"]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("waivers", WAIVER | {"by": "aws"}, 403, "by"),
        ("waivers", WAIVER | {"from": TOMORROW.isoformat()}, 422, "to"),
        ("waivers", WAIVER | {"of_clause": "compute-rofl"}, 422, "of_clause"),
        ("waivers", WAIVER | {"cap_units": 0}, 422, "cap_units"),
        ("waivers", WAIVER | {"match": {"class": ["walking"]}}, 422, "match.class[0]"),
        ("waivers", WAIVER | {"to": "2026-11-30T00:00:00"}, 422, "to"),
        ("attestations", {"condition": "agi", "by": "azure"}, 403, "by"),
        ("attestations", {"condition": "rain", "by": "operator"}, 422, "condition"),
        ("revoke", {"record": "w7", "by": "azure"}, 422, "record"),
        ("stakes", {"owner": "m", "supplier": "aws", "share": "2", "by": "op"}, 422, "share"),
    ],
)
def test_what_cannot_stand_is_refused_by_name_and_changes_nothing(
    client: TestClient, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    before = client.get(AT).json()
    answer = client.post(f"{AT}/{path}", json=body)
    assert (answer.status_code, fault(answer)["field"]) == (status, field), answer.text
    assert fault(answer)["message"].startswith(field)
    assert client.get(AT).json() == before


def test_a_refusal_of_a_record_is_in_the_log(client: TestClient, office: Office) -> None:
    client.post(f"{AT}/waivers", json=WAIVER | {"by": "aws"})
    office.seal()
    (fact,) = [f for f in office.store.facts() if f.type == "RecordRefused"]
    assert (fact.stream, fact.data["by"], fact.data["what"]) == (
        f"agreement/{NAME}",
        "aws",
        "waiver",
    )


# -- keys


def granted(client: TestClient, party: str, role: str) -> dict[str, Any]:
    made = client.post("/v1/keys", json={"party": party, "role": role})
    assert made.status_code == 201, made.text
    return dict(made.json())


@pytest.mark.parametrize(
    ("path", "body", "role"),
    [
        ("waivers", WAIVER, "holder"),
        ("attestations", {"condition": "agi", "by": "operator"}, "attestor"),
        ("stakes", {"owner": "m", "supplier": "aws", "share": "1", "by": "operator"}, "grantor"),
        ("editions", {"by": "operator", "edition": {}}, "grantor"),
    ],
)
def test_a_party_puts_on_record_with_its_key_alone(
    office: Office, path: str, body: dict[str, Any], role: str
) -> None:
    with office.client(token=TOKEN) as client:
        operator = {"Authorization": f"Bearer {TOKEN}"}
        client.headers.update(operator)
        key, gone = granted(client, body["by"], role), granted(client, body["by"], role)
        client.post(f"/v1/keys/{gone['id']}/revoke", json={})
        bare = client.post(f"{AT}/{path}", json=body)
        assert (bare.status_code, fault(bare)["code"]) == (401, "unauthorised")
        before = client.get(AT).json()
        del client.headers["Authorization"]
        for secret in (gone["secret"], "made up"):
            denied = client.post(f"{AT}/{path}", json=body, headers={"Broker-Key": secret})
            assert (denied.status_code, fault(denied)["code"]) == (403, "forbidden")
        assert client.get(AT, headers=operator).json() == before
        client.headers["Broker-Key"] = key["secret"]
        done = client.post(f"{AT}/{path}", json=body)
        # The empty edition shows that the key is asked for before anything is read.
        assert done.status_code == (422 if path == "editions" else 201), done.text
        assert client.get(AT).status_code == 401
        assert client.post("/v1/notices/any/link", json={}).status_code == 401


@pytest.mark.enable_socket
def test_python_and_the_command_line_show_a_key(client: TestClient, url: str) -> None:
    secret = granted(client, "azure", "holder")["secret"]
    said: dict[str, Any] = {"by": "azure", "of_clause": "compute-rofr", "cap_units": 3}
    with broker.Broker(url) as cloud:
        with pytest.raises(NotAuthorised, match="a key is needed"):
            cloud.agreements.waive(NAME, **said, until=TOMORROW)
        cloud.agreements.waive(NAME, **said, until=TOMORROW, id="w1", key=secret)
    revoke = ["agreement", "revoke", NAME, "w1", "--by", "azure"]
    assert command(url, *revoke).exit_code == 3
    assert command(url, *revoke, "--key", "made up").exit_code == 3
    done = command(url, *revoke, "--key", secret)
    assert done.exit_code == 0, done.output


# -- Python and the command line


@pytest.fixture
def url(office: Office) -> Iterator[str]:
    with serving(create_app(office.context), listen("127.0.0.1", 0)) as url:
        yield url


def command(url: str, *words: str) -> Result:
    called = ["--url", url, *words]
    return CliRunner().invoke(app_for(called), called)


@pytest.mark.enable_socket
def test_python_puts_the_same_on_record(url: str) -> None:
    with broker.Broker(url) as cloud:
        agreements = cloud.agreements
        assert NAME in {one.name for one in agreements.list().items}
        made = agreements.waive(
            NAME, by="azure", of_clause="compute-rofr", cap_units=3, until=TOMORROW
        )
        agreements.attest(NAME, "agi", by="operator")
        agreements.conflict(NAME, by="operator", tenant="lab", party="meta", share="0.3")
        agreements.stake(NAME, by="operator", owner="meta", supplier="aws", share="0.49")
        agreements.consent(NAME, by="azure", of_clause="api-exclusive")
        agreements.standing(
            NAME,
            by="azure",
            of_clause="compute-rofr",
            units=2,
            price_usd_hour="90",
            hold="r7",
            region="westeurope",
            sku="ND96",
            until=TOMORROW,
        )
        stands = agreements.show(NAME).stands
        assert stands.attested == {"agi": "operator"}
        assert [one.kind for one in stands.records] == [
            "waiver",
            "consent",
            "standing acceptance",
            "conflict",
        ]
        assert stands.stakes[0]["share"] == "0.49"
        agreements.revoke(NAME, made.record, by="azure")
        with pytest.raises(NotAuthorised, match="only 'azure' can give a waiver"):
            agreements.waive(NAME, by="aws", of_clause="compute-rofr", cap_units=3, until=TOMORROW)
        with pytest.raises(BrokerError, match="is attested by operator already"):
            agreements.attest(NAME, "agi", by="operator")


@pytest.mark.enable_socket
def test_the_command_line_shows_and_records(url: str) -> None:
    until = ["--to", TOMORROW.isoformat()]
    waive = ["agreement", "waive", NAME, "--of", "compute-rofr", "--cap", "2", *until]
    done = command(url, *waive, "--by", "azure", "--class", "fine_tuning", "--id", "w1")
    assert done.exit_code == 0, done.output
    assert "w1  waiver" in done.output
    assert command(url, *waive, "--by", "aws").exit_code == 3
    assert command(url, "agreement", "attest", NAME, "rain", "--by", "operator").exit_code == 5
    shown = command(url, "agreement", "show", NAME)
    assert "compute-rofr" in shown.output
    assert "not defined, in usd" in shown.output
    assert "0 of 2" in shown.output
    assert "template" in shown.output
    told = json.loads(command(url, "agreement", "show", NAME, "--json").output)
    assert (told["schema"], told["name"]) == ("broker.agreement/v1", NAME)
    done = command(url, "agreement", "revoke", NAME, "w1", "--by", "azure", "--json")
    assert json.loads(done.output)["record"] == "w1"
    assert "revoked" in command(url, "agreement", "show", NAME).output
    others = (
        ["consent", NAME, "--of", "api-exclusive", "--by", "azure"],
        ["attest", NAME, "agi", "--by", "operator"],
        ["conflict", NAME, "--tenant", "lab", "--party", "aws", "--by", "operator"],
        ["stake", NAME, "--owner", "m", "--supplier", "gcp", "--share", "0.5", "--by", "op"],
        [
            "standing",
            NAME,
            "--of",
            "compute-rofr",
            "--units",
            "2",
            "--price",
            "90",
            "--hold",
            "r7",
            "--place",
            "westeurope:ND96",
            "--by",
            "azure",
            *until,
        ],
    )
    for words in others:
        done = command(url, "agreement", *words)
        assert done.exit_code == 0, done.output
    assert NAME in command(url, "agreement").output
