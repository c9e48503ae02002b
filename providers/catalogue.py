"""What each cloud sells, and for how much: a list with a date, read from the file beside it.

`catalogue.csv` holds facts: the shape of a machine, its list price by the hour, the key of the
public source they were read from, and the date of that source's price list (empty: not known).
A list price is what a machine is ranked and noticed by, never a promise of stock. Where a spot
price is known the machine stands twice, once for each way of buying it; where zones of a region
differ, it is the highest that is below the price on demand.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, TypeAlias

from broker.domain.market import Place, Pool, PoolKind
from broker.domain.values import ProviderName, Purchase, usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Row: TypeAlias = "dict[str, str]"
"""One line of a catalogue, by column."""

COLUMNS: Final = (
    "cloud",
    "region",
    "shape",
    "gpu",
    "gpus",
    "gib_per_gpu",
    "cpus",
    "memory_gib",
    "usd_hour",
    "source",
    "as_of",
)
SPOT: Final = "spot_usd_hour"
"""The price by the hour of a machine that can be interrupted; a file may leave the column out."""
_KINDS: Final = {ProviderName.AZURE: PoolKind.HOLDER, ProviderName.OWN: PoolKind.OWN_BUILT}


class MalformedCatalogue(ValueError):
    """One sentence that names the file, the line and what is wrong there."""


def pools(providers: Iterable[ProviderName], own: Path | None = None) -> tuple[Pool, ...]:
    """The pools of these providers: those that ship, or those of a file of one's own.

    Raises MalformedCatalogue, and OSError for a file that cannot be read.
    """
    wanted = frozenset(providers)
    known = _shipped() if own is None else _read_file(own)
    return tuple(pool for pool in known if pool.place.provider in wanted)


@cache
def _shipped() -> tuple[Pool, ...]:
    text = files("providers").joinpath("catalogue.csv").read_text(encoding="utf-8")
    return read(text.splitlines(), "catalogue.csv")


def catalogue_rows(own: Path | None = None) -> tuple[Row, ...]:
    """The lines of the catalogue that ships, or of a file of one's own, by column.

    Raises MalformedCatalogue, and OSError for a file that cannot be read.
    """
    if own is None:
        text = files("providers").joinpath("catalogue.csv").read_text(encoding="utf-8")
    else:
        text = own.read_text(encoding="utf-8")
    read(text.splitlines(), own.name if own else "catalogue.csv")
    return tuple(csv.DictReader(text.splitlines()))


def _read_file(path: Path) -> tuple[Pool, ...]:
    with path.open(encoding="utf-8", newline="") as lines:
        return read(lines, path.name)


def read(lines: Iterable[str], source: str) -> tuple[Pool, ...]:
    """The pools in the lines of a catalogue. Raises MalformedCatalogue."""
    rows = csv.DictReader(lines)
    if tuple(rows.fieldnames or ()) not in (COLUMNS, (*COLUMNS, SPOT)):
        wanted = ",".join(COLUMNS)
        raise MalformedCatalogue(f"{source}, line 1: the columns are {wanted}, or these and {SPOT}")
    found: dict[Place, Pool] = {}
    for row in rows:
        try:
            sold = list(_pools(row))
        except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
            raise MalformedCatalogue(
                f"{source}, line {rows.line_num}: this is no machine ({wrong})"
            ) from None
        for pool in sold:
            if pool.place in found:
                twice = f"{source}, line {rows.line_num}: {pool.place} stands twice"
                raise MalformedCatalogue(twice)
            found[pool.place] = pool
    return tuple(found.values())


def _pools(row: dict[str, str]) -> Iterator[Pool]:
    pool = _pool(row)
    yield pool
    if row.get(SPOT):
        spot = usd(row[SPOT])
        if not 0 < spot <= pool.price_usd_hour:
            raise ValueError(f"{SPOT} is above 0, and no more than usd_hour")
        place = pool.place._replace(purchase=Purchase.SPOT)
        yield replace(pool, place=place, price_usd_hour=spot)


def _pool(row: dict[str, str]) -> Pool:
    provider = ProviderName(row["cloud"])
    gpus, price = int(row["gpus"]), usd(row["usd_hour"])
    if gpus < 0 or price < 0 or not row["region"] or not row["shape"]:
        raise ValueError("region and shape are named, gpus and usd_hour are at least 0")
    return Pool(
        place=Place(provider, row["region"], row["shape"]),
        kind=_KINDS.get(provider, PoolKind.THIRD_PARTY_CLOUD),
        accelerator=row["gpu"],
        gpus=gpus,
        cpus=int(row["cpus"]),
        memory_gib=int(row["memory_gib"]),
        price_usd_hour=price,
        priced_at=row["as_of"],
    )
