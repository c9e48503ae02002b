"""The Philly trace: as Microsoft published it (JSON), and as the Muri simulator keeps it (CSV)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from broker.replay.formats.lines import opened, own_row, rows
from broker.replay.traces import MalformedTraceError

MURI_COLUMNS: Final = ("job_id", "num_gpu", "submit_time", "duration", "iterations", "model_name")
_MS: Final = 1000
_SPACE: Final = " \t\r\n,"
_SET_BACK: Final = datetime(2017, 11, 5, 1)  # noqa: DTZ001 - the trace's times are local
"""When the clocks of the cluster went back for an hour, in the midst of the trace."""
_AN_HOUR: Final = timedelta(hours=1)


def read_muri(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for row in rows(path, MURI_COLUMNS):
        yield (
            row.where,
            own_row(
                name=f"muri-{row.text('job_id')}",
                submit_s=row.number("submit_time") / _MS,
                duration_s=row.number("duration") / _MS,
                gpus=row.whole("num_gpu"),
                kind="training",
                tenant="philly",
            ),
        )


def read_philly(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The records of `cluster_job_log`, counted from the first submission."""
    found = [job for where, record in _records(path) if (job := _job(where, record))]
    first = min((submitted for _, submitted, _ in found), default=None)
    for where, submitted, row in found:
        if first is not None:
            yield where, row | {"submit_s": f"{(submitted - first).total_seconds():.6f}"}


def _job(where: str, record: Any) -> tuple[str, datetime, dict[str, str]] | None:  # noqa: ANN401
    """None for a job that never ran to an end, or of whose submission nothing is known."""
    try:
        attempts, submitted = record["attempts"], _instant(record["submitted_time"])
        if not attempts or _instant(attempts[-1]["end_time"]) is None or submitted is None:
            return None
        ran = sum((_lasting(attempt) for attempt in attempts), timedelta())
        gpus = sum(len(machine["gpus"]) for machine in attempts[-1]["detail"])
        name, tenant = str(record["jobid"]), str(record["vc"])
    except KeyError as missing:
        raise MalformedTraceError(f"{where}: {missing.args[0]!r} is missing") from None
    except (TypeError, ValueError, AttributeError) as wrong:
        raise MalformedTraceError(f"{where}: is no Philly job ({wrong})") from None
    if ran < timedelta():
        raise MalformedTraceError(f"{where}: an attempt ends before it starts")
    if not gpus or not ran:
        return None
    return (
        where,
        submitted,
        own_row(
            name=name,
            submit_s=0,
            duration_s=ran.total_seconds(),
            gpus=gpus,
            kind="training",
            tenant=tenant,
        ),
    )


def _lasting(attempt: Mapping[str, Any]) -> timedelta:
    """How long it ran; no time at all where its start or its end was not logged."""
    began, ended = _instant(attempt["start_time"]), _instant(attempt["end_time"])
    if began is None or ended is None:
        return timedelta()
    again = ended < began and _SET_BACK <= ended < _SET_BACK + _AN_HOUR
    return ended - began + (_AN_HOUR if again else timedelta())


def _instant(text: str | None) -> datetime | None:
    """What the log of the cluster could not tell stands in it as null, as nothing, or as `None`."""
    return None if text in (None, "", "None") else datetime.fromisoformat(text)


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    """Each record of one JSON array, with the line it begins on."""
    try:
        with opened(path) as file:
            text = file.read()
    except (OSError, EOFError, UnicodeDecodeError):
        raise MalformedTraceError(f"{path}: is no readable text") from None
    decoder, at, line = json.JSONDecoder(), text.find("[") + 1, 1
    line += text.count("\n", 0, at)
    while True:
        begins = at
        while at < len(text) and text[at] in _SPACE:
            at += 1
        line += text.count("\n", begins, at)
        if at >= len(text):
            raise MalformedTraceError(f"{path} line {line}: the list of jobs is not closed")
        if text[at] == "]":
            return
        try:
            record, ends = decoder.raw_decode(text, at)
        except json.JSONDecodeError as broken:
            raise MalformedTraceError(f"{path} line {broken.lineno}: {broken.msg}") from None
        yield f"{path} line {line}", record
        line += text.count("\n", at, ends)
        at = ends
