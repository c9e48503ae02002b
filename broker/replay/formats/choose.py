"""Which reader a trace needs: the one that is named, else the one its first line tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from broker.agreements.errors import nearest
from broker.replay.formats import alibaba, azure_llm, philly
from broker.replay.formats.lines import Row, first_line, rows
from broker.replay.traces import JOB_COLUMNS, JobRows, MalformedTraceError


@dataclass(frozen=True, slots=True)
class Rows:
    """A trace as rows of `jobs.csv`, which can be gone through more than once."""

    format: str
    rows: Callable[[], JobRows]
    notes: tuple[str, ...]


def foreign_rows(path: Path, name: str | None) -> Rows:
    """Raises MalformedTraceError for a format that is unknown or cannot be told."""
    head = first_line(path)
    chosen = name or _told(head)
    if chosen is None:
        raise MalformedTraceError(
            f"{path} line 1: its format cannot be told from {head[:60]!r}; "
            f"name it with --format {', '.join(_READERS)}"
        )
    if chosen not in _READERS:
        raise MalformedTraceError(
            f"--format: there is none {chosen!r}: {nearest(chosen, _READERS)}"
        )
    read, notes = _READERS[chosen]
    return Rows(chosen, partial(read, path), notes)


def _told(head: str) -> str | None:
    """The format of a file whose first line this is, where that can be told."""
    if head.startswith("["):
        return "philly"
    columns = {name.strip() for name in head.split(",")}
    signs: Mapping[str, tuple[str, ...]] = {
        "own": JOB_COLUMNS,
        "muri": philly.MURI_COLUMNS,
        "alibaba": alibaba.POD_COLUMNS,
    }
    found = [name for name, needed in signs.items() if columns.issuperset(needed)]
    if found:
        return found[0]
    if columns.issuperset(alibaba.TASK_COLUMNS) or alibaba.is_task(head):
        return "alibaba"
    if any(columns.issuperset(needed) for needed in azure_llm.HEADERS):
        return "azure-llm"
    return None


def _own(path: Path) -> JobRows:
    for row in rows(path, JOB_COLUMNS):
        yield row.where, _values(row)


def _values(row: Row) -> dict[str, str]:
    return {name: row.text(name) for name in JOB_COLUMNS}


_ANY_GPU: Final = "GPU models of the trace are not asked for: any GPU of the pools does."
_READERS: Final[Mapping[str, tuple[Callable[[Path], JobRows], tuple[str, ...]]]] = {
    "own": (_own, ()),
    "philly": (
        philly.read_philly,
        (
            _ANY_GPU,
            (
                "A job runs as long as all its attempts ran together, with the GPUs of the last; "
                "jobs that never ran, or had no end, are left out."
            ),
        ),
    ),
    "muri": (philly.read_muri, (_ANY_GPU, "Times are milliseconds; the tenant is not recorded.")),
    "alibaba": (
        alibaba.read_alibaba,
        (
            _ANY_GPU,
            (
                "Shares of a GPU are rounded up to whole ones; work without a GPU, or that never "
                "ran to an end, is left out; latency-sensitive pods are inference, all others "
                "training."
            ),
        ),
    ),
    "azure-llm": (azure_llm.read_azure_llm, (azure_llm.METHOD,)),
}
