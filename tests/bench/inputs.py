"""What is asked for in the benchmarks: markets, jobs and traces, the same ones every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from broker.agreements.registry import shipped
from broker.domain.job import Job, Unit, UnitState
from broker.domain.line import line_of
from broker.domain.market import Market, Place, Pool, PoolKind, Refusal
from broker.domain.release import Basis, Release
from broker.domain.stock import Series
from broker.domain.terms import Terms
from broker.domain.values import JobId, OfferId, ProviderName, RefusalId, RefusalReason
from broker.domain.workload import Kind, Limits, Shape, WorkClass, Workload
from broker.replay.traces import Scenario, TraceJob, read_scenario
from broker.steps.rulebook import Rulebook
from tests.bench.harness import Missing

AGREEMENT: Final = "azure-first-refusal"
NOW: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
SHAPES: Final = 50
CLOUDS: Final = (ProviderName.AZURE, ProviderName.AWS, ProviderName.GCP, ProviderName.ORACLE)
DATA: Final = Path(__file__).parents[3] / "shared" / "data"
"""Recorded traces, where the checkout has them beside it."""

_PLENTY: Final = 10_000

_GPUS: Final = ("T4", "A10", "L4", "A100", "A100-80GB", "H100", "H200", "")
_REGIONS: Final = ("eu-west", "eu-north", "us-east", "us-west", "asia-south")
_CLASSES: Final = tuple(WorkClass)
_LIMITS: Final = (
    Limits(),
    Limits(regions=("eu-*",)),
    Limits(regions=("us-*", "asia-*")),
    Limits(exclude=(ProviderName.GCP,)),
    Limits(max_price_usd_hour=Decimal(40)),
    Limits(regions=("eu-*", "us-east"), max_price_usd_hour=Decimal("12.5")),
)


def pools() -> tuple[Pool, ...]:
    """Four clouds with fifty shapes each."""
    return tuple(_pool(cloud, number) for cloud in CLOUDS for number in range(SHAPES))


def _pool(cloud: ProviderName, number: int) -> Pool:
    gpu = _GPUS[number % len(_GPUS)]
    gpus = 0 if not gpu else 1 << number // len(_GPUS) % 4
    return Pool(
        place=Place(cloud, _REGIONS[number % len(_REGIONS)], f"{cloud.value}-{number:02}"),
        kind=PoolKind.HOLDER if cloud is ProviderName.AZURE else PoolKind.THIRD_PARTY_CLOUD,
        accelerator=gpu,
        gpus=gpus,
        cpus=8 + 8 * gpus,
        memory_gib=32 + 96 * gpus,
        price_usd_hour=Decimal(100 + 37 * number + 11 * len(cloud.value)) / 100,
    )


def rules(of: tuple[Pool, ...] | None = None) -> Rulebook:
    agreement = shipped()[AGREEMENT]
    return Rulebook(
        agreements={AGREEMENT: agreement},
        default_agreement=AGREEMENT,
        pools=pools() if of is None else of,
    )


def workload(number: int, chance: Random) -> Workload:
    """Any class, one of many sizes, with or without limits; a quarter are gangs."""
    kind = chance.choice(tuple(Kind))
    gpu = chance.choice(_GPUS)
    units = chance.choice((1, 1, 1, 2, 4, 8))
    return Workload(
        name=f"job-{number}",
        tenant=f"team-{number % 7}",
        kind=kind,
        work_class=chance.choice(_CLASSES),
        run="true",
        units=units,
        gang=kind is Kind.TRAINING and units > 1,
        shape=Shape(
            accelerators=(gpu,) if gpu else (),
            gpus=chance.choice((1, 1, 2, 4, 8)) if gpu else 0,
            cpus=chance.choice((0, 8, 16)),
        ),
        limits=chance.choice(_LIMITS),
        duration_s=chance.randrange(60, 90_000),
    )


def waiting(number: int, chance: Random) -> Job:
    """A job that is due: three in four fresh, the others let go by the holder."""
    work = workload(number, chance)
    free = number % 4 == 3
    terms = Terms(
        accelerators=work.shape.accelerators or None,
        gpus_per_unit=work.shape.gpus,
        regions=work.limits.regions or None,
        price_usd_hour=work.limits.max_price_usd_hour,
        duration_s=work.duration_s,
        chunk=work.units if work.gang else 1,
    )
    release = Release(
        number=1,
        since=NOW,
        basis=Basis.REFUSAL,
        offer=OfferId(f"offer_{number}"),
        ceiling=replace(terms, price_usd_hour=terms.price_usd_hour or Decimal(50)),
        tail_until=NOW + timedelta(hours=4),
        stale_at=NOW + timedelta(minutes=15),
        cites=(f"offer_{number}",),
    )
    unit = Unit(index=0, state=UnitState.RELEASED, release=1) if free else Unit(index=0)
    return Job(
        id=JobId(f"job_{number:08}"),
        workload=work,
        agreement=AGREEMENT,
        line=line_of(AGREEMENT, work),
        terms=terms,
        submitted_at=NOW,
        patience_until=None,
        last_at=NOW,
        units=tuple(replace(unit, index=index) for index in range(work.units)),
        releases=(release,) if free else (),
        released=int(free),
        due_at=NOW,
    )


def market(chance: Random) -> Market:
    """A market of its own: a third of the places refused lately, the others with little room."""
    sold = pools()
    refused = [pool.place for pool in sold if chance.random() < 1 / 3]
    return Market(
        pools=sold,
        refusals={
            place: Refusal(
                id=RefusalId(f"refusal_{number}"),
                place=place,
                units=1,
                code="full",
                reason=RefusalReason.NO_CAPACITY,
                at=NOW,
                valid_until=NOW + timedelta(minutes=chance.randrange(1, 15)),
            )
            for number, place in enumerate(refused)
        },
        room={pool.place: chance.choice((1, 2, 8, 64)) for pool in sold},
    )


# -- replays


def recorded() -> Scenario:
    """The reference scenario. Raises Missing where its files are not at hand."""
    if not DATA.is_dir():
        raise Missing(f"no recorded traces at {DATA}")
    return read_scenario(DATA / "scenario")


def uncongested(jobs: int) -> Scenario:
    """Jobs that find room at once; the holder refuses for one hour in four, and they spill."""
    chance = Random(7)  # noqa: S311 - nobody is to be kept from guessing it
    at_s, trace = 0.0, []
    for number in range(jobs):
        at_s += chance.expovariate(1 / 30)
        several = chance.random() < 0.2
        run_s = chance.randrange(60, 7_200)
        trace.append(trace_job(number, submit_s=round(at_s, 3), run_s=run_s, several=several))
    places = sold()
    return Scenario(jobs=tuple(trace), pools=places, stock=stock(places, at_s))


def trace_job(number: int, *, submit_s: float, run_s: float, several: bool) -> TraceJob:
    """One unit of one GPU, or a gang of two units of eight."""
    return TraceJob(
        submit_s=submit_s,
        run_s=run_s,
        gpus=16 if several else 1,
        workload=Workload(
            name=f"job-{number}",
            tenant="default",
            kind=Kind.TRAINING,
            work_class=WorkClass.PRETRAINING,
            run="",
            units=2 if several else 1,
            gang=several,
            shape=Shape(gpus=8 if several else 1),
        ),
    )


def sold() -> tuple[Pool, ...]:
    """The pools of one and of eight GPUs."""
    return tuple(pool for pool in pools() if pool.gpus in {1, 8})


def stock(places: tuple[Pool, ...], until_s: float) -> dict[Place, Series]:
    """Plenty everywhere, but that the holder has nothing for one hour in four."""
    shut = tuple(hour % 4 == 3 for hour in range(int(until_s / 3600) + 1))
    holders = Series(
        tuple(3600.0 * hour for hour in range(len(shut))),
        tuple(0 if closed else _PLENTY for closed in shut),
    )
    return {
        pool.place: holders if pool.kind is PoolKind.HOLDER else Series.constant(_PLENTY)
        for pool in places
    }
