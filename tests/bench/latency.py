"""How long one job takes when nothing else is to be done: the embedded broker, instant clouds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from broker.client.broker import Broker
from broker.client.handle import JobHandle
from broker.domain.values import instant
from broker.wire import Batch, Resources
from tests.bench.clouds import REGIONS, Asked, loud_clouds, model, shape, write_catalogue
from tests.bench.harness import Measure, Row, percentile, scratch

if TYPE_CHECKING:
    from broker.domain.chain import Fact
    from workers.embedded import Engine

REFUSALS: Final = 110
"""A refusal is remembered, so each sample needs a kind of machine of its own."""
PER_S: Final = 50
BUSY_S: Final = 10
_WARM: Final = 50
"""The first so many of them are not counted."""
SAMPLES: Final = 10
LONGEST_S: Final = 20.0
_LOOK_S: Final = 0.001
_QUIET_S: Final = 0.1


class Scene(NamedTuple):
    engine: Engine
    broker: Broker
    asked: Asked


def rows() -> list[Row]:
    return [
        Row(
            name=f"refusal recorded to launch call received, {REFUSALS} refusals",
            figure="p99 ms",
            at_most=50,
            open=_refusing,
            runs=1,
            warm_ups=0,
        ),
        Row(
            name=f"the same at {PER_S} refusals a second, {BUSY_S} s",
            figure="p99 ms",
            at_most=50,
            open=_sustained,
            runs=1,
            warm_ups=0,
        ),
        Row(
            name=f"idle submit to placed, {SAMPLES} a run",
            figure="median ms",
            at_most=50,
            open=_samples(_to_placed, real=False),
        ),
        Row(
            name=f"submit to first log line, {SAMPLES} a run",
            figure="median ms",
            at_most=1000,
            open=_samples(_to_first_line, real=True),
            runs=3,
        ),
    ]


@contextmanager
def _scene(*, holder_stock: int, models: int, real: bool) -> Iterator[Scene]:
    from workers.embedded import start  # noqa: PLC0415 - loads Celery, which other rows do without

    with scratch() as folder:
        write_catalogue(folder / "catalogue.csv", models)
        with (
            loud_clouds(folder, holder_stock=holder_stock, models=models, real=real) as asked,
            start(
                data_dir=folder,
                clouds=False,
                clouds_file=asked.accounts,
                catalogue=folder / "catalogue.csv",
            ) as engine,
            Broker(engine.url, engine.token) as broker,
        ):
            yield Scene(engine, broker, asked)


@contextmanager
def _refusing() -> Iterator[Measure]:
    with _scene(holder_stock=0, models=REFUSALS, real=False) as scene:
        fresh = iter(range(REFUSALS))

        def run() -> float:
            took = [_to_launch(scene, number) for number in fresh]
            return percentile(took[5:], 99) * 1000

        yield run


@contextmanager
def _sustained() -> Iterator[Measure]:
    """Every job is for a machine of its own kind, so that every offer is put and refused."""
    number = PER_S * BUSY_S + _WARM
    with _scene(holder_stock=0, models=number, real=False) as scene:

        def run() -> float:
            began = time.monotonic()
            jobs = [_in_time(scene, one, began + one / PER_S) for one in range(number)]
            took = [_since_refusal(scene, job, one) for one, job in enumerate(jobs)]
            return percentile(took[_WARM:], 99) * 1000

        yield run


def _in_time(scene: Scene, number: int, at: float) -> JobHandle:
    """Submit at that second, whatever became of those before."""
    time.sleep(max(0.0, at - time.monotonic()))
    return scene.broker.submit(_job(number))


def _since_refusal(scene: Scene, job: JobHandle, number: int) -> float:
    refused = _fact(scene, job, "OfferRefused")
    shapes = [shape(cloud, number) for cloud in REGIONS if cloud != "azure"]
    _until(lambda: any(one in scene.asked.first for one in shapes))
    received = min(scene.asked.first[one] for one in shapes if one in scene.asked.first)
    return received - instant(refused.at).timestamp()


def _samples(
    sample: Callable[[Scene], float], *, real: bool
) -> Callable[[], AbstractContextManager[Measure]]:
    @contextmanager
    def opened() -> Iterator[Measure]:
        with _scene(holder_stock=1000, models=1, real=real) as scene:
            yield lambda: statistics.median(sample(scene) for _ in range(SAMPLES)) * 1000

    return opened


def _to_launch(scene: Scene, number: int) -> float:
    """From the instant of the holder's refusal to the next cloud's receipt of the call."""
    before = len(scene.asked.launches)
    job = scene.broker.submit(_job(number))
    refused = _fact(scene, job, "OfferRefused")
    _until(lambda: any(cloud != "azure" for _, cloud in scene.asked.launches[before:]))
    received = next(at for at, cloud in scene.asked.launches[before:] if cloud != "azure")
    _fact(scene, job, "LeaseActivated")
    _clear(scene, job)
    return received - instant(refused.at).timestamp()


def _to_placed(scene: Scene) -> float:
    began = time.time()
    job = scene.broker.submit(_job(0))
    placed = _fact(scene, job, "LeaseActivated")
    _clear(scene, job)
    return instant(placed.at).timestamp() - began


def _to_first_line(scene: Scene) -> float:
    began = time.perf_counter()
    job = scene.broker.submit(_job(0))
    next(job.logs(follow=True))
    took = time.perf_counter() - began
    job.result(LONGEST_S)
    _settle(scene)
    return took


def _job(number: int) -> Batch:
    return Batch(name="bench", run="echo here", resources=Resources(gpu=model(number)))


def _fact(scene: Scene, job: JobHandle, kind: str) -> Fact:
    """The first fact of a kind in the job's stream, once it is sealed."""
    found: list[Fact] = []

    def there() -> bool:
        facts = scene.engine.store.facts(stream=f"job/{job.id}")
        found.extend(fact for fact in facts if fact.type == kind)
        return bool(found)

    _until(there)
    return found[0]


def _clear(scene: Scene, job: JobHandle) -> None:
    job.cancel()
    _settle(scene)


def _settle(scene: Scene) -> None:
    """Wait until the queue is idle."""

    def idle() -> bool:
        with scene.engine.store.transaction() as tx:
            return not tx.machines()

    _until(idle)
    time.sleep(_QUIET_S)


def _until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it in {LONGEST_S:g} s")
        time.sleep(_LOOK_S)
