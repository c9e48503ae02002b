"""What a pool holds over time, from a capacity series; replays and local clouds share it."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from broker.domain.market import Place
from broker.domain.values import ProviderName, Purchase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COLUMNS: Final = (
    "provider",
    "region_or_zone",
    "sku",
    "start_s",
    "end_s",
    "available_units_or_flag",
)
_PURCHASE: Final = "purchase"
"""How it is bought; a file in which all is on demand leaves the column out."""
_OTHER_NAMES: Final = {"oci": ProviderName.ORACLE}


class MalformedCapacity(ValueError):
    """One sentence that names the file, the line and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `start_s` on, up to but not at `end_s`, so many units are to be had."""

    start_s: float
    end_s: float
    units: int


@dataclass(frozen=True, slots=True)
class Series:
    """The steps of one pool, in order and without gaps; after the end the last value holds."""

    starts_s: tuple[float, ...]
    units: tuple[int, ...]

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Series:
        """Raises ValueError unless each step begins where the one before it ends."""
        for before, step in pairwise(steps):
            if before.end_s != step.start_s:
                raise ValueError(
                    f"start_s is {step.start_s:g}, but the step before ends at {before.end_s:g}"
                )
        if any(step.end_s <= step.start_s for step in steps):
            raise ValueError("a step ends before it begins")
        return cls(tuple(step.start_s for step in steps), tuple(step.units for step in steps))

    @classmethod
    def constant(cls, units: int) -> Series:
        return cls((0.0,), (units,))

    def available(self, at_s: float) -> int:
        """The units at an instant; none before the series begins."""
        index = bisect_right(self.starts_s, at_s) - 1
        return self.units[index] if index >= 0 else 0

    def changes(self) -> Iterator[float]:
        """The instants at which the value becomes another one, the beginning included."""
        before = 0
        for start_s, units in zip(self.starts_s, self.units, strict=True):
            if units != before:
                yield start_s
            before = units


def read_capacity(lines: Iterable[str], source: str = "capacity.csv") -> dict[Place, Series]:
    """Every series of a capacity file, by place; `oci` is read as `oracle`.

    Raises MalformedCapacity at the first row that is not one.
    """
    rows = csv.reader(lines)
    head = next(rows, [])
    if tuple(head) not in (COLUMNS, (*COLUMNS, _PURCHASE)):
        raise MalformedCapacity(
            f"{source}, line 1: the columns are {','.join(head) or 'missing'}; "
            f"they must be {','.join(COLUMNS)}"
        )
    steps: dict[Place, list[Step]] = {}
    for row in rows:
        if not row:
            continue
        try:
            place, step = _read_row(row, len(head))
            known = steps.setdefault(place, [])
            Series.of([*known[-1:], step])
        except ValueError as wrong:
            raise MalformedCapacity(f"{source}, line {rows.line_num}: {wrong}") from None
        known.append(step)
    return {place: Series.of(found) for place, found in steps.items()}


def _read_row(row: list[str], columns: int) -> tuple[Place, Step]:
    if len(row) != columns:
        raise ValueError(f"there are {len(row)} fields; a row has {columns}")
    provider, region, sku, start, end, units, *how = (field.strip() for field in row)
    for name, text in (("region_or_zone", region), ("sku", sku)):
        if not text:
            raise ValueError(f"{name} is empty; write the name the cloud uses")
    place = Place(_provider(provider), region, sku, _purchase(*how))
    return place, Step(_seconds("start_s", start), _seconds("end_s", end), _units(units))


def _provider(text: str) -> ProviderName:
    if text in _OTHER_NAMES:
        return _OTHER_NAMES[text]
    try:
        return ProviderName(text)
    except ValueError:
        known = ", ".join(ProviderName)
        raise ValueError(f"provider is {text!r}; write one of {known}") from None


def _purchase(text: str = "") -> Purchase:
    try:
        return Purchase(text or Purchase.ON_DEMAND)
    except ValueError:
        known = ", ".join(Purchase)
        raise ValueError(f"{_PURCHASE} is {text!r}; write one of {known}") from None


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is {text!r}; write a number of seconds, 0 or more")
    return value


def _units(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{COLUMNS[-1]} is {text!r}; write a whole number, 0 or more")
    return int(text)
