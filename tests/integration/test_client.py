"""The Python API and the command line against a real server on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import as_completed, wait
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import broker
from broker.api.app import create_app
from broker.api.serving import listen, serving
from broker.cli.main import app_for
from broker.client import where
from broker.domain.machine import RunState
from broker.domain.offer import Desk
from broker.domain.values import JobId
from broker.ports import LogChunk
from broker.steps.record import record_editions, record_prices
from broker.steps.run import Report, enrol, hear, token_of
from broker.wire import HoldBody
from tests.support.api import AZURE, SECRET, Office, an_office
from tests.support.imports import heavy_modules_after
from workers.commands import announced

GPU = broker.Resources(gpu="H100:8")
JOB = broker.Training(name="tune", run="echo hello", resources=GPU)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, Desk.AUTOMATIC) as office:
        yield office


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, Desk.PERSON) as office:
        yield office


@pytest.fixture
def url(office: Office) -> Iterator[str]:
    with serving(create_app(office.context), listen("127.0.0.1", 0)) as url:
        yield url


@pytest.fixture
def cloud(url: str) -> Iterator[broker.Broker]:
    with broker.Broker(url) as cloud:
        yield cloud


def run_all(
    office: Office, exit_code: int = 0, text: str = "hello\n", *, timed_out: bool = False
) -> None:
    """Place what is due, and be the agent of every machine there is."""
    office.work()
    for cloud in office.clouds.values():
        for order in cloud.taken:
            session = f"of {order.name}"
            enrol(token_of(order.name, SECRET), session, SECRET, office.store)
            work = hear(session, Report(state=RunState.IDLE, port=4000), office.store).work
            if work is None:
                continue
            job, unit, _ = work.lease.rsplit(".", 2)
            chunk = LogChunk(
                job=JobId(job),
                unit=int(unit),
                lease=work.lease,
                seq=1,
                at="2026-11-22T12:00:00.000000Z",
                stream="out",
                text=text,
            )
            report = Report(state=RunState.RUNNING, lease=work.lease, chunks=[chunk])
            hear(session, report, office.store)
            ended = Report(state=RunState.ENDED, lease=work.lease, exit_code=exit_code)
            hear(session, replace(ended, timed_out=timed_out), office.store)
        cloud.taken.clear()
    office.work()


def shell(url: str, *words: str) -> Result:
    called = ["--url", url, *words]
    done = CliRunner().invoke(app_for(called), called)
    assert "Traceback" not in done.output
    return done


# -- Python


def test_a_job_is_submitted_followed_and_its_result_read(
    office: Office, cloud: broker.Broker
) -> None:
    handle = cloud.submit(JOB)
    assert (handle.name, handle.state) == ("tune", "queued")
    office.work()
    assert handle.wait(until="placed", timeout=5) == "starting"
    run_all(office, text="one\ntwo")
    assert handle.result(timeout=5) == broker.Outcome(job=handle.id, exit_code=0)
    assert [line.text for line in handle.logs(follow=True)] == ["one", "two"]
    assert [line.text for line in handle.logs(tail=1)] == ["two"]
    types = [fact.type for fact in handle.events()]
    assert types[0] == "JobSubmitted"
    assert "HolderCommitted" in types
    assert "placed on azure" in handle.explain().text()
    assert handle.view().workload_class == "fine_tuning"


def test_one_key_is_one_job(cloud: broker.Broker) -> None:
    ids = {cloud.submit(JOB, idempotency_key="k").id for _ in range(3)}
    assert len(ids) == 1
    assert cloud.submit(JOB).id not in ids


def test_one_key_for_another_job_is_an_error_of_its_own(
    url: str, cloud: broker.Broker, tmp_path: Path
) -> None:
    first = cloud.submit(JOB, idempotency_key="k")
    with pytest.raises(broker.KeyTaken, match=first.id):
        cloud.submit(JOB.replace(run="echo goodbye"), idempotency_key="k")
    file = tmp_path / "job.yaml"
    said = []
    for run in ("echo hello", "echo hello", "echo goodbye"):
        file.write_text(f"name: tune\nkind: training\nrun: {run}\n", encoding="utf-8")
        said.append(shell(url, "submit", str(file), "--key", "batch"))
    assert [done.exit_code for done in said] == [0, 0, 5]
    assert "stands for job_" in said[-1].stderr
    assert len(cloud.jobs.list().items) == 2


def test_a_group_is_made_of_real_futures(office: Office, cloud: broker.Broker) -> None:
    group = cloud.submit_many([JOB.replace(name=f"n{n}") for n in range(4)])
    run_all(office)
    assert set(as_completed(group, timeout=5)) == set(group)
    assert not wait(group, timeout=5).not_done


def test_a_failed_job_raises_with_its_exit_code_and_last_lines(
    office: Office, cloud: broker.Broker
) -> None:
    handle = cloud.submit(JOB)
    run_all(office, exit_code=3, text="it broke\n")
    with pytest.raises(broker.JobFailed) as failed:
        handle.result(timeout=5)
    assert (failed.value.exit_code, failed.value.log_tail) == (3, "it broke")


def test_a_job_over_its_time_says_so_wherever_it_is_looked_at(
    office: Office, url: str, cloud: broker.Broker
) -> None:
    handle = cloud.submit(JOB.replace(timeout="2m"))
    run_all(office, exit_code=124, timed_out=True)
    says = "the time limit of 120 s was over"
    with pytest.raises(broker.JobFailed, match=says) as failed:
        handle.result(timeout=5)
    assert failed.value.exit_code == 124
    for words in (("ps", "-a"), ("show", handle.id), ("events", handle.id), ("explain", handle.id)):
        assert says in shell(url, *words).stdout


def test_a_cancelled_job_raises_and_cancelling_again_is_false(
    office: Office, cloud: broker.Broker
) -> None:
    handle = cloud.submit(JOB)
    assert handle.cancel(reason="not needed")
    office.seal()
    with pytest.raises(broker.JobCancelled, match="not needed"):
        handle.result(timeout=5)
    assert handle.cancelled()
    assert not handle.cancel()


def test_waiting_too_short_leaves_the_job_alone(cloud: broker.Broker) -> None:
    handle = cloud.submit(JOB)
    with pytest.raises(TimeoutError):
        handle.wait(until="running", timeout=0.05)
    with pytest.raises(TimeoutError):
        handle.result(timeout=0.05)
    assert handle.state == "queued"


def test_an_older_job_is_found_again_also_when_it_is_over(
    office: Office, url: str, cloud: broker.Broker
) -> None:
    id_ = cloud.submit(JOB).id
    run_all(office)
    with broker.Broker(url) as another:
        assert another.job(id_).result(timeout=5).exit_code == 0


def test_what_cannot_be_is_refused_with_its_field(cloud: broker.Broker) -> None:
    with pytest.raises(broker.InvalidJob) as wrong:
        cloud.submit(JOB.replace(resources={"gpu": "Z9:1"}))
    assert wrong.value.field == "resources.gpu"
    with pytest.raises(broker.NotFound):
        cloud.job("job_none")


def test_a_broker_that_runs_here_or_above_is_found_without_being_named(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "project" / "below"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BROKER_URL", raising=False)
    address = tmp_path / "project" / where.UP
    with serving(create_app(office.context), listen("127.0.0.1", 0)) as url:
        with announced(address, url), broker.Broker() as cloud:
            assert cloud.url == url
            assert cloud.health().status == "ok"
        assert not address.exists()
        assert where.find() is None


def test_what_a_broker_left_that_died_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BROKER_URL", raising=False)
    where.UP.parent.mkdir()
    where.UP.write_text("http://127.0.0.1:1\n")
    assert where.find() is None
    with announced(where.UP, "http://127.0.0.1:2"):
        assert where.find() == where.Address("http://127.0.0.1:2", None)
        with announced(where.UP, "http://127.0.0.1:3"):
            assert where.find() == where.Address("http://127.0.0.1:3", None)


def test_nobody_there_is_said_at_once() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    with (
        broker.Broker(f"http://127.0.0.1:{port}") as cloud,
        pytest.raises(broker.BrokerUnavailable, match="no broker answers"),
    ):
        cloud.submit(JOB)


def test_a_token_is_shown_and_a_wrong_one_refused(office: Office) -> None:
    guarded = create_app(office.with_context(token="right"))  # noqa: S106 - of this test
    with serving(guarded, listen("127.0.0.1", 0)) as url:
        with broker.Broker(url, "right") as cloud:
            cloud.submit(JOB)
        with broker.Broker(url, "wrong") as cloud, pytest.raises(broker.NotAuthorised):
            cloud.submit(JOB)
        assert shell(url, "ps").exit_code == 3


def test_the_address_is_read_from_the_nearest_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broker.toml").write_text(f'url = "{url}"\n', encoding="utf-8")
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    monkeypatch.delenv("BROKER_URL", raising=False)
    with broker.Broker() as cloud:
        assert cloud.url == url


def test_a_person_answers_from_python(person: Office) -> None:
    with serving(create_app(person.context), listen("127.0.0.1", 0)) as url:
        with broker.Broker(url) as cloud:
            cloud.submit(JOB)
            person.work()
            (offer,) = cloud.offers.list().items
            hold = HoldBody(hold="h1", units=1, region=AZURE.region, sku=AZURE.sku)
            assert cloud.offers.answer(offer.id, "accept", holds=[hold]).state == "accepted"
        again = shell(url, "answer", offer.id, "refuse", "--reason", "risk")
        assert again.exit_code == 5
        assert "accepted already" in again.stderr


# -- the command line


def test_submit_prints_ids_and_ps_lists_them(url: str, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("name: tune\nkind: training\nrun: echo hello\n", encoding="utf-8")
    id_ = shell(url, "submit", str(file)).stdout.strip()
    assert id_ in shell(url, "ps").stdout
    page = json.loads(shell(url, "ps", "--json").stdout)
    assert (page["schema"], page["items"][0]["id"]) == ("broker.jobs/v1", id_)
    assert shell(url, "show", "tune").stdout.startswith("id ")
    assert json.loads(shell(url, "show", id_[:-2], "--json").stdout)["id"] == id_
    assert shell(url, "cancel", id_, "--yes").stdout == f"{id_}  cancelled\n"
    assert "cancelled already" in shell(url, "cancel", id_).stdout


def test_what_only_the_broker_finds_is_told_of_the_file_and_its_field(
    url: str, tmp_path: Path
) -> None:
    job = "{name: a, kind: training, run: echo"
    one, many = tmp_path / "one.yaml", tmp_path / "jobs.yaml"
    one.write_text(f"{job}, resources: {{gpu: X900}}}}\n")
    many.write_text(f"jobs:\n- {job}}}\n- {job}, resources: {{gpu: X900}}}}\n")
    done = shell(url, "submit", str(one))
    assert done.exit_code == 2
    assert done.stderr.startswith(f"broker: {one}: resources.gpu: ")
    done = shell(url, "submit", str(many), str(many))
    assert done.stderr.startswith(f"broker: {many}: jobs[1].resources.gpu: ")
    assert (done.stderr.count("\n"), done.stdout) == (1, "")
    assert shell(url, "ps", "-a", "--json").stdout.count('"id"') == 0


def test_an_unknown_job_ends_with_4_and_one_sentence(url: str) -> None:
    for command in ("show", "logs", "events", "explain", "cancel"):
        done = shell(url, command, "nothing")
        assert done.exit_code == 4
        assert done.stderr.count("\n") == 1


def test_a_name_of_two_jobs_asks_for_more(url: str, cloud: broker.Broker) -> None:
    cloud.submit_many([JOB, JOB])
    done = shell(url, "show", "tune")
    assert done.exit_code == 2
    assert "may be any of" in done.stderr


def test_nobody_there_ends_with_7() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    done = shell(f"127.0.0.1:{port}", "ps")
    assert done.exit_code == 7
    assert "broker up" in done.stderr


def test_an_export_from_nobody_leaves_the_earlier_file(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    earlier = tmp_path / "day.jsonl"
    earlier.write_text("earlier\n")
    assert shell(f"127.0.0.1:{port}", "log", "export", str(earlier)).exit_code == 7
    assert earlier.read_text() == "earlier\n"


def test_the_log_is_exported_and_holds(office: Office, url: str, tmp_path: Path) -> None:
    rules = office.context.rules
    record_editions(office.store, rules.agreements.values())
    record_prices(office.store, rules.pools)
    with broker.Broker(url) as cloud:
        handle = cloud.submit(JOB)
        run_all(office)
        handle.result(timeout=5)
    file = str(tmp_path / "day.jsonl")
    assert shell(url, "log", "export", file).exit_code == 0
    assert shell(url, "audit", file).exit_code == 0
    assert "placed on azure" in shell(url, "explain", handle.id).stdout
    assert shell(url, "logs", handle.id).stdout == "hello\n"
    assert "JobFinished" in shell(url, "events", handle.id).stdout
    database = f"sqlite:///{tmp_path / 'broker.db'}"
    stored = shell(url, "log", "export", "--database", database).stdout
    assert stored == Path(file).read_text(encoding="utf-8")


def test_run_that_is_not_over_in_time_ends_with_124(url: str) -> None:
    done = shell(url, "run", "--wait", "0.1", "--", "sleep", "9")
    assert done.exit_code == 124
    assert "it goes on" in done.stderr


def test_run_detached_prints_the_id(url: str) -> None:
    done = shell(url, "run", "-d", "--gpu", "H100:8", "--env", "A=b", "--", "echo", "hello")
    assert done.exit_code == 0
    assert done.stdout.startswith("job")


@pytest.mark.parametrize("command", ["server", "worker", "ticker"])
@pytest.mark.parametrize("named", ["broker.db", "mistyped/broker.db", None])
def test_a_process_without_a_database_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, named: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("BROKER_DATABASE_URL", raising=False)
    if named:
        monkeypatch.setenv("BROKER_DATABASE_URL", f"sqlite:///{tmp_path / named}")
    words = [command, *(("--port", "0") if command == "server" else ())]
    done = CliRunner().invoke(app_for(words), words)
    assert done.exit_code == 2
    assert "there is no database at" in done.stderr
    assert "run `broker migrate`" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_listing_jobs_loads_no_server_and_no_cloud(url: str) -> None:
    """`broker ps`, in an interpreter of its own, against a server that answers."""
    asked = (
        "import sys\n"
        "from broker.cli.main import main\n"
        "sys.argv = ['broker', 'ps', '-a', '--json']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
    )
    assert heavy_modules_after(asked, {"BROKER_URL": url}) == []
