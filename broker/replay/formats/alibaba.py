"""The Alibaba GPU traces: pods of 2023 (`openb_pod_list_*.csv`), tasks of 2020 (`pai_task_table`).

The table of 2020 is published without a header; one with it is read too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker.replay.formats.lines import Row, first_line, own_row, rows

POD_COLUMNS: Final = (
    "name",
    "num_gpu",
    "gpu_milli",
    "qos",
    "creation_time",
    "deletion_time",
    "scheduled_time",
)
TASK_COLUMNS: Final = (
    "job_name",
    "task_name",
    "inst_num",
    "status",
    "start_time",
    "end_time",
    "plan_cpu",
    "plan_mem",
    "plan_gpu",
    "gpu_type",
)
_LATENCY_SENSITIVE: Final = "LS"
_STATUSES: Final = frozenset({"Terminated", "Failed", "Running", "Waiting", "Interrupted"})


def is_task(line: str) -> bool:
    """Whether a line is a row of the table of tasks, which is published without its header."""
    values = line.split(",")
    return len(values) == len(TASK_COLUMNS) and values[3] in _STATUSES


def read_alibaba(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The pods or tasks that ran on GPUs, counted from the first."""
    head = first_line(path)
    if "creation_time" in head:
        found = [job for row in rows(path, POD_COLUMNS) if (job := _pod(row))]
    else:
        headed = head.startswith(TASK_COLUMNS[0])
        table = rows(path, TASK_COLUMNS, headed=headed)
        found = [job for row in table if (job := _task(row))]
    first = min((submitted for _, submitted, _ in found), default=0.0)
    for where, submitted, row in found:
        yield where, row | {"submit_s": f"{submitted - first:.6f}"}


def _pod(row: Row) -> tuple[str, float, dict[str, str]] | None:
    gpus, created = row.whole("num_gpu"), row.number("creation_time")
    began, ended = row.number_or_none("scheduled_time"), row.number_or_none("deletion_time")
    if not gpus or began is None or ended is None:
        return None
    kind = "inference" if row.text("qos") == _LATENCY_SENSITIVE else "training"
    return (
        row.where,
        created,
        own_row(
            name=row.text("name"),
            submit_s=0,
            duration_s=_lasting(row, began, ended),
            gpus=gpus,
            kind=kind,
            tenant=row.text("qos").lower() or "default",
        ),
    )


def _task(row: Row) -> tuple[str, float, dict[str, str]] | None:
    """A task's instances share GPUs by percent; its launch stands for its submission.

    A time of 0 is one that was not recorded.
    """
    percent, count = row.number_or_none("plan_gpu"), row.number_or_none("inst_num")
    began, ended = row.number_or_none("start_time"), row.number_or_none("end_time")
    if not percent or not count or not began or not ended:
        return None
    return (
        row.where,
        began,
        own_row(
            name=f"{row.text('job_name')}/{row.text('task_name')}",
            submit_s=0,
            duration_s=_lasting(row, began, ended),
            gpus=math.ceil(count * percent / 100),
            kind="training",
            tenant="pai",
        ),
    )


def _lasting(row: Row, began: float, ended: float) -> float:
    if ended < began:
        raise row.wrong(f"it ends at {ended:g}, before it starts at {began:g}")
    return ended - began
