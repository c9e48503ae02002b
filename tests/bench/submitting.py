"""Jobs taken in: through the step, and through the HTTP of a real server process."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from broker.client.connection import Connection
from broker.steps.submit import Submission, submit_jobs
from broker.store.sql import SqlStore
from broker.wiring import SystemClock, TimeOrderedIds
from tests.bench import inputs
from tests.bench.clouds import REGIONS, model, write_catalogue
from tests.bench.databases import BOTH, Database
from tests.bench.harness import Measure, Row, command, scratch

BATCH: Final = 1000
_BATCHES: Final = 5
_SINGLES: Final = 400


def rows() -> list[Row]:
    found: list[Row] = []
    for database in BOTH:
        on = database.name
        found += [
            Row(
                name=f"submit_many, the step, {on}",
                figure="jobs/s",
                at_least=5000,
                open=_stepping(database),
            ),
            Row(name=f"seal, {on}", figure="facts/s", open=_sealing(database), runs=3),
            Row(
                name=f"submit_many, HTTP, {BATCH:,} a call, {on}",
                figure="jobs/s",
                at_least=5000,
                open=_batches(database),
                runs=3,
            ),
            *(
                Row(
                    name=f"submit over HTTP, {_lines(lines)}, {on}",
                    figure="jobs/s",
                    at_least=300,
                    open=_singles(database, lines),
                    runs=3,
                )
                for lines in (1, 4)
            ),
        ]
    return found


def _lines(lines: int) -> str:
    return f"{lines} connection{'s' if lines > 1 else ''}"


# -- through the step


@contextmanager
def _store(database: Database) -> Iterator[SqlStore]:
    with database.fresh() as url:
        store = SqlStore(url, SystemClock(), TimeOrderedIds())
        try:
            store.migrate()
            yield store
        finally:
            store.close()


def _stepping(database: Database) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        rules, ids = inputs.rules(), TimeOrderedIds()
        works = [work for work in _works() if _fits(work, rules)]

        with _store(database) as store:

            def run() -> float:
                began = time.perf_counter()
                for _ in range(_BATCHES):
                    submit_jobs(works, store, rules, ids)
                return _BATCHES * len(works) / (time.perf_counter() - began)

            yield run

    return opened


def _works() -> list[Submission]:
    chance = Random(1)  # noqa: S311 - the same jobs every time
    return [Submission(workload=inputs.workload(number, chance)) for number in range(BATCH)]


def _fits(one: Submission, rules: object) -> bool:
    del rules
    work = one.workload
    return any(pool.fits(work.shape) and pool.within(work.limits) for pool in inputs.pools())


def _sealing(database: Database) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        rules, ids = inputs.rules(), TimeOrderedIds()
        works = [work for work in _works() if _fits(work, rules)]
        with _store(database) as store:

            def run() -> float:
                for _ in range(_BATCHES):
                    submit_jobs(works, store, rules, ids)
                began, sealed = time.perf_counter(), 0
                while some := store.seal():
                    sealed += some
                return sealed / (time.perf_counter() - began)

            yield run

    return opened


# -- through HTTP


@contextmanager
def server(url: str, folder: Path) -> Iterator[str]:
    """`broker server` in a process of its own, on a database that is migrated first."""
    accounts = {name: {"endpoint": "http://127.0.0.1:9"} for name in REGIONS}
    (folder / "accounts.json").write_text(json.dumps(accounts), encoding="utf-8")
    write_catalogue(folder / "catalogue.csv", 4)
    (folder / "broker.toml").write_text(
        f'clouds_file = "{folder / "accounts.json"}"\ncatalogue = "{folder / "catalogue.csv"}"\n',
        encoding="utf-8",
    )
    subprocess.run([command(), "migrate", "--database", url], check=True, cwd=folder)
    served = subprocess.Popen(
        [command(), "server", "--json", "--port", "0", "--database", url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert served.stdout is not None
    try:
        said = served.stdout.readline()
        if not said:
            raise RuntimeError("`broker server` did not start; what it said stands above")
        yield json.loads(said)["url"]
    finally:
        served.terminate()
        served.wait()
        served.stdout.close()


@contextmanager
def served(database: Database) -> Iterator[str]:
    with scratch() as folder, database.fresh() as url, server(url, folder) as address:
        yield address


def job(number: int) -> dict[str, object]:
    return {
        "kind": "batch",
        "name": f"job-{number}",
        "run": "python -m work",
        "resources": {"gpu": model(number % 4)},
        "env": {"PART": str(number)},
    }


def _batches(database: Database) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with served(database) as url:
            line = Connection(url)
            body = {"jobs": [{"job": job(number)} for number in range(BATCH)]}

            def run() -> float:
                began = time.perf_counter()
                for _ in range(_BATCHES):
                    line.post("/v1/jobs/batch", body, repeatable=False)
                return _BATCHES * BATCH / (time.perf_counter() - began)

            yield run
            line.close()

    return opened


def _singles(database: Database, lines: int) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with served(database) as url, ThreadPoolExecutor(lines) as callers:
            line = Connection(url)

            def submit(number: int) -> None:
                line.post("/v1/jobs", job(number), repeatable=False)

            def run() -> float:
                began = time.perf_counter()
                list(callers.map(submit, range(_SINGLES)))
                return _SINGLES / (time.perf_counter() - began)

            yield run
            line.close()

    return opened
