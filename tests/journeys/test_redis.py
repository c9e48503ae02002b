"""The production form with Redis as its queue, in a database number of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx2
import pytest
import redis

from broker.domain.laws.audit import audit
from broker.wiring import open_store
from providers.emulators.host import LocalClouds
from tests.journeys.test_processes import (
    BROKER,
    OVER,
    a_training,
    answers,
    ended_by_sigterm,
    free_port,
    running,
    stock,
)
from tests.support.clouds import eventually
from tests.support.services import missing

__all__ = ["stock"]


@pytest.fixture
def own_redis_url(redis_url: str) -> Iterator[str]:
    """A database of the server that holds nothing, empty again afterwards."""
    for number in range(15, 0, -1):
        url = urlunsplit(urlsplit(redis_url)._replace(path=f"/{number}"))
        with redis.Redis.from_url(url) as line:
            if line.dbsize() == 0:
                try:
                    yield url
                finally:
                    line.flushdb()
                return
    missing("Redis with an empty database", redis_url)


def test_jobs_end_with_redis_as_the_queue(
    fresh_postgres_url: str, own_redis_url: str, stock: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        clouds = stack.enter_context(LocalClouds("--pools", str(stock)))
        accounts = tmp_path / "clouds.json"
        accounts.write_text(json.dumps(clouds.accounts))
        port = free_port()
        environment = {
            **os.environ,  # noqa: TID251 - handed on to the processes that are tested
            "BROKER_DATABASE_URL": fresh_postgres_url,
            "BROKER_QUEUE_URL": own_redis_url,
            "BROKER_CLOUDS_FILE": str(accounts),
            "BROKER_PORT": str(port),
        }
        subprocess.run([BROKER, "migrate"], env=environment, check=True, capture_output=True)
        for command in (("worker", "--concurrency", "2"), ("ticker",), ("server",)):
            stack.enter_context(ended_by_sigterm(running(environment, *command)))
        http = stack.enter_context(
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        )
        assert eventually(lambda: answers(http), 30)
        jobs = [http.post("/v1/jobs", json=a_training(n)).json()["id"] for n in range(2)]
        views = [f"/v1/jobs/{job}" for job in jobs]
        assert eventually(lambda: all(http.get(v).json()["state"] in OVER for v in views), 60)
        assert [http.get(view).json()["exit_code"] for view in views] == [0, 1]
    store = open_store(fresh_postgres_url)
    while store.seal():
        pass
    assert audit(iter(store.facts(limit=100_000))).holds
    store.close()
