"""A waiting job is amended, and a unit asked back: in Python and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from broker import Broker, Resources
from broker.api.app import create_app
from broker.api.serving import listen, serving
from broker.cli.main import app_for
from broker.client.errors import BrokerError, NotAuthorised
from broker.domain.values import JobId, ProviderName, RefusalReason
from broker.domain.workload import Limits
from broker.steps.rulebook import Rulebook
from broker.wire import Training
from tests.support.api import AZURE, POOLS, Office, an_office
from tests.support.leases import an_agreement

ASKED: Final = Resources(gpu="H100:8")
WHERE: Final = {"region": AZURE.region, "sku": AZURE.sku}
HELD: Final = ("--hold", "kept", "--region", AZURE.region, "--sku", AZURE.sku)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Whose agreement lets the holder ask units back."""
    with an_office(tmp_path) as office:
        known = an_agreement()
        office.context = office.with_context(
            rules=Rulebook(
                agreements={known.name: known},
                default_agreement=known.name,
                pools=POOLS,
                desk_for=office.context.rules.desk_for,
            )
        )
        yield office


@contextmanager
def a_client(office: Office) -> Iterator[Broker]:
    with serving(create_app(office.context), listen("127.0.0.1", 0)) as url, Broker(url) as cloud:
        yield cloud


def run(cloud: Broker, *words: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app_for(words), ["--url", cloud.url, *words])
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stdout, done.stderr


def offers(cloud: Broker) -> list[tuple[int, str]]:
    """Version and state of every offer, the first one first."""
    return [(one.version, one.state) for one in reversed(cloud.offers.list().items)]


def limits_of(office: Office, job: str) -> Limits:
    found = office.store.board.job(JobId(job))
    assert found is not None
    return found.workload.limits


# -- amend


def test_python_amends_what_a_waiting_job_asks_for(office: Office) -> None:
    with a_client(office) as cloud:
        job = cloud.submit(Training(name="tune", run="true", resources=ASKED))
        office.work()
        assert job.amend(max_price="999").stage == "queued"
        office.work()
        assert offers(cloud) == [(1, "withdrawn"), (2, "sent")]
        job.amend(max_price=100, exclude=["gcp"])
        office.work()
        assert offers(cloud)[-1] == (2, "sent"), "no rival is better off, so the notice stands"
        limits = limits_of(office, job.id)
        assert limits.max_price_usd_hour == 100
        assert limits.exclude == (ProviderName.GCP,)
        with pytest.raises(BrokerError, match=r"limits\.regions"):
            job.amend(regions=["nowhere"])


def test_the_command_line_amends_a_job_by_its_name(office: Office) -> None:
    with a_client(office) as cloud:
        job = cloud.submit(Training(name="tune", run="true", resources=ASKED))
        office.work()
        told = json.loads(run(cloud, "amend", "tune", "--max-price", "999", "--json")[0])
        assert (told["id"], told["stage"]) == (job.id, "queued")
        office.work()
        assert offers(cloud) == [(1, "withdrawn"), (2, "sent")]
        out, said = run(cloud, "amend", job.id, "--max-price", "none", "--exclude", "gcp")
        assert out.startswith(f"{job.id}  offered")
        assert f"broker explain {job.id}" in said
        assert limits_of(office, job.id).max_price_usd_hour is None
        run(cloud, "amend", "tune", "--exclude", "none", "--region", "any")
        assert limits_of(office, job.id).exclude == ()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("amend", "tune"), 2, "say what to change"),
        (("amend", "nobody", "--max-price", "1"), 4, "nobody"),
        (("amend", "tune", "--max-price", "much"), 2, "max_price_per_hour"),
        (("amend", "tune", "--region", "nowhere"), 2, "limits.regions"),
    ],
)
def test_an_amendment_that_cannot_be_is_one_sentence_and_changes_nothing(
    office: Office, words: tuple[str, ...], code: int, says: str
) -> None:
    with a_client(office) as cloud:
        cloud.submit(Training(name="tune", run="true", resources=ASKED))
        office.work()
        out, said = run(cloud, *words, code=code)
        assert (out, says in said) == ("", True), said
        assert "Traceback" not in said
        assert offers(cloud) == [(1, "sent")]


