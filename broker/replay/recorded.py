"""The broker's own log as a scenario: the jobs of the last days, and the capacity they showed.

Jobs are those submitted in the period, with the class, units and limits they asked for. A job runs
as long as it really did, from its last unit's lease to the end of its last lease; one that still
runs, up to the end of the log; one that was never placed, as long as it said, else it is left out.
Places are those of the log's price lists that gave or refused something in the period;
`history.levels` says what capacity is known of them and what is assumed. A place that was never
asked is unknown, and has nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from broker.domain.chain import Fact, MalformedLine, read_lines
from broker.domain.market import Pool
from broker.domain.stock import Series
from broker.domain.values import ProviderName, instant, usd
from broker.domain.workload import Kind, Limits, Shape, SpotUse, WorkClass, Workload
from broker.replay.history import History, PastJob, PastPlace, levels
from broker.replay.traces import MalformedTraceError, Scenario, TraceJob
from broker.settings import Settings
from broker.store.schema import require_head
from broker.wiring import open_store

_DAYS: Final = re.compile(r"(\d+)d")
_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Recorded:
    scenario: Scenario
    says: str
    notes: tuple[str, ...]


def recorded_scenario(days: str, file: str | None, database_url: str | None) -> Recorded:
    """The last days of an exported log, or of the broker's database. Raises ValueError."""
    form = _DAYS.fullmatch(days)
    if form is None or not int(form[1]):
        raise ValueError(f"--recorded {days!r} is no number of days such as 7d")
    with _source(file, database_url) as (facts, name):
        until = max((instant(fact.at) for fact in facts()), default=None)
        if until is None:
            raise ValueError(f"{name} holds no fact yet; run some jobs, or name another log")
        since = until - timedelta(days=int(form[1]))
        history = History.told(facts(), since, until)
    return _scenario(history, f"the last {form[1]} days of {name}")


@contextmanager
def _source(
    file: str | None, url: str | None
) -> Iterator[tuple[Callable[[], Iterator[Fact]], str]]:
    """The facts, to be gone through more than once, and what they are called."""
    if file is not None:
        yield (lambda: _exported(Path(file))), file
        return
    store = open_store(url or Settings.read().database)
    try:
        require_head(store.engine)

        def stored() -> Iterator[Fact]:
            after = 0
            while facts := store.facts(after, _PAGE):
                yield from facts
                after = facts[-1].position

        yield stored, "this broker's log"
    finally:
        store.close()


def _exported(path: Path) -> Iterator[Fact]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from read_lines(lines)
    except MalformedLine as broken:
        raise MalformedTraceError(f"{path}: {broken}") from None
    except UnicodeDecodeError:
        raise MalformedTraceError(f"{path}: is no UTF-8, so it is no exported log") from None


def _scenario(history: History, name: str) -> Recorded:
    """Raises ValueError where the period holds nothing that can be replayed."""
    pools = tuple(
        _priced(history.listed[place], known)
        for place, known in sorted(history.places.items())
        if place in history.listed
    )
    stock = {pool.place: _series(history.places[pool.place], history.since) for pool in pools}
    jobs, left_out, guessed = [], 0, 0
    for past in history.jobs.values():
        lasts = _lasting(past, history.until)
        if lasts is None:
            left_out += 1
            continue
        work = _workload(past, lasts)
        if not any(pool.fits(work.shape) for pool in pools):
            left_out += 1
            continue
        guessed += past.placed_at is None or past.ended_at is None
        submitted = (past.at - history.since).total_seconds()
        gpus = work.units * work.shape.gpus
        jobs.append(TraceJob(submit_s=submitted, run_s=lasts, gpus=gpus, workload=work))
    if not jobs:
        raise ValueError(f"{name}: no job was submitted there that ran; take more days")
    scenario = Scenario(jobs=tuple(jobs), pools=pools, stock=stock)
    capacity = (
        f"Capacity is that of the {len(pools)} places that gave or refused something: between two "
        "refusals the most that was held there, and no more. Places never asked have nothing."
    )
    notes = (
        f"{left_out} jobs are left out: never placed and of unknown length, or fitting no place.",
        f"{guessed} jobs had not ended or never began: they run to the end of the log, or as said.",
        capacity,
    )
    return Recorded(scenario, f"{len(jobs)} jobs of {name}", notes)


def _priced(listed: Pool, known: PastPlace) -> Pool:
    """What was last paid there goes before the list."""
    return listed if known.price is None else replace(listed, price_usd_hour=usd(known.price))


def _series(known: PastPlace, since: datetime) -> Series:
    found = dict(levels(known.seen, since))
    return Series(tuple(found), tuple(found.values())) if found else Series.constant(0)


def _lasting(past: PastJob, until: datetime) -> float | None:
    said: int | None = past.said["terms"]["duration_s"]
    if past.placed_at is None:
        return None if past.over or said is None else float(said)
    ended = until if past.running or past.ended_at is None else past.ended_at
    return max((ended - past.placed_at).total_seconds(), 0.0)


def _workload(past: PastJob, lasts: float) -> Workload:
    said = past.said
    terms: Mapping[str, Any] = said["terms"]
    price = terms["price_usd_hour"]
    return Workload(
        name=said["name"],
        tenant=said["tenant"],
        kind=Kind(said["kind"]),
        work_class=WorkClass(said["class"]),
        run="",
        tags=tuple(said["tags"]),
        units=said["units"],
        gang=bool(said["gang"]),
        chunk=1 if said["gang"] else said["chunk"],
        shape=Shape(**said["shape"] | {"accelerators": tuple(said["shape"]["accelerators"])}),
        limits=Limits(
            regions=tuple(terms["regions"] or ()),
            exclude=tuple(ProviderName(name) for name in said["exclude"]),
            max_price_usd_hour=None if price is None else usd(Decimal(price)),
            spot=SpotUse(said.get("spot") or SpotUse.NEVER),
        ),
        duration_s=round(lasts) if terms["duration_s"] is None else terms["duration_s"],
    )
