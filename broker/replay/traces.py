"""A recorded scenario, read from `jobs.csv`, `capacity.csv` and `pools.csv`.

A job of one GPU takes one unit of any pool that fits. A job of more takes the whole units it needs
of one pool with more than one GPU a unit, as a gang; the unit is the commonest such size among the
pools. An empty `gpu_model` is any; `A|B` is either. `oci` is read as `oracle`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from broker.domain.market import Place, Pool, PoolKind
from broker.domain.stock import MalformedCapacity, Series, read_capacity
from broker.domain.values import ProviderName, usd
from broker.domain.workload import Kind, Shape, WorkClass, Workload

JOB_COLUMNS: Final = ("job_id", "submit_s", "duration_s", "gpus", "gpu_model", "kind", "tenant")
POOL_COLUMNS: Final = ("provider", "region", "sku", "gpus_per_unit", "max_units", "price_usd_hour")

MOST: Final = 1_000_000_000
"""Of anything a row counts; in seconds more than thirty years."""

CLASSES: Final[Mapping[Kind, WorkClass]] = {
    Kind.TRAINING: WorkClass.PRETRAINING,
    Kind.INFERENCE: WorkClass.INFERENCE_FIRST_PARTY,
    Kind.BATCH: WorkClass.BATCH_INFERENCE,
}
_KIND_OF: Final[Mapping[ProviderName, PoolKind]] = {
    ProviderName.AZURE: PoolKind.HOLDER,
    ProviderName.OWN: PoolKind.OWN_BUILT,
}


JobRows: TypeAlias = Iterator[tuple[str, dict[str, str]]]


class MalformedTraceError(ValueError):
    """One sentence that names the file, the line and what is wrong there."""


@dataclass(frozen=True, slots=True)
class TraceJob:
    submit_s: float
    run_s: float
    gpus: int
    """As recorded, before it was rounded up to whole units."""
    workload: Workload


@dataclass(frozen=True, slots=True)
class Scenario:
    jobs: Sequence[TraceJob]
    """By time of submission. A replay goes through them once, so they may be made on the way."""
    pools: tuple[Pool, ...]
    stock: Mapping[Place, Series]


def read_scenario(folder: Path, rows: Callable[[], JobRows] | None = None) -> Scenario:
    """Raises MalformedTraceError, also for a file that is not there.

    `rows` go before those of `jobs.csv`: each with the place to blame for it, in our own columns.
    """
    told = rows or (lambda: _rows(folder, "jobs.csv", JOB_COLUMNS))
    models = {model for _, row in told() for model in _models(row)}
    pools = tuple(_pools(folder, models))
    unit = _unit_size(pools)
    jobs = sorted(_jobs(told(), unit), key=lambda job: job.submit_s)
    return Scenario(jobs=tuple(jobs), pools=pools, stock=_stock(folder, pools))


def _stock(folder: Path, pools: tuple[Pool, ...]) -> Mapping[Place, Series]:
    path = folder / "capacity.csv"
    try:
        with _reading(path) as lines:
            series = read_capacity(lines, str(path))
    except MalformedCapacity as malformed:
        raise MalformedTraceError(str(malformed)) from None
    unknown = next((pool.place for pool in pools if pool.place not in series), None)
    if unknown is not None:
        raise MalformedTraceError(f"{path}: no series for {unknown}, which pools.csv names")
    return series


def _rows(
    folder: Path, name: str, columns: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with the place to blame for it, `file line N`."""
    path = folder / name
    with _reading(path) as lines:
        reader = csv.DictReader(lines)
        missing = [c for c in columns if c not in (reader.fieldnames or ())]
        if missing:
            raise MalformedTraceError(f"{path} line 1: column {missing[0]!r} is missing")
        for row in reader:
            where = f"{path} line {reader.line_num}"
            if None in row or any(row[column] is None for column in columns):
                raise MalformedTraceError(f"{where}: the row has not {len(row)} columns")
            yield where, row


@contextmanager
def _reading(path: Path) -> Iterator[TextIO]:
    """The file's lines. Raises MalformedTraceError where it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            yield lines
    except OSError as missing:
        raise MalformedTraceError(
            f"{path} cannot be read ({missing.strerror or missing}); "
            "a scenario is a folder with jobs.csv, capacity.csv and pools.csv"
        ) from None
    except UnicodeDecodeError:
        raise MalformedTraceError(f"{path} is no UTF-8 text; save it as UTF-8") from None
    except csv.Error as broken:
        raise MalformedTraceError(f"{path} is no CSV: {broken}") from None


def _models(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(model for model in row["gpu_model"].split("|") if model)


def _number(where: str, row: dict[str, str], column: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        raise MalformedTraceError(f"{where}: {column} {row[column]!r} is no number") from None
    if not 0 <= number <= MOST:
        raise MalformedTraceError(f"{where}: {column} {row[column]!r} must be between 0 and {MOST}")
    return number


def _whole(where: str, row: dict[str, str], column: str) -> int:
    number = _number(where, row, column)
    if number != int(number):
        raise MalformedTraceError(f"{where}: {column} {row[column]!r} is no whole number")
    return int(number)


def _pools(folder: Path, models: set[str]) -> Iterator[Pool]:
    for where, row in _rows(folder, "pools.csv", POOL_COLUMNS):
        name = "oracle" if row["provider"] == "oci" else row["provider"]
        if name not in set(ProviderName):
            raise MalformedTraceError(
                f"{where}: provider {row['provider']!r} is none of {', '.join(ProviderName)}"
            )
        provider = ProviderName(name)
        price = _price(where, row["price_usd_hour"])
        named = row.get("accelerator") or next((m for m in sorted(models) if m in row["sku"]), "")
        yield Pool(
            place=Place(provider, row["region"], row["sku"]),
            kind=_KIND_OF.get(provider, PoolKind.THIRD_PARTY_CLOUD),
            accelerator=named,
            gpus=_whole(where, row, "gpus_per_unit"),
            cpus=0,
            memory_gib=0,
            price_usd_hour=price,
        )


def _price(where: str, text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not (price.is_finite() and 0 <= price <= MOST):
        raise MalformedTraceError(
            f"{where}: price_usd_hour {text!r} is no amount; write US dollars such as 2.50"
        )
    return usd(price)


def _unit_size(pools: tuple[Pool, ...]) -> int:
    sizes = Counter(pool.gpus for pool in pools if pool.gpus > 1)
    return min(sizes, key=lambda size: (-sizes[size], size)) if sizes else 1


def _jobs(rows: JobRows, unit: int) -> Iterator[TraceJob]:
    for where, row in rows:
        if row["kind"] not in set(Kind):
            raise MalformedTraceError(f"{where}: kind {row['kind']!r} is none of {', '.join(Kind)}")
        kind, gpus = Kind(row["kind"]), _whole(where, row, "gpus")
        run_s = _number(where, row, "duration_s")
        several = gpus > 1
        yield TraceJob(
            submit_s=round(_number(where, row, "submit_s"), 6),
            run_s=run_s,
            gpus=gpus,
            workload=Workload(
                name=row["job_id"],
                tenant=row["tenant"] or "default",
                kind=kind,
                work_class=CLASSES[kind],
                run="",
                units=-(-gpus // unit) if several else 1,
                gang=several,
                shape=Shape(accelerators=_models(row), gpus=unit if several else gpus),
                duration_s=round(run_s),
            ),
        )
