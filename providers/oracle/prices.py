"""Oracle's prices: the list behind its cost estimator, one for the whole world.

A machine with GPUs is billed by the GPU; its part is found by number, because the display names of
the list are not written alike. docs.oracle.com, "Price List API".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from broker.domain.market import Pool
from broker.domain.values import ProviderName, Usd, usd
from providers.prices import Interface, ListPrice

_CLOUD: Final = "https://apexapps.oracle.com"
_PATH: Final = "/pls/apex/cetools/api/v1/products/"
_PARTS: Final[Mapping[str, str]] = {
    "V100": "B92740",
    "A100": "B93544",
    "A10": "B95909",
    "A100-80GB": "B95907",
    "H100": "B98415",
    "H200": "B110519",
    "L40S": "B109479",
    "MI300X": "B109485",
}
"""The part by which a GPU is billed for an hour."""
_NAMED: Final = re.compile(r"(OCI\s*-\s*)?Compute\s*-\s*GPU\s*-\s*(?P<gpu>[A-Z0-9]+)")
_SPOT_SHARE: Final = usd("0.5")
"""Preemptible machines cost half. docs.oracle.com, preemptible instances"""


def list_prices(
    account: Mapping[str, str],
    wanted: Sequence[Pool],
    now: datetime,  # noqa: ARG001 - it is a list of today
) -> Iterator[ListPrice]:
    """The wanted machines' prices; `prices_endpoint` of the account is another address."""
    with Interface(ProviderName.ORACLE, account.get("prices_endpoint", _CLOUD), {}) as interface:
        by_gpu = _by_gpu(interface.get(_PATH, currencyCode="USD")["items"])
    for pool in wanted:
        price = by_gpu.get(pool.accelerator)
        if price is None or not pool.gpus:
            continue
        place, hour = pool.place, usd(price * pool.gpus)
        for spot in (False, True) if place.sku.startswith("VM.") else (False,):
            yield ListPrice(
                provider=ProviderName.ORACLE,
                region=place.region,
                shape=place.sku,
                usd_hour=usd(hour * _SPOT_SHARE) if spot else hour,
                spot=spot,
            )


def _by_gpu(products: Sequence[Mapping[str, Any]]) -> dict[str, Usd]:
    """What a GPU costs by the hour: by its part, or else by its name where that is plain."""
    numbers = {part: gpu for gpu, part in _PARTS.items()}
    found: dict[str, Usd] = {}
    for product in products:
        price = _pay_as_you_go(product)
        if price is None:
            continue
        named = _NAMED.fullmatch(product.get("displayName", ""))
        gpu = numbers.get(product["partNumber"])
        if gpu is not None:
            found[gpu] = price
        elif named is not None and named["gpu"] not in _PARTS:
            found.setdefault(named["gpu"], price)
    return found


def _pay_as_you_go(product: Mapping[str, Any]) -> Usd | None:
    for currency in product.get("currencyCodeLocalizations", ()):
        for price in currency["prices"] if currency["currencyCode"] == "USD" else ():
            if price["model"] == "PAY_AS_YOU_GO":
                return usd(str(price["value"]))
    return None
