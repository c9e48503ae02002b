"""Cool-downs over HTTP and on the command line: seen, alerting, and cleared with a reason."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from typing_extensions import override

from broker import Broker
from broker.cli.main import app_for
from broker.client.errors import NotFound
from broker.domain.chain import Fact
from broker.domain.offer import Desk
from broker.domain.place import Reach, area
from broker.domain.places import PlaceRecord, Trouble
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import Fault, FaultKind, Order, Outcome, Refused
from tests.support.api import AWS, GPUS, SMALL, InstantCloud, Office, an_office, fault, submit
from workers.embedded import Engine, start

EXPIRED = Fault(FaultKind.AUTH, "ExpiredToken", "AWS, access key AK: renew it", None, Reach.CLOUD)
FULL = Refused(RefusalReason.NO_CAPACITY, "AllocationFailed", "no room")


class Says(InstantCloud):
    """Answers every launch alike."""

    said: Outcome

    @override
    def launch(self, order: Order) -> Outcome:
        self.taken.append(order)
        return self.said


def says(name: ProviderName, outcome: Outcome) -> Says:
    cloud = Says(name)
    cloud.said = outcome
    return cloud


def cleared(office: Office) -> list[Fact]:
    return [fact for fact in office.store.facts() if fact.type == "CoolDownCleared"]


def test_what_keeps_the_broker_away_is_shown_the_widest_first_and_cleared(tmp_path: Path) -> None:
    with an_office(tmp_path, Desk.AUTOMATIC) as office, office.client() as client:
        azure, aws = office.clouds[ProviderName.AZURE], says(ProviderName.AWS, EXPIRED)
        office.clouds |= {ProviderName.AZURE: says(ProviderName.AZURE, FULL), AWS.provider: aws}
        submit(client)
        office.work()
        shown = client.get("/v1/cool-downs").json()["items"]
        assert [(one["scope"], one["provider"], one["effect"], one["alert"]) for one in shown] == [
            ("cloud", "aws", "closed", True),
            ("cloud", "aws", "paused", False),
            ("place", "azure", "refused", False),
        ]
        closed, _, refused = shown
        assert (closed["region"], closed["sku"], closed["message"]) == (None, None, EXPIRED.message)
        assert (refused["region"], refused["sku"]) == ("westeurope", "ND96")
        assert (refused["code"], refused["message"]) == ("AllocationFailed", "no room")

        office.clouds[AWS.provider] = InstantCloud(AWS.provider)
        said = client.post(
            "/v1/cool-downs/clear", json={"provider": "aws", "reason": "renewed", "by": "ops"}
        )
        assert [one["effect"] for one in said.json()["items"]] == ["closed", "paused"]
        office.work()
        fleet = client.get("/v1/fleet").json()["machines"]
        assert [m["provider"] for m in fleet if m["state"] == "running"] == ["aws"]
        told = cleared(office)
        assert {(f.data["by"], f.data["reason"], f.data["scope"]) for f in told} == {
            ("ops", "renewed", "cloud")
        }
        assert azure.taken == []


@pytest.mark.parametrize(
    ("body", "status", "says_so"),
    [
        ({"provider": "aws", "reason": "renewed"}, 404, "nothing keeps the broker away from aws"),
        ({"provider": "ibm", "reason": "renewed"}, 422, "provider"),
        ({"provider": "aws"}, 422, "reason"),
        ({"provider": "aws", "reason": ""}, 422, "reason"),
        ({"provider": "aws", "reason": "renewed", "zone": "a"}, 422, "zone is no field here"),
    ],
)
def test_a_clearing_that_cannot_be_is_one_sentence(
    tmp_path: Path, body: dict[str, str], status: int, says_so: str
) -> None:
    with an_office(tmp_path) as office, office.client() as client:
        said = client.post("/v1/cool-downs/clear", json=body)
        assert said.status_code == status
        assert says_so in fault(said)["message"]
        assert cleared(office) == []


def test_a_quote_leaves_out_a_cloud_that_is_closed(tmp_path: Path) -> None:
    with an_office(tmp_path, Desk.AUTOMATIC) as office, office.client() as client:
        office.clouds |= {
            ProviderName.AZURE: says(ProviderName.AZURE, FULL),
            AWS.provider: says(AWS.provider, EXPIRED),
        }
        submit(client)
        office.work()
        rows = client.post("/v1/quotes", json=SMALL | GPUS).json()["offers"]
        assert [row["rank"] for row in rows if row["provider"] == "aws"] == [None]


# -- on the command line


def run(engine: Engine, *words: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app_for(words), ["--url", engine.url, *words])
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stdout, done.stderr


def close_aws(engine: Engine) -> None:
    with engine.wiring.store.transaction() as tx:
        trouble = Trouble(
            kind="auth",
            code="ExpiredToken",
            message=EXPIRED.message,
            since=tx.now,
            until=tx.now + timedelta(hours=1),
        )
        tx.put_place(PlaceRecord(place=area(AWS, Reach.CLOUD), closed=trouble))


@pytest.mark.slow
def test_an_operator_sees_the_alert_wherever_jobs_are_listed_and_clears_it(tmp_path: Path) -> None:
    with start(data_dir=tmp_path) as engine:
        assert "nothing keeps the broker away" in run(engine, "cool-downs")[1]
        close_aws(engine)
        shown = run(engine, "cool-downs")[0]
        assert "cloud  aws    all" in shown
        assert f"! aws: auth ExpiredToken: {EXPIRED.message}" in shown
        assert EXPIRED.message in run(engine, "ps")[1]
        told: dict[str, Any] = json.loads(run(engine, "cool-downs", "--json")[0])
        assert told["schema"] == "broker.cool-downs/v1"
        assert "reason" in run(engine, "cool-downs", "clear", "aws", code=2)[1]
        cleared = run(engine, "cool-downs", "clear", "aws", "--reason", "renewed")
        assert "ExpiredToken" in cleared[0]
        assert EXPIRED.message not in run(engine, "ps")[1]
        again = run(engine, "cool-downs", "clear", "aws", "--reason", "renewed", code=4)
        assert "nothing keeps the broker away from aws" in again[1]


@pytest.mark.slow
def test_a_program_reads_and_clears_them(tmp_path: Path) -> None:
    with start(data_dir=tmp_path) as engine, Broker(engine.url) as client:
        close_aws(engine)
        (closed,) = client.cool_downs.list()
        assert (closed.provider, closed.scope, closed.alert) == ("aws", "cloud", True)
        with pytest.raises(NotFound, match="nothing keeps the broker away from aws eu-west-1"):
            client.cool_downs.clear("aws", region="eu-west-1", reason="renewed")
        assert client.cool_downs.clear("aws", reason="renewed") == (closed,)
        assert client.cool_downs.list() == ()
