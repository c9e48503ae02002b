"""The price interfaces of the four clouds, each on its own wire, for prices that a test sets.

The forms are those of the clouds' documentation: Azure's Retail Prices, Amazon's Price List, the
Cloud Billing catalogue, Oracle's Price List. Each list has more on it than anybody asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from providers.emulators.wire import Reply, Request, Route, Wire, json_reply

_REGION: Final = re.compile(r"armRegionName eq '([^']+)'")
_PAGE: Final = 2


class _Face:
    def no_route(self, request: Request) -> Reply:
        return json_reply(HTTPStatus.NOT_FOUND, {"error": f"nothing is at {request.path}"})


@dataclass
class AzurePrices(_Face):
    """By region and size: dollars an hour on demand, and at spot."""

    hours: Mapping[tuple[str, str], tuple[float, float]]
    asked: list[str] = field(default_factory=list)

    def routes(self) -> Iterable[Route]:
        return [Route("GET", "/api/retail/prices", self._page)]

    def _page(self, request: Request) -> Reply:
        only = request.query["$filter"]
        self.asked.append(only)
        found = _REGION.search(only)
        region = found[1] if found else ""
        items = [item for item in self._items() if item["armRegionName"] == region]
        at = int(request.query.get("$skip", "0"))
        more = f"{request.origin}/api/retail/prices?$filter={only}&$skip={at + _PAGE}"
        return json_reply(
            HTTPStatus.OK,
            {
                "BillingCurrency": "USD",
                "Items": items[at : at + _PAGE],
                "NextPageLink": more if at + _PAGE < len(items) else None,
                "Count": len(items[at : at + _PAGE]),
            },
        )

    def _items(self) -> Iterator[dict[str, Any]]:
        for (region, size), (hour, spot) in self.hours.items():
            series = "Virtual Machines NCadsA100v4 Series"
            yield _azure(region, size, hour, series, "NC24ads A100 v4")
            yield _azure(region, size, spot, series, "NC24ads A100 v4 Spot")
            yield _azure(region, size, hour * 0.4, series, "NC24ads A100 v4 Low Priority")
            yield _azure(region, size, hour * 1.5, f"{series} Windows", "NC24ads A100 v4")


def _azure(region: str, size: str, hour: float, product: str, meter: str) -> dict[str, Any]:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": hour,
        "unitPrice": hour,
        "armRegionName": region,
        "effectiveStartDate": "2026-11-01T00:00:00Z",
        "meterName": meter,
        "productName": product,
        "skuName": meter,
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "armSkuName": size,
    }


@dataclass
class GooglePrices(_Face):
    """By region and the words of a part: dollars for its unit, on demand; spot costs a third."""

    parts: Mapping[tuple[str, str], str]
    key: str = "a-key"

    def routes(self) -> Iterable[Route]:
        return [Route("GET", "/v1/services/6F81-5844-456A/skus", self._page)]

    def _page(self, request: Request) -> Reply:
        if request.query.get("key") != self.key:
            return json_reply(HTTPStatus.FORBIDDEN, {"error": {"code": 403, "message": "no key"}})
        skus = [sku for part, hour in self.parts.items() for sku in self._skus(*part, hour)]
        at = int(request.query.get("pageToken", "0"))
        more = str(at + _PAGE) if at + _PAGE < len(skus) else ""
        return json_reply(HTTPStatus.OK, {"skus": skus[at : at + _PAGE], "nextPageToken": more})

    def _skus(self, region: str, part: str, hour: str) -> Iterator[dict[str, Any]]:
        yield _google(region, f"{part} running in Americas", "OnDemand", hour)
        spot = str(float(hour) / 3)
        yield _google(region, f"Spot Preemptible {part} running in Americas", "Preemptible", spot)
        yield _google(region, f"Commitment v1: {part} in Americas for 1 Year", "Commit1Yr", "0.001")
        yield _google(region, f"{part} Sole Tenancy Instance running", "OnDemand", "9")


def _google(region: str, words: str, usage: str, hour: str) -> dict[str, Any]:
    whole, _, rest = f"{float(hour):.9f}".partition(".")
    disk = words.startswith(("SSD", "Spot Preemptible SSD"))
    return {
        "name": "services/6F81-5844-456A/skus/0000-0000-0000",
        "skuId": "0000-0000-0000",
        "description": words,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Storage" if disk else "Compute",
            "resourceGroup": "CPU",
            "usageType": usage,
        },
        "serviceRegions": [region],
        "pricingInfo": [
            {
                "effectiveTime": "2026-11-01T00:00:00Z",
                "pricingExpression": {
                    "usageUnit": "h",
                    "tieredRates": [
                        {
                            "startUsageAmount": 0,
                            "unitPrice": {
                                "currencyCode": "USD",
                                "units": whole,
                                "nanos": int(rest),
                            },
                        }
                    ],
                },
            }
        ],
    }


@dataclass
class OraclePrices(_Face):
    """By part number and display name: dollars for a GPU and hour."""

    parts: Mapping[tuple[str, str], float]

    def routes(self) -> Iterable[Route]:
        return [Route("GET", "/pls/apex/cetools/api/v1/products/", self._list)]

    def _list(self, request: Request) -> Reply:
        assert request.query["currencyCode"] == "USD"
        items = [
            {
                "partNumber": number,
                "displayName": name,
                "metricName": "GPU Per Hour",
                "serviceCategory": "Compute - GPU",
                "currencyCodeLocalizations": [
                    {
                        "currencyCode": "USD",
                        "prices": [{"model": "PAY_AS_YOU_GO", "value": value}],
                    }
                ],
            }
            for (number, name), value in self.parts.items()
        ]
        return json_reply(HTTPStatus.OK, {"items": items})


@dataclass
class AmazonPrices(_Face):
    """By region and type: dollars an hour on demand, and at spot; both services in one face."""

    hours: Mapping[tuple[str, str], tuple[str, str]]

    def routes(self) -> Iterable[Route]:
        return [Route("POST", "/", self._answer)]

    def _answer(self, request: Request) -> Reply:
        target = request.headers.get("x-amz-target", "")
        if target == "AWSPriceListService.GetProducts":
            return self._products(request)
        return self._spot(request)

    def _products(self, request: Request) -> Reply:
        asked = request.json()
        only = {one["Field"]: one["Value"] for one in asked["Filters"]}
        assert asked["ServiceCode"] == "AmazonEC2"
        found = [
            _amazon(kind, hour)
            for (region, kind), (hour, _) in self.hours.items()
            if region == only["regionCode"]
        ]
        at = int(asked.get("NextToken", "0"))
        body = {"FormatVersion": "aws_v1", "PriceList": found[at : at + 1]}
        if at + 1 < len(found):
            body["NextToken"] = str(at + 1)
        reply = json_reply(HTTPStatus.OK, body)
        return Reply(reply.status, {"Content-Type": "application/x-amz-json-1.1"}, reply.body)

    def _spot(self, request: Request) -> Reply:
        asked = parse_qs(request.body.decode())
        kinds = {values[0] for name, values in asked.items() if name.startswith("InstanceType.")}
        region = request.headers["authorization"].split("/")[2]
        rows = "".join(
            _spot_price(region + zone, kind, float(spot) * share)
            for (where, kind), (_, spot) in self.hours.items()
            for zone, share in (("a", 1.5), ("b", 1.0))
            if where == region and kind in kinds
        )
        body = (
            '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<requestId>r</requestId><spotPriceHistorySet>{rows}</spotPriceHistorySet>"
            "</DescribeSpotPriceHistoryResponse>"
        )
        return Reply(HTTPStatus.OK, {"Content-Type": "text/xml"}, body.encode())


def _spot_price(zone: str, kind: str, price: float) -> str:
    return (
        f"<item><availabilityZone>{zone}</availabilityZone><instanceType>{kind}</instanceType>"
        f"<productDescription>Linux/UNIX</productDescription><spotPrice>{price}</spotPrice>"
        "<timestamp>2026-11-28T00:00:00.000Z</timestamp></item>"
    )


def _amazon(kind: str, hour: str) -> str:
    price = {"unit": "Hrs", "pricePerUnit": {"USD": hour}, "beginRange": "0", "endRange": "Inf"}
    return json.dumps(
        {
            "product": {"productFamily": "Compute Instance", "attributes": {"instanceType": kind}},
            "serviceCode": "AmazonEC2",
            "terms": {"OnDemand": {"S.T": {"priceDimensions": {"S.T.R": price}}}},
        }
    )


@contextmanager
def serving(face: _Face) -> Iterator[str]:
    """The address of a price list, until the block ends."""
    wire = Wire(face)  # type: ignore[arg-type]
    try:
        yield wire.url
    finally:
        wire.close()
