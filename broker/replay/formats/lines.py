"""What the readers of foreign traces share: lines with their numbers, and sentences that blame."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from broker.replay.traces import MalformedTraceError


def opened(path: Path) -> TextIO:
    """The text of a file, unpacked where its name ends in `.gz`. Raises MalformedTraceError."""
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", encoding="utf-8", newline="")
        return path.open(encoding="utf-8", newline="")
    except OSError as broken:
        raise MalformedTraceError(f"{path}: {broken.strerror or broken}") from None


def first_line(path: Path) -> str:
    try:
        with opened(path) as lines:
            return lines.readline(4096).strip()
    except (OSError, EOFError, UnicodeDecodeError):
        raise MalformedTraceError(f"{path}: is no readable text") from None


def rows(path: Path, columns: Sequence[str], *, headed: bool = True) -> Iterator[Row]:
    """Each row of a CSV file; without a header its columns are those given."""
    try:
        with opened(path) as lines:
            reader = csv.DictReader(lines, None if headed else columns)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise MalformedTraceError(f"{path} line 1: column {missing[0]!r} is missing")
            width = len(reader.fieldnames or ())
            for values in reader:
                row = Row(path, reader.line_num, values)
                if None in values or None in values.values():
                    raise row.wrong(f"the row has not {width} columns")
                yield row
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as broken:
        raise MalformedTraceError(f"{path}: is no readable text ({broken})") from None


class Row:
    """One line of a trace, read field by field."""

    def __init__(self, path: Path, line: int, values: dict[str, str]) -> None:
        self.where = f"{path} line {line}"
        self._values = values

    def wrong(self, says: str) -> MalformedTraceError:
        return MalformedTraceError(f"{self.where}: {says}")

    def text(self, name: str) -> str:
        return self._values[name].strip()

    def number(self, name: str) -> float:
        text = self.text(name)
        try:
            number = float(text)
        except ValueError:
            self._blame(name, "is no number")
        if not 0 <= number < float("inf"):
            self._blame(name, "must be 0 or more")
        return number

    def number_or_none(self, name: str) -> float | None:
        return self.number(name) if self.text(name) else None

    def whole(self, name: str) -> int:
        number = self.number(name)
        if number != int(number):
            self._blame(name, "is no whole number")
        return int(number)

    def _blame(self, name: str, says: str) -> NoReturn:
        raise self.wrong(f"{name} {self.text(name)!r} {says}")


def own_row(
    *, name: str, submit_s: float, duration_s: float, gpus: int, kind: str, tenant: str
) -> dict[str, str]:
    """A row of our own `jobs.csv`. The GPU may be any: other clusters name other GPUs."""
    return {
        "job_id": name,
        "submit_s": f"{submit_s:.6f}",
        "duration_s": f"{duration_s:.6f}",
        "gpus": str(gpus),
        "gpu_model": "",
        "kind": kind,
        "tenant": tenant,
    }