def test_the_terms_of_a_job_that_is_over_are_fixed(office: Office) -> None:
    with a_client(office) as cloud:
        job = cloud.submit(Training(name="tune", run="true", resources=ASKED))
        job.cancel()
        with pytest.raises(BrokerError, match="its terms are fixed") as refused:
            job.amend(max_price=1)
        assert refused.value.code == "not_amended"
        assert "its terms are fixed" in run(cloud, "amend", "tune", "--max-price", "1", code=5)[1]


# -- reclaim


def spilled(cloud: Broker, office: Office, *, checkpointable: bool = True) -> str:
    job = cloud.submit(
        Training(name="tune", run="true", resources=ASKED, checkpointable=checkpointable)
    )
    office.work()
    (offer,) = cloud.offers.list().items
    cloud.offers.answer(offer.id, "refuse", reason=RefusalReason.NO_CAPACITY)
    office.work()
    return job.id


def asked_back(office: Office) -> list[str]:
    office.seal()
    return [f.data["hold"] for f in office.store.facts() if f.type == "ReclaimAsked"]


def test_python_asks_a_released_unit_back(office: Office) -> None:
    with a_client(office) as cloud:
        job = spilled(cloud, office)
        said = cloud.offers.reclaim(job, 0, hold="kept", **WHERE, by="desk@azure")
        assert (said.job, said.unit) == (job, 0)
        assert (said.notice_until - office.clock.now()).total_seconds() == 600
        assert asked_back(office) == ["kept"]
        with pytest.raises(BrokerError) as again:
            cloud.offers.reclaim(job, 0, hold="kept", **WHERE)
        assert again.value.code == "under_way"


def test_python_asks_back_with_the_desks_key(office: Office) -> None:
    with a_client(office) as cloud:
        job = spilled(cloud, office)
        key = cloud.keys.create("azure").secret
        with pytest.raises(NotAuthorised):
            cloud.offers.reclaim(job, 0, hold="kept", **WHERE)
        with pytest.raises(NotAuthorised):
            cloud.offers.reclaim(job, 0, hold="kept", **WHERE, key="bk_made_up")
        assert asked_back(office) == []
        cloud.offers.reclaim(job, 0, hold="kept", **WHERE, key=key)
        assert asked_back(office) == ["kept"]


def test_the_command_line_asks_back_by_the_jobs_name(office: Office) -> None:
    with a_client(office) as cloud:
        job = spilled(cloud, office)
        out, said = run(cloud, "reclaim", "tune", "0", *HELD)
        assert out.startswith(f"{job}  unit 0 is moved after ")
        assert f"broker explain {job}" in said
        assert asked_back(office) == ["kept"]


@pytest.mark.parametrize(
    ("unit", "sku", "code"),
    [("0", AZURE.sku, "not_checkpointable"), ("9", AZURE.sku, "no_such_unit")],
)
def test_what_cannot_be_asked_back_is_said_in_a_sentence(
    office: Office, unit: str, sku: str, code: str
) -> None:
    with a_client(office) as cloud:
        job = spilled(cloud, office, checkpointable=False)
        with pytest.raises(BrokerError) as refused:
            cloud.offers.reclaim(job, int(unit), hold="kept", region=AZURE.region, sku=sku)
        assert refused.value.code == code
        words = ("reclaim", job, unit, "--hold", "kept", "--region", AZURE.region, "--sku", sku)
        done = CliRunner().invoke(app_for(words), ["--url", cloud.url, *words])
        assert done.exit_code != 0
        assert str(refused.value).split(";")[0] in done.stderr
        assert asked_back(office) == []
