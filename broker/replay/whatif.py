"""`broker replay` with a comparison, a sweep, a report, other traces or the broker's own log."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from broker.agreements.errors import AgreementError
from broker.replay.command import USAGE, choose, read_habit
from broker.replay.compare import Compared, as_json, lasting, run_all, table
from broker.replay.formats import foreign_rows
from broker.replay.html import page
from broker.replay.placing import Gap, gaps_of
from broker.replay.recorded import recorded_scenario
from broker.replay.run import replay
from broker.replay.traces import MalformedTraceError, Scenario, read_scenario
from broker.replay.variants import CHOSEN, Variant, baseline, compared, swept

_SHOWN_EVERY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The command line, as it was given."""

    directory: str | None
    agreement: str | None
    edition: str | None
    desk: str | None
    seed: int
    jobs: str | None
    format: str | None
    recorded: str | None
    source: str | None
    database_url: str | None
    compare: str | None
    sweep: tuple[str, ...]
    report: str | None
    oracle: bool
    log: str | None

    @property
    def plain(self) -> bool:
        """Whether it is one replay of a scenario and nothing beside."""
        extras = (self.jobs, self.format, self.recorded, self.source, self.database_url)
        return not (any(extras) or self.compare or self.sweep or self.report or self.oracle)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is replayed, and what had to be assumed for it."""

    scenario: Scenario
    says: str
    notes: tuple[str, ...]


def main(asked: Asked, *, as_json: bool) -> int:
    """Returns the exit code: 0, or 2 where an argument or a file cannot be."""
    try:
        return _replayed(asked, as_json=as_json)
    except (AgreementError, MalformedTraceError, ValueError, OSError) as wrong:
        sys.stderr.write(f"broker replay: {wrong}\n")
        return USAGE


def _replayed(asked: Asked, *, as_json: bool) -> int:
    _refuse_what_cannot_be(asked)
    chosen = choose(asked.agreement, asked.edition)
    first = Variant(
        name=CHOSEN,
        agreement=chosen.agreement,
        start=chosen.start,
        habit=read_habit(asked.desk, asked.seed),
    )
    variants = compared(asked.compare, first) if asked.compare else []
    variants += [variant for spec in asked.sweep for variant in swept(spec, first)]
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise ValueError("--sweep names a value twice; name each once")
    subject = _subject(asked)
    with ExitStack() as files:
        sheet = (
            files.enter_context(Path(asked.report).open("w", encoding="utf-8"))
            if asked.report
            else None
        )
        done = run_all(
            subject.scenario,
            variants or [first],
            baseline(first),
            keeps_runs=asked.oracle,
            progress=_progress(len(subject.scenario.jobs)),
        )
        gaps = _gaps(subject.scenario, done) if asked.oracle else []
        if sheet is not None:
            sheet.write(page(done, subject.says, subject.notes, gaps))
    if asked.log:
        _write_log(subject.scenario, first, asked.log)
    sys.stdout.write((_json(done, subject, gaps) if as_json else _text(done, subject, gaps)) + "\n")
    if asked.report and not as_json:
        sys.stdout.write(f"\nTry: open {asked.report}\n")
    return 0


def _refuse_what_cannot_be(asked: Asked) -> None:
    if asked.recorded and (asked.directory or asked.jobs):
        raise ValueError("--recorded replays the broker's own log; leave DIR and --jobs out")
    if not asked.recorded and (asked.source or asked.database_url):
        raise ValueError("--from and --database-url say where --recorded reads; add --recorded 7d")
    if asked.source and asked.database_url:
        raise ValueError("--from and --database-url exclude each other; give one of them")
    if not asked.recorded and not asked.directory:
        raise ValueError("name a DIR with jobs.csv, capacity.csv and pools.csv, or --recorded 7d")
    if asked.format and not asked.jobs:
        raise ValueError("--format says how to read --jobs FILE; add --jobs, or leave it out")
    if asked.log and (asked.compare or asked.sweep):
        raise ValueError("--log is for one replay; leave it out beside --compare and --sweep")


def _subject(asked: Asked) -> Subject:
    if asked.recorded:
        found = recorded_scenario(asked.recorded, asked.source, asked.database_url)
        return Subject(found.scenario, found.says, found.notes)
    folder = Path(asked.directory or "")
    if asked.jobs is None:
        scenario = read_scenario(folder)
        return Subject(scenario, f"{len(scenario.jobs)} jobs of {folder}", ())
    path = Path(asked.jobs)
    rows = foreign_rows(path, asked.format)
    scenario = read_scenario(folder, rows.rows)
    says = f"{len(scenario.jobs)} jobs of {path} ({rows.format}) on the pools of {folder}"
    return Subject(scenario, says, rows.notes)


def _write_log(scenario: Scenario, variant: Variant, log: str) -> None:
    with Path(log).open("w", encoding="utf-8") as sink:
        replay(
            scenario,
            variant.agreement,
            start=variant.start,
            habit=variant.habit,
            sink=lambda line: sink.write(line + "\n"),
        )


def _gaps(scenario: Scenario, done: Compared) -> list[Gap]:
    show = _shown_line() if sys.stderr.isatty() else None
    told = (lambda name, at, of: show(f"{name}: {at} of {of} windows", at == of)) if show else None
    runs = {outcome.name: outcome.observed.runs for outcome in done.all}
    return gaps_of(scenario.pools, scenario.stock, runs, told)


def _json(done: Compared, subject: Subject, gaps: Sequence[Gap]) -> str:
    said: dict[str, Any] = {
        "schema": "broker.what-if/v1",
        "replayed": subject.says,
        "notes": list(subject.notes),
    }
    said |= as_json(done)
    if gaps:
        said["oracle"] = {"method": gaps[0].method, "gaps": [gap.figures() for gap in gaps]}
    return json.dumps(said)


def _text(done: Compared, subject: Subject, gaps: Sequence[Gap]) -> str:
    parts = [subject.says, *(f"  {note}" for note in subject.notes), "", table(done)]
    if gaps:
        parts += ["", "Against an oracle that knows the whole trace, per run:"]
        parts += [
            f"  {gap.name}: waits {lasting(gap.wait_s / gap.count)}, planned "
            f"{lasting(gap.planned_s / gap.count)}, at least {lasting(gap.bound_s / gap.count)}; "
            f"costs {gap.cost_usd:,.0f} USD, planned with no start later "
            f"{gap.planned_usd:,.0f}, at least {gap.bound_usd:,.0f}"
            for gap in gaps
        ]
        parts += [f"  {gaps[0].method}"]
    return "\n".join(parts)


def _progress(total: int) -> Any:  # noqa: ANN401 - a callable or nothing
    if not sys.stderr.isatty():
        return None
    show = _shown_line()

    def progress(name: str, done: int) -> None:
        if done == total or done % _SHOWN_EVERY == 0:
            show(f"{name}: {done} of {total} jobs", done == total)

    return progress


def _shown_line() -> Any:  # noqa: ANN401 - a callable
    def show(text: str, whole: bool) -> None:  # noqa: FBT001 - a line is done or not
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if whole else ""))

    return show
