"""One worker that buys at one cloud, as a process: what it holds in flight, and its weight."""

from __future__ import annotations

import csv
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from broker.domain.values import ProviderName
from broker.domain.workload import Kind, Shape, WorkClass, Workload
from broker.settings import Settings
from broker.steps.submit import Submission, submit_jobs
from broker.wiring import catalogue, wired
from providers.catalogue import COLUMNS
from providers.emulators.host import LocalClouds
from tests.bench.clouds import REGIONS, model, shape
from tests.bench.databases import POSTGRESQL
from tests.bench.harness import Measure, Missing, Row, command, descendants, resident_mb, scratch
from tests.support import services
from workers.app import queues

LAUNCHES: Final = 220
"""Each of a kind of its own, for a place that nobody has tried is asked for one at a time."""
ANSWERS_AFTER_S: Final = 2.0
_LONGEST_S: Final = 300.0
_LOOK_S: Final = 0.05
_DEAR: Final = 90
_CHEAP: Final = 1


class Scene(NamedTuple):
    clouds: LocalClouds
    settings: Settings
    worker: subprocess.Popen[bytes]


def rows() -> list[Row]:
    return [
        Row(
            name=f"launches in flight at once, one {name} worker, answers after 2 s",
            figure="launches",
            at_least=200,
            open=_measured(name, _in_flight),
            runs=1,
            warm_ups=0,
        )
        for name in REGIONS
    ] + [
        Row(
            name=f"a {name} worker that has held them",
            figure="MB",
            at_most=250,
            open=_measured(name, _weight),
            runs=1,
            warm_ups=0,
        )
        for name in REGIONS
    ]


def _measured(
    cloud: str, figure: Callable[[Scene, str], float]
) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with _scene(cloud) as scene:
            yield partial(figure, scene, cloud)

    return opened


def _in_flight(scene: Scene, cloud: str) -> float:
    _launch_all(scene, cloud)
    most: float = scene.clouds.order(cloud, tell=True)["most"]["launch"]
    return most


def _weight(scene: Scene, cloud: str) -> float:
    """Of the heaviest process of the worker: the one that asks the cloud."""
    _launch_all(scene, cloud)
    return max(resident_mb(pid) for pid in (scene.worker.pid, *descendants(scene.worker.pid)))


def _launch_all(scene: Scene, cloud: str) -> None:
    """Submit a job for each kind, and wait until the cloud was asked for all of them."""
    with wired(scene.settings, catalogue(scene.settings)) as wiring:
        jobs = [Submission(workload=_work(number)) for number in range(LAUNCHES)]
        submit_jobs(jobs, wiring.store, wiring.rules, wiring.ids)
    deadline = time.monotonic() + _LONGEST_S
    while len(scene.clouds.order(cloud, tell=True)["machines"]) < LAUNCHES:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{cloud} was not asked for all machines in {_LONGEST_S:g} s")
        time.sleep(_LOOK_S)


def _work(number: int) -> Workload:
    return Workload(
        name=f"job-{number}",
        tenant="default",
        kind=Kind.BATCH,
        work_class=WorkClass.BATCH_INFERENCE,
        run="true",
        shape=Shape(accelerators=(model(number),), gpus=1),
    )


@contextmanager
def _scene(cloud: str) -> Iterator[Scene]:
    """The cloud has all there is, and answers launches late; the holder, if another, has none."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        _write(folder, cloud)
        clouds = stack.enter_context(LocalClouds("--pools", str(folder / "stock.csv")))
        clouds.order(cloud, slow={"operation": "launch", "seconds": ANSWERS_AFTER_S})
        (folder / "clouds.json").write_text(json.dumps(clouds.accounts), encoding="utf-8")
        prefix = f"{services.unique_name('bench')}."
        told = {
            "database_url": stack.enter_context(POSTGRESQL.fresh()),
            "queue_url": _queue(),
            "queue_prefix": prefix,
            "clouds_file": str(folder / "clouds.json"),
            "catalogue": str(folder / "catalogue.csv"),
            "public_url": "http://127.0.0.1:9",
        }
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        environment |= {f"BROKER_{name.upper()}": value for name, value in told.items()}
        subprocess.run([command(), "migrate"], env=environment, check=True, capture_output=True)
        stack.callback(_forget, told["queue_url"], prefix)
        start = partial(_started, stack, environment)
        others = [f"provision.{name}" for name in REGIONS if name != cloud]
        start("worker", "--queues", ",".join(["place", "offers", "sweep", *others]))
        worker = start("worker", "--queues", f"provision.{cloud}", "--concurrency", "1")
        start("ticker")
        yield Scene(clouds, Settings.read(**told), worker)


def _started(stack: ExitStack, environment: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([command(), *words], env=environment, cwd=environment["HOME"])

    def end() -> None:
        process.terminate()
        process.wait()

    stack.callback(end)
    return process


def _queue() -> str:
    try:
        return services.queue_url(services.RABBITMQ)
    except (pytest.skip.Exception, pytest.fail.Exception) as away:
        raise Missing(str(away)) from None


def _forget(url: str, prefix: str) -> None:
    from kombu import Connection, Exchange, Queue  # noqa: PLC0415 - other rows do without

    with Connection(url) as connection:
        channel = connection.channel()
        for name in queues():
            Queue(f"{prefix}{name}", channel=channel).delete()
            Exchange(f"{prefix}{name}", channel=channel).delete()


def _write(folder: Path, cloud: str) -> None:
    """The catalogue and the stock: the cloud is the cheapest third party, or the holder."""
    kinds = range(LAUNCHES)
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, restval="")
        rows.writeheader()
        for number in kinds:
            for name, region in REGIONS.items():
                rows.writerow(
                    {
                        "cloud": name,
                        "region": region,
                        "shape": shape(name, number),
                        "gpu": model(number),
                        "gpus": 1,
                        "gib_per_gpu": 16,
                        "cpus": 8,
                        "memory_gib": 64,
                        "usd_hour": _CHEAP if name == cloud else _DEAR,
                        "source": "bench",
                        "as_of": "2026-01-01",
                    }
                )
    holder = ProviderName.AZURE.value
    with (folder / "stock.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("provider", "region", "sku", "max_units"))
        for number in kinds:
            for name, region in REGIONS.items():
                empty = name == holder and cloud != holder
                lines.writerow((name, region, shape(name, number), 0 if empty else 9))
