"""What Oracle's face says of its stock where it is only asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from providers.emulators.cloud import Cloud
from providers.emulators.oracle_bodies import Body, error, reply
from providers.emulators.wire import Reply, Request, Route

Guard: TypeAlias = Callable[[str, Callable[..., Reply]], Callable[..., Reply]]

_API: Final = "/20160918"
_LIMIT: Final = "/20190729/services/compute/limits/(?P<limit>[^/]+)/resourceAvailability"
_A_REPORT: Final = 10
_PLENTY: Final = 100_000


def routes(cloud: Cloud, guarded: Guard) -> Iterable[Route]:
    says = _Says(cloud)
    yield Route("GET", _API + "/shapes/?", guarded("scout", says.shapes))
    yield Route("POST", _API + "/computeCapacityReports/?", guarded("scout", says.report))
    yield Route("GET", _LIMIT, guarded("scout", says.limit))


class _Says:
    """Every shape has one limit of its own here."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def shapes(self, request: Request) -> Reply:
        region = region_of(request.query.get("availabilityDomain", ""))
        return reply(
            [
                {"shape": sku, "gpus": 1, "ocpus": 4.0, "quotaNames": [_limit(sku)]}
                for sku in self.cloud.sold_in(region)
            ]
        )

    def report(self, request: Request) -> Reply:
        try:
            asked = request.json()
            domain, compartment = asked["availabilityDomain"], asked["compartmentId"]
            shapes = [line["instanceShape"] for line in asked["shapeAvailabilities"]]
        except (KeyError, TypeError, ValueError) as missing:
            return error(400, "MissingParameter", f"The request is no report: {missing}.")
        if len(shapes) > _A_REPORT:
            text = f"shapeAvailabilities size must be between 1 and {_A_REPORT}"
            return error(400, "InvalidParameter", text)
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines = [self._line(region_of(domain), shape) for shape in shapes]
        return reply(
            {
                "compartmentId": compartment,
                "availabilityDomain": domain,
                "shapeAvailabilities": lines,
                "timeCreated": at,
            }
        )

    def _line(self, region: str, shape: str) -> Body:
        left = self.cloud.left(region, shape)
        if left is None:
            return {"instanceShape": shape, "availabilityStatus": "HARDWARE_NOT_SUPPORTED"}
        status = "AVAILABLE" if left else "OUT_OF_HOST_CAPACITY"
        return {"instanceShape": shape, "availabilityStatus": status, "availableCount": left}

    def limit(self, request: Request, limit: str) -> Reply:
        region = region_of(request.query.get("availabilityDomain", ""))
        named = [sku for sku in self.cloud.sold_in(region) if _limit(sku) == limit]
        if not named:
            return error(404, "NotAuthorizedOrNotFound", f"limit {limit} not found")
        allowed = self.cloud.limit(region, named[0])
        left = self.cloud.allowed(region, named[0])
        used = 0 if allowed is None or left is None else allowed - left
        return reply({"used": used, "available": _PLENTY if left is None else left})


def region_of(domain: str) -> str:
    """`US-PHOENIX-1-AD-1`, with or without a tenancy's own prefix, lies in us-phoenix-1."""
    return domain.rpartition(":")[2].lower().rpartition("-ad-")[0]


def _limit(shape: str) -> str:
    return f"{shape.lower().replace('.', '-')}-count"
