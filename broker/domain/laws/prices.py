"""What an audit reads out of a recorded price list."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from broker.domain.market import bought_as, told_place
from broker.domain.values import Purchase


class Listed(NamedTuple):
    """One place of a price list."""

    price: Decimal
    place: tuple[str, str, str]
    accelerator: str
    gpus: int
    cpus: int
    memory_gib: int
    purchase: Purchase


def price_list(data: Mapping[str, Any]) -> tuple[Listed, ...]:
    """The places of a list that was recorded, the cheapest first."""
    return tuple(
        sorted(
            Listed(
                Decimal(row["price_usd_hour"]),
                told_place(row),
                row["accelerator"],
                row["gpus"],
                row["cpus"],
                row["memory_gib"],
                bought_as(row),
            )
            for row in data["pools"]
        )
    )
