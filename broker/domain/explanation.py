"""The story of one job as a value: who was asked, what they said, and the facts that prove it.

Its parts are plain texts and numbers, so that Python, the command line and HTTP show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from typing_extensions import override

SCHEMA: Final = "broker.explanation/v1"
_NONE: Final = "-"
_COLUMNS: Final = ("#", "asked", "units", "$/h", "after", "verdict")


class Verdict(StrEnum):
    """What one asking came to."""

    ASKED = "asked"
    HELD = "held"
    """Not asked although it was its turn, for it must not be."""
    ACCEPTED = "accepted"
    ACCEPTED_IN_PART = "accepted in part"
    REFUSED = "refused"
    STANDING_REFUSAL = "standing refusal"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    ANSWER_REJECTED = "answer rejected"
    RELEASE_OVER = "release over"
    COMMITTED = "committed"
    PLACED = "placed"
    NOT_DELIVERED = "not delivered"
    LET_GO = "let go"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One supplier asked once, at one place or under one notice."""

    provider: str
    region: str | None = None
    sku: str | None = None
    units: int
    price_usd_hour: str | None = None
    at: str
    after_s: int | None = None
    """How long the answer took."""
    verdict: Verdict
    because: str = ""
    offer: str | None = None
    agreement: str | None = None
    clause: str | None = None
    edition: str | None = None
    basis: str | None = None
    """What a purchase stood on."""
    cites: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        return " ".join(part for part in (self.provider, self.region, self.sku) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """A place that could take the work by its size, and was not asked."""

    provider: str
    region: str
    sku: str
    price_usd_hour: str
    priced_at: str
    verdict: str
    """The agreement's word on it."""
    clause: str | None
    because: str
    """Why it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a job is where it is; every row names the facts it rests on."""

    job: str
    name: str
    state: str
    headline: str
    agreement: str | None = None
    submitted_at: str | None = None
    placed_after_s: int | None = None
    """From the submission until the last unit that has a machine had it."""
    holder_wait_s: int = 0
    """How long offers to the holder were undecided, in all."""
    waits_s: Mapping[str, float] = field(default_factory=dict)
    """The wait so far by cause, in seconds: of the unit that waited longest, and every second once.

    `window`, `holder_default`, `capacity`, `quota`, `budget`, `provisioning`, `outage`, `line`.
    """
    asked: tuple[Asking, ...] = ()
    bought: tuple[str, ...] = ()
    """What stands at the end, each purchase with its basis, in words."""
    not_asked: tuple[NotAsked, ...] = ()
    """The other places whose machines are big enough, the cheapest first."""
    would_change: tuple[str, ...] = ()
    """What the job's owner could loosen, and what it would open."""
    contested: str = ""
    """What its class is read as, where that is in dispute."""
    end: str = ""
    positions: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Explanation:
        """Read `as_json` back. Raises KeyError or TypeError where it is no explanation."""
        parts = {name: said[name] for name in cls.__dataclass_fields__}
        rows = tuple(
            Asking(
                **{
                    **row,
                    "verdict": Verdict(row["verdict"]),
                    "cites": tuple(row["cites"]),
                    "positions": tuple(row["positions"]),
                }
            )
            for row in parts["asked"]
        )
        others = tuple(NotAsked(**row) for row in parts["not_asked"])
        lists = {name: tuple(parts[name]) for name in ("bought", "would_change", "positions")}
        return cls(**{**parts, **lists, "asked": rows, "not_asked": others})

    @property
    def waited(self) -> str:
        """The wait and what it was lost to, the most first; empty where there was none."""
        parts = sorted(((s, name) for name, s in self.waits_s.items() if s >= 1), reverse=True)
        said = ", ".join(f"{name.replace('_', ' ')} {span(int(s))}" for s, name in parts)
        return f"waited {span(int(sum(self.waits_s.values())))}: {said}" if said else ""

    @override
    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The story as a table, for a person."""
        lines = [f"{self.job} {self.name}   {self.headline}".rstrip()]
        lines += [f"contested: {self.contested}"] if self.contested else []
        lines += columns([_COLUMNS, *_rows(self.asked)]) if self.asked else []
        lines += _others(self.not_asked)
        lines += self.bought
        lines += [f"what would change it: {'; '.join(self.would_change)}"] * bool(self.would_change)
        lines += [self.waited] if self.waited else []
        if self.holder_wait_s:
            lines.append(f"undecided offers took {span(self.holder_wait_s)} of the wait")
        lines += [self.end] if self.end else []
        if self.positions:
            lines.append(f"log {_numbers(self.positions)}; `broker audit` proves it")
        return "\n".join(lines)


def _rows(asked: Sequence[Asking]) -> list[tuple[str, ...]]:
    return [
        (
            str(number),
            row.place if row.region or not row.clause else f"{row.place}, clause {row.clause}",
            str(row.units),
            row.price_usd_hour or _NONE,
            _NONE if row.after_s is None else span(row.after_s),
            f"{row.verdict.value}   {row.because}".rstrip(),
        )
        for number, row in enumerate(asked, start=1)
    ]


_SHOWN: Final = 8


def _others(rows: Sequence[NotAsked]) -> list[str]:
    """The nearest of those that were not asked, and how many more there are."""
    if not rows:
        return []
    shown = [
        (f"{r.provider} {r.region} {r.sku}", r.price_usd_hour, r.verdict, r.because)
        for r in rows[:_SHOWN]
    ]
    more = len(rows) - len(shown)
    lines = columns([("not asked", "$/h", "agreement", "why"), *shown])
    return [*lines, f"and {more} more, dearer"] if more else lines


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned lines, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def span(seconds: int) -> str:
    """A duration as people say it: `22 s`, `3 min 41 s`, `2 h 05 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _numbers(positions: Sequence[int]) -> str:
    """Positions, runs of them shortened: `#3-#7, #12`."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][-1] + 1:
            runs[-1][1:] = [position]
        else:
            runs.append([position])
    return ", ".join("-".join(f"#{end}" for end in run) for run in runs)
