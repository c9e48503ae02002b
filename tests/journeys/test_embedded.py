"""The embedded broker: real commands on emulated machines, by HTTP, relay, Celery and agent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.domain.laws.audit import audit
from broker.domain.values import JobId
from broker.settings import SettingsError
from tests.support.clouds import eventually
from workers.embedded import Engine, start
from workers.reactions import Nudge

OVER = {"finished", "failed", "cancelled", "unmet"}
WITHIN_S = 40.0


def a_training(name: str, run: str) -> dict[str, Any]:
    gpu = {"gpu": "A100-80GB"}
    return {"kind": "training", "name": name, "run": run, "resources": gpu}


def submit(http: httpx2.Client, job: dict[str, Any]) -> str:
    answer = http.post("/v1/jobs", json=job)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ended(http: httpx2.Client, job: str) -> dict[str, Any]:
    view: dict[str, Any] = {}

    def over() -> bool:
        view.update(http.get(f"/v1/jobs/{job}").json())
        return view["state"] in OVER

    assert eventually(over, WITHIN_S), view
    return view


def assert_lawful(engine: Engine) -> None:
    engine.store.seal()
    report = audit(iter(engine.store.facts(limit=100_000)))
    assert not report.breaches


def test_a_job_really_runs_and_its_log_is_lawful() -> None:
    with start() as engine, httpx2.Client(base_url=engine.url, trust_env=False) as http:
        job = submit(http, a_training("hello", "echo hello from $BROKER_PROVIDER; exit 3"))
        view = ended(http, job)
        assert (view["state"], view["exit_code"]) == ("failed", 3)
        said = "".join(chunk.text for _, chunk in engine.store.logs(JobId(job)))
        assert said == "hello from azure\n"
        assert_lawful(engine)


def test_every_second_nudge_may_be_lost() -> None:
    dropped = count()

    def leaky(publish: Callable[[Nudge], None]) -> Callable[[Nudge], None]:
        def sometimes(nudge: Nudge) -> None:
            if next(dropped) % 2:
                publish(nudge)

        return sometimes

    with (
        start(wrapped=leaky) as engine,
        httpx2.Client(base_url=engine.url, trust_env=False) as http,
    ):
        jobs = [submit(http, a_training(f"job-{n}", "true")) for n in range(6)]
        assert {ended(http, job)["state"] for job in jobs} == {"finished"}
        assert_lawful(engine)
    assert next(dropped) > 10


def test_nothing_is_left_and_closing_twice_is_closing_once() -> None:
    before = set(threading.enumerate())
    engine = start()
    engine.close()
    engine.close()
    left = set(threading.enumerate()) - before
    assert not [thread.name for thread in left if not thread.name.startswith("asyncio")]
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(engine.url, trust_env=False)


def test_two_engines_never_work_on_one_folder(tmp_path: Path) -> None:
    with start(data_dir=tmp_path) as engine:
        with pytest.raises(SettingsError, match="a broker works on"):
            start(data_dir=tmp_path)
        assert httpx2.get(f"{engine.url}/v1/health").json()["status"] == "ok"
    start(data_dir=tmp_path).close()
