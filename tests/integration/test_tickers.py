"""Two tickers on one database: one works, the other stands by and takes its turn when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.agreements.registry import shipped
from broker.domain.laws.audit import audit
from broker.domain.workload import Shape
from broker.steps.place import place_round
from broker.steps.rulebook import Rulebook
from broker.steps.submit import Submission, submit_jobs
from broker.store.sql import SqlStore
from broker.store.tables import TURNS
from broker.wiring import TimeOrderedIds, open_store
from tests.journeys.test_processes import queues_deleted
from tests.support.api import POOLS
from tests.support.broker import work
from tests.support.clouds import eventually

BROKER = str(Path(sys.executable).with_name("broker"))
RULES = Rulebook(agreements=shipped(), default_agreement="azure-first-refusal", pools=POOLS)
JOBS = 20
A_TURN_S = 10


@contextmanager
def a_ticker(database: str, queue: str, prefix: str) -> Iterator[subprocess.Popen[bytes]]:
    surroundings = {
        **os.environ,  # noqa: TID251 - handed on to the process that is tested
        "BROKER_DATABASE_URL": database,
        "BROKER_QUEUE_URL": queue,
        "BROKER_QUEUE_PREFIX": f"{prefix}.",
    }
    process = subprocess.Popen(
        [BROKER, "ticker"], env=surroundings, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def store(fresh_postgres_url: str) -> Iterator[SqlStore]:
    store = open_store(fresh_postgres_url)
    store.migrate()
    yield store
    store.close()


def owners(store: SqlStore) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.execute(select(TURNS.c.owner)).scalars())


def submit(store: SqlStore) -> None:
    works = [Submission(workload=work(shape=Shape(accelerators=("H100",), gpus=8)))] * JOBS
    submit_jobs(works, store, RULES, TimeOrderedIds())


def in_the_log(store: SqlStore, type_: str) -> Counter[str]:
    return Counter(fact.data["job"] for fact in store.facts(limit=100_000) if fact.type == type_)


def test_each_due_thing_is_done_once_though_the_ticker_that_works_dies(
    store: SqlStore, fresh_postgres_url: str, own_queue: tuple[str, str]
) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(a_ticker(fresh_postgres_url, *own_queue))
        assert eventually(lambda: len(owners(store)) == 1, 30)
        (worked,) = owners(store)
        stack.enter_context(a_ticker(fresh_postgres_url, *own_queue))
        submit(store)
        with ThreadPoolExecutor(2) as workers:
            list(workers.map(lambda _: place_all(store), range(2)))
        assert eventually(lambda: len(in_the_log(store, "OfferIssued")) == JOBS, 30)
        assert owners(store) == [worked]
        os.killpg(first.pid, signal.SIGKILL)
        submit(store)
        assert eventually(lambda: len(in_the_log(store, "JobSubmitted")) == 2 * JOBS, A_TURN_S + 20)
        (works,) = owners(store)
        assert works != worked
        place_all(store)
        assert eventually(lambda: len(in_the_log(store, "OfferIssued")) == 2 * JOBS, 30)
    facts = store.facts(limit=100_000)
    assert [fact.position for fact in facts] == list(range(1, len(facts) + 1))
    assert set(in_the_log(store, "OfferIssued").values()) == {1}
    assert audit(iter(facts)).holds


def place_all(store: SqlStore) -> None:
    while place_round(store, RULES, limit=3):
        pass


@pytest.fixture
def own_queue(rabbitmq_url: str, queue_prefix: str) -> Iterator[tuple[str, str]]:
    with queues_deleted(rabbitmq_url, f"{queue_prefix}."):
        yield rabbitmq_url, queue_prefix
