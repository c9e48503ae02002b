"""Google's prices: the Cloud Billing catalogue, which knows no machine, only its parts.

A machine costs its cores, its memory, its GPUs and the local disks that come with it, each by the
part's own price in the region. cloud.google.com/billing/docs/how-to/get-pricing-information-api
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from broker.domain.market import Pool
from broker.domain.values import ProviderName, Usd, usd
from providers.prices import Interface, ListPrice, needed

_CLOUD: Final = "https://cloudbilling.googleapis.com"
_COMPUTE_ENGINE: Final = "6F81-5844-456A"
_PATH: Final = f"/v1/services/{_COMPUTE_ENGINE}/skus"
_HOURS_A_MONTH: Final = 730
_NANOS: Final = Decimal(10) ** 9
_PART: Final = re.compile(
    r"(?:Spot Preemptible )?(?P<family>.+?)(?: Instance)? (?P<kind>Core|Ram|GPU)(?: .*)?",
    re.IGNORECASE,
)
_LOCAL_DISK: Final = re.compile(r"(?:Spot Preemptible )?SSD backed Local Storage.*", re.IGNORECASE)
_OTHERS: Final = ("Sole Tenancy", "Reserved", "Premium", "Custom", "Commitment", "suspended", "DWS")
_USAGE: Final = {"OnDemand": False, "Preemptible": True}
_GPUS: Final[Mapping[str, str]] = {
    "A100": "nvidia tesla a100",
    "A100-80GB": "nvidia tesla a100 80gb",
    "H100": "nvidia h100 80gb",
    "L4": "nvidia l4",
}


class _Family(NamedTuple):
    parts: str
    """How core and memory call it."""
    gpu: str | None = None
    """How its GPU is called, where that is not the accelerator's usual name."""
    disk_gib_a_gpu: int = 0
    """Local disks that the machine cannot be had without."""


_FAMILIES: Final[Mapping[str, _Family]] = {
    "a2-highgpu": _Family("a2"),
    "a2-megagpu": _Family("a2"),
    "a2-ultragpu": _Family("a2", disk_gib_a_gpu=375),
    "a3-highgpu": _Family("a3", disk_gib_a_gpu=750),
    "a3-megagpu": _Family("a3plus", gpu="nvidia h100 80gb plus", disk_gib_a_gpu=750),
    "c3-standard": _Family("c3"),
    "g2-standard": _Family("g2"),
    "n2-standard": _Family("n2"),
}


def list_prices(
    account: Mapping[str, str],
    wanted: Sequence[Pool],
    now: datetime,  # noqa: ARG001 - it is a list of today
) -> Iterator[ListPrice]:
    """The wanted machines' prices, on demand and spot.

    The account has a `token`, or a `prices_key`; `prices_endpoint` is another address.
    """
    key = account.get("prices_key") or (
        "" if "token" in account else needed(account, "prices_key", ProviderName.GCP)
    )
    headers = {} if key else {"Authorization": f"Bearer {account['token']}"}
    query = {"currencyCode": "USD", "pageSize": "5000"} | ({"key": key} if key else {})

    def following(page: Any) -> tuple[str, dict[str, str]] | None:  # noqa: ANN401 - their JSON
        token = page.get("nextPageToken")
        return (_PATH, query | {"pageToken": token}) if token else None

    parts = _Parts()
    address = account.get("prices_endpoint", _CLOUD)
    with Interface(ProviderName.GCP, address, headers) as interface:
        for page in interface.pages(_PATH, following, **query):
            for sku in page["skus"]:
                parts.add(sku)
    for pool in wanted:
        for spot in (False, True):
            hour = parts.of(pool, spot=spot)
            if hour is not None:
                yield ListPrice(
                    provider=ProviderName.GCP,
                    region=pool.place.region,
                    shape=pool.place.sku,
                    usd_hour=usd(hour),
                    spot=spot,
                )


class _Part(NamedTuple):
    kind: str
    family: str
    region: str
    spot: bool


class _Parts:
    """What each part costs: a core, a GiB or a GPU for an hour, a GiB of disk for a month."""

    def __init__(self) -> None:
        self._prices: dict[_Part, Decimal] = {}

    def add(self, sku: Mapping[str, Any]) -> None:
        category, text = sku["category"], sku["description"]
        spot = _USAGE.get(category["usageType"])
        if spot is None or any(word in text for word in _OTHERS):
            return
        part = _PART.fullmatch(text)
        if category["resourceFamily"] == "Compute" and part is not None:
            kind, family = part["kind"].lower(), part["family"].lower()
        elif category["resourceFamily"] == "Storage" and _LOCAL_DISK.fullmatch(text):
            kind, family = "disk", ""
        else:
            return
        price = _unit_price(sku)
        for region in sku["serviceRegions"]:
            self._prices[_Part(kind, family, region, spot)] = price

    def of(self, pool: Pool, *, spot: bool) -> Usd | None:
        """The whole machine; None where any of its parts has no price."""
        family = _FAMILIES.get(pool.place.sku.rpartition("-")[0])
        if family is None:
            return None
        gpu = family.gpu or _GPUS.get(pool.accelerator, pool.accelerator.lower())
        asked = [("core", family.parts, pool.cpus), ("ram", family.parts, pool.memory_gib)]
        if pool.gpus:
            asked.append(("gpu", gpu, pool.gpus))
        total = Decimal()
        for kind, name, count in asked:
            price = self._prices.get(_Part(kind, name, pool.place.region, spot))
            if price is None:
                return None
            total += price * count
        return total + self._disks(pool, family, spot=spot)

    def _disks(self, pool: Pool, family: _Family, *, spot: bool) -> Decimal:
        month = self._prices.get(_Part("disk", "", pool.place.region, spot), Decimal())
        return month * family.disk_gib_a_gpu * pool.gpus / _HOURS_A_MONTH


def _unit_price(sku: Mapping[str, Any]) -> Decimal:
    rates = sku["pricingInfo"][0]["pricingExpression"]["tieredRates"]
    price = rates[0]["unitPrice"]
    return Decimal(str(price.get("units", "0"))) + Decimal(price.get("nanos", 0)) / _NANOS
