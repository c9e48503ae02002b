"""Spot as Azure's face tells it: priority, eviction and the price that is paid at most."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from providers.emulators.cloud import Spot, StockOut, TooDear

_NONE_LEFT: Final = (
    "The requested size is currently not available: there is not enough Azure Spot capacity. "
    "Please try another size or deploy to a different location."
)


def spot_of(properties: Mapping[str, Any]) -> Spot | None:
    """Raises ValueError for terms that Azure does not know."""
    priority = properties.get("priority", "Regular")
    if priority == "Regular":
        return None
    if priority != "Spot" or properties.get("evictionPolicy") not in ("Delete", "Deallocate"):
        raise ValueError(f"the priority {priority!r} needs to be Spot with an eviction policy")
    most = Decimal(str(properties.get("billingProfile", {}).get("maxPrice", -1)))
    return Spot(None if most == -1 else most)


def terms_of(spot: Spot | None) -> dict[str, Any]:
    if spot is None:
        return {}
    most = -1 if spot.cap is None else float(spot.cap)
    return {"priority": "Spot", "evictionPolicy": "Delete", "billingProfile": {"maxPrice": most}}


def no_spot(why: StockOut | TooDear) -> tuple[str, str]:
    """Code and message."""
    if isinstance(why, StockOut):
        return "SkuNotAvailable", _NONE_LEFT
    text = f"The requested VM costs {why.price} USD an hour now, more than the provided max price."
    return "SpotPriceGreaterThanProvidedMaxPrice", text
