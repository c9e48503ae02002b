"""Azure's prices: the Retail Prices interface, which asks for no account.

learn.microsoft.com, "Azure Retail Prices overview": one item a meter; Windows, dedicated hosts and
the retired low priority have meters of their own, and spot is told by its meter's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from broker.domain.market import Pool
from broker.domain.values import ProviderName, usd
from providers.prices import Interface, ListPrice

_CLOUD: Final = "https://prices.azure.com"
_PATH: Final = "/api/retail/prices"
_NOT_OURS: Final = ("Windows", "Dedicated Host", "Cloud Services")


def list_prices(
    account: Mapping[str, str],
    wanted: Sequence[Pool],
    now: datetime,  # noqa: ARG001 - it is a list of today
) -> Iterator[ListPrice]:
    """The wanted machines' prices; `prices_endpoint` of the account is another address."""
    shapes = {(pool.place.region, pool.place.sku) for pool in wanted}
    with Interface(ProviderName.AZURE, account.get("prices_endpoint", _CLOUD), {}) as interface:
        for region in sorted({region for region, _ in shapes}):
            only = (
                "serviceName eq 'Virtual Machines' and priceType eq 'Consumption' "
                f"and armRegionName eq '{region}'"
            )
            query = {"$filter": only, "currencyCode": "USD"}
            for page in interface.pages(_PATH, _next, **query):
                for item in page["Items"]:
                    if (region, item["armSkuName"]) in shapes and _by_the_hour(item):
                        yield _price(item)


def _next(page: Any) -> tuple[str, dict[str, str]] | None:  # noqa: ANN401 - their JSON
    following = page.get("NextPageLink")
    return (following, {}) if following else None


def _by_the_hour(item: Mapping[str, Any]) -> bool:
    """Whether it is Linux, shared and by the hour, from the first hour on."""
    return (
        item["unitOfMeasure"] == "1 Hour"
        and item.get("tierMinimumUnits", 0) == 0
        and not any(word in item["productName"] for word in _NOT_OURS)
        and "Low Priority" not in item["meterName"]
    )


def _price(item: Mapping[str, Any]) -> ListPrice:
    return ListPrice(
        provider=ProviderName.AZURE,
        region=item["armRegionName"],
        shape=item["armSkuName"],
        usd_hour=usd(str(item["retailPrice"])),
        spot="Spot" in item["meterName"],
    )
