"""The production form: server, worker and ticker as processes, on PostgreSQL and RabbitMQ."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kombu import Connection, Exchange, Queue

from broker.domain.laws.audit import audit
from broker.domain.values import ProviderName
from broker.wiring import open_store
from providers.catalogue import pools
from providers.emulators.host import LocalClouds
from tests.support.clouds import eventually
from workers.app import queues

OVER = {"finished", "failed", "cancelled", "unmet"}
BROKER = str(Path(sys.executable).with_name("broker"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def running(environment: dict[str, str], *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([BROKER, *command], env=environment, start_new_session=True)


@contextmanager
def ended_by_sigterm(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def queues_deleted(url: str, prefix: str) -> Iterator[None]:
    try:
        yield
    finally:
        with Connection(url) as connection:
            channel = connection.channel()
            for name in queues():
                Queue(f"{prefix}{name}", channel=channel).delete()
                Exchange(f"{prefix}{name}", channel=channel).delete()


def answers(http: httpx2.Client) -> bool:
    try:
        return http.get("/v1/health").status_code == 200
    except httpx2.TransportError:
        return False


def a_training(number: int) -> dict[str, Any]:
    run = f"echo {number}; exit {number % 2}"
    return {
        "kind": "training",
        "name": f"t{number}",
        "run": run,
        "resources": {"gpu": "A100-80GB"},
    }


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    path = tmp_path / "pools.csv"
    lines = [f"{','.join(pool.place)},100" for pool in pools(ProviderName)]
    path.write_text("\n".join(["provider,region,sku,purchase,max_units", *lines]) + "\n")
    return path


def test_jobs_end_and_processes_stop_when_they_are_told(
    fresh_postgres_url: str, rabbitmq_url: str, queue_prefix: str, stock: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        clouds = stack.enter_context(LocalClouds("--pools", str(stock)))
        accounts = tmp_path / "clouds.json"
        accounts.write_text(json.dumps(clouds.accounts))
        port = free_port()
        environment = {
            **os.environ,  # noqa: TID251 - handed on to the processes that are tested
            "BROKER_DATABASE_URL": fresh_postgres_url,
            "BROKER_QUEUE_URL": rabbitmq_url,
            "BROKER_QUEUE_PREFIX": f"{queue_prefix}.",
            "BROKER_CLOUDS_FILE": str(accounts),
            "BROKER_PORT": str(port),
        }
        behind = subprocess.run(
            [BROKER, "ticker"], env=environment, check=False, capture_output=True, text=True
        )
        assert behind.returncode == 2
        assert "broker migrate" in behind.stderr
        subprocess.run([BROKER, "migrate"], env=environment, check=True, capture_output=True)
        stack.enter_context(queues_deleted(rabbitmq_url, f"{queue_prefix}."))
        for command in (
            ("worker", "--queues", "place,offers,sweep", "--concurrency", "1"),
            ("worker", "--queues", "provision.azure,provision.aws,provision.gcp,provision.oracle"),
            ("ticker",),
            ("server",),
        ):
            stack.enter_context(ended_by_sigterm(running(environment, *command)))
        http = stack.enter_context(
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        )
        assert eventually(lambda: answers(http), 30)
        jobs = [http.post("/v1/jobs", json=a_training(n)).json()["id"] for n in range(4)]
        views = [f"/v1/jobs/{job}" for job in jobs]
        assert eventually(lambda: all(http.get(v).json()["state"] in OVER for v in views), 60)
        assert [http.get(view).json()["exit_code"] for view in views] == [0, 1, 0, 1]
    store = open_store(fresh_postgres_url)
    store.seal()
    assert not audit(iter(store.facts(limit=100_000))).breaches
    store.close()
