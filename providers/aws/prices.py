"""Amazon's prices: the Price List service for what is on demand, EC2 itself for spot.

docs.aws.amazon.com, "Price List Query API": products of one region, each a JSON text of its own.
Spot has a price a zone; of a region's the lowest stands, as it is the one to be asked first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from broker.domain.market import Pool
from broker.domain.values import ProviderName, Usd, usd
from providers.prices import ListPrice, PricesUnavailable, needed

_HOME: Final = "us-east-1"
"""The service is in few regions, and knows the prices of all."""
_LINUX_SHARED: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


def list_prices(
    account: Mapping[str, str], wanted: Sequence[Pool], now: datetime
) -> Iterator[ListPrice]:
    """The wanted machines' prices; `prices_endpoint` is another address of the Price List.

    The account needs pricing:GetProducts and ec2:DescribeSpotPriceHistory.
    """
    by_region: dict[str, set[str]] = {}
    for pool in wanted:
        by_region.setdefault(pool.place.region, set()).add(pool.place.sku)
    session = botocore.session.Session(session_vars={"profile": (None, [], None, None)})
    lists = _client(session, account, "pricing", _HOME, account.get("prices_endpoint"))
    for region, shapes in sorted(by_region.items()):
        machines = _client(session, account, "ec2", region, account.get("endpoint"))
        try:
            found = dict(_on_demand(lists, region, shapes))
            spot = _spot(machines, sorted(shapes), now)
        except (BotoCoreError, ClientError) as failure:
            raise PricesUnavailable(
                f"the prices of aws cannot be had for {region}: {failure}; allow the access key "
                "pricing:GetProducts and ec2:DescribeSpotPriceHistory, or try again later"
            ) from failure
        for prices, at_spot in ((found, False), (spot, True)):
            for shape, hour in prices.items():
                yield ListPrice(
                    provider=ProviderName.AWS,
                    region=region,
                    shape=shape,
                    usd_hour=hour,
                    spot=at_spot,
                )


def _client(
    session: botocore.session.Session,
    account: Mapping[str, str],
    service: str,
    region: str,
    endpoint: str | None,
) -> Any:  # noqa: ANN401 - botocore makes the class at run time
    return session.create_client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=needed(account, "access_key_id", ProviderName.AWS),
        aws_secret_access_key=needed(account, "secret_access_key", ProviderName.AWS),
        config=Config(connect_timeout=5, read_timeout=30, proxies={} if endpoint else None),
    )


def _on_demand(lists: Any, region: str, shapes: set[str]) -> Iterator[tuple[str, Usd]]:  # noqa: ANN401
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in {**_LINUX_SHARED, "regionCode": region}.items()
    ]
    pages = lists.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
    for page in pages:
        for text in page["PriceList"]:
            product = json.loads(text)
            shape = product["product"]["attributes"].get("instanceType")
            hour = _by_the_hour(product["terms"].get("OnDemand", {}))
            if shape in shapes and hour is not None:
                yield shape, hour


def _by_the_hour(terms: Mapping[str, Any]) -> Usd | None:
    for term in terms.values():
        for dimension in term["priceDimensions"].values():
            amount = usd(dimension["pricePerUnit"].get("USD", "0"))
            if dimension["unit"] == "Hrs" and amount > 0:
                return amount
    return None


def _spot(machines: Any, shapes: list[str], now: datetime) -> dict[str, Usd]:  # noqa: ANN401
    pages = machines.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=shapes, ProductDescriptions=["Linux/UNIX"], StartTime=now
    )
    lowest: dict[str, Usd] = {}
    for page in pages:
        for entry in page["SpotPriceHistory"]:
            hour, shape = usd(entry["SpotPrice"]), entry["InstanceType"]
            lowest[shape] = min(hour, lowest.get(shape, hour))
    return lowest
