"""What an audit reads out of a recorded price list."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple


class Listed(NamedTuple):
    """One place of a price list."""

    price: Decimal
    place: tuple[str, str, str]
    accelerator: str
    gpus: int
    cpus: int
    memory_gib: int


def price_list(data: Mapping[str, Any]) -> tuple[Listed, ...]:
    """The places of a list that was recorded, the cheapest first."""
    return tuple(
        sorted(
            Listed(
                Decimal(row["price_usd_hour"]),
                (row["provider"], row["region"], row["sku"]),
                row["accelerator"],
                row["gpus"],
                row["cpus"],
                row["memory_gib"],
            )
            for row in data["pools"]
        )
    )
