"""A quote: what the same planner would do with a job now, in the order it would do it.

Its parts are plain texts and numbers, so that Python, the command line and HTTP show the same. It
promises nothing: a list price is no hold, and stock is only known once somebody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from typing_extensions import override

from broker.domain.explanation import columns, span

SCHEMA: Final = "broker.quote/v1"
_COLUMNS: Final = ("#", "place", "$/h", "priced", "wait P50", "P90", "total $", "agreement", "why")
_SHOWN: Final = 12
_NONE: Final = "-"


class Waited(NamedTuple):
    """How long machines took at a place lately, in whole seconds: half of them, nine in ten."""

    p50_s: int
    p90_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedPlace:
    """One place that is big enough for the job."""

    rank: int | None
    """The order in which it would be asked; None: it would not."""
    provider: str
    region: str
    sku: str
    gpus: int
    price_usd_hour: Decimal
    """For one unit, by the price list."""
    priced_at: str
    """The date of the price list; empty where it tells none."""
    total_cost: Decimal | None
    """For all units over the job's `duration`; None where it has none."""
    wait_p50_s: int | None
    """How long machines took there lately, from the order until they were up; None: not known."""
    wait_p90_s: int | None
    verdict: str
    """The agreement's word on it."""
    clause: str | None
    why: str

    @property
    def place(self) -> str:
        return f"{self.provider} {self.region} {self.sku}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    name: str
    units: int
    gang: bool
    agreement: str
    edition: str | None
    provenance: str | None
    """What the edition was written from; it is shown wherever the edition is."""
    holder: str | None
    clause: str | None
    """The clause under which the holder is asked first, or alone; None: nobody has a right."""
    window_s: int | None
    """The longest that the holder may take to answer."""
    course: tuple[str, ...]
    """What would be done, step by step, in words."""
    offers: tuple[QuotedPlace, ...]
    """Those that would be asked in their order, then those that would not."""
    would_change: tuple[str, ...]

    @property
    def best(self) -> QuotedPlace | None:
        """The place that is asked first; None where none can be."""
        return next((place for place in self.offers if place.rank == 1), None)

    def as_json(self) -> dict[str, Any]:
        said = asdict(self)
        for row in said["offers"]:
            row["price_usd_hour"] = format(row["price_usd_hour"], "f")
            if row["total_cost"] is not None:
                row["total_cost"] = format(row["total_cost"], "f")
        return {"schema": SCHEMA, **said}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Quote:
        """Read `as_json` back. Raises KeyError or TypeError where it is no quote."""
        parts = {name: said[name] for name in cls.__dataclass_fields__}
        offers = tuple(
            QuotedPlace(
                **{
                    **row,
                    "price_usd_hour": Decimal(row["price_usd_hour"]),
                    "total_cost": None if row["total_cost"] is None else Decimal(row["total_cost"]),
                }
            )
            for row in parts["offers"]
        )
        lists = {name: tuple(parts[name]) for name in ("course", "would_change")}
        return cls(**{**parts, **lists, "offers": offers})

    @override
    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The quote as a table, for a person."""
        units = f"{self.units} {'unit' if self.units == 1 else 'units'}"
        under = f"{self.agreement} {self.edition or 'without an edition in force'}"
        lines = [f"{self.name}   {units}{', a gang' if self.gang else ''}   under {under}"]
        lines += [f"{number}. {step}" for number, step in enumerate(self.course, start=1)]
        if self.offers:
            lines += columns([_COLUMNS, *map(_row, self.offers[:_SHOWN])])
        if len(self.offers) > _SHOWN:
            lines.append(f"and {len(self.offers) - _SHOWN} more")
        if self.would_change:
            lines.append(f"what would change it: {'; '.join(self.would_change)}")
        return "\n".join(lines)


def _row(place: QuotedPlace) -> Sequence[str]:
    return (
        _NONE if place.rank is None else str(place.rank),
        place.place,
        format(place.price_usd_hour, "f"),
        place.priced_at or "undated",
        _NONE if place.wait_p50_s is None else span(place.wait_p50_s),
        _NONE if place.wait_p90_s is None else span(place.wait_p90_s),
        _NONE if place.total_cost is None else format(place.total_cost, "f"),
        f"{place.verdict}{f' by {place.clause}' if place.clause else ''}",
        place.why,
    )
