"""A catalogue brought up to date: what the price lists of today say, put into its rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Final

from broker.domain.values import ProviderName, Usd, decimal_text, usd
from providers.catalogue import COLUMNS, SPOT, Row
from providers.prices import ListPrice

SOURCES: Final[Mapping[ProviderName, str]] = {
    ProviderName.AZURE: "AZURE-RETAIL",
    ProviderName.AWS: "AWS-PRICE-LIST",
    ProviderName.GCP: "GCP-BILLING",
    ProviderName.ORACLE: "OCI-PRICE-LIST",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A price that is another one now; None where there was none, or is none any more."""

    cloud: str
    region: str
    shape: str
    spot: bool
    before: Usd | None
    after: Usd | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    confirmed: int
    """Rows that a list names today, changed or not."""
    unlisted: tuple[Row, ...]
    """Rows of the clouds asked that no list names: they keep their price and its date."""


def refreshed(
    rows: Sequence[Row], prices: Iterable[ListPrice], clouds: Iterable[ProviderName], today: str
) -> Refreshed:
    """The rows with the prices of today. Only rows that the catalogue has are touched.

    A spot price above the price on demand is left out: nobody would pay it.
    """
    listed = {(p.provider.value, p.region, p.shape, p.spot): p.usd_hour for p in prices}
    asked = {cloud.value for cloud in clouds}
    new: list[Row] = []
    changes: list[Change] = []
    unlisted: list[Row] = []
    for row in rows:
        key = (row["cloud"], row["region"], row["shape"])
        hour = listed.get((*key, False))
        if hour is None:
            if row["cloud"] in asked:
                unlisted.append(row)
            new.append(row)
            continue
        spot = listed.get((*key, True))
        spot = spot if spot is not None and 0 < spot <= hour else None
        for is_spot, after in ((False, hour), (True, spot)):
            before = _price(row.get(SPOT if is_spot else "usd_hour"))
            if before != after:
                changes.append(
                    Change(
                        cloud=row["cloud"],
                        region=row["region"],
                        shape=row["shape"],
                        spot=is_spot,
                        before=before,
                        after=after,
                    )
                )
        new.append(
            {
                **row,
                "usd_hour": decimal_text(hour),
                SPOT: "" if spot is None else decimal_text(spot),
                "source": SOURCES[ProviderName(row["cloud"])],
                "as_of": today,
            }
        )
    return Refreshed(
        rows=tuple(new),
        changes=tuple(changes),
        confirmed=sum(1 for row in new if row["as_of"] == today),
        unlisted=tuple(unlisted),
    )


def merged(rows: Iterable[Row], imported: Iterable[Row]) -> tuple[Row, ...]:
    """The rows of both; of a machine that stands in both, the imported one."""
    by_place = {(row["cloud"], row["region"], row["shape"]): row for row in rows}
    by_place |= {(row["cloud"], row["region"], row["shape"]): row for row in imported}
    return tuple(by_place.values())


def text_of(rows: Iterable[Row]) -> str:
    """The rows as a catalogue file."""
    out = StringIO()
    writer = csv.DictWriter(
        out, (*COLUMNS, SPOT), restval="", extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _price(text: str | None) -> Usd | None:
    return usd(text) if text else None
