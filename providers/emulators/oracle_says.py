"""What Oracle's face says of its stock where it is only asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

from providers.emulators.cloud import Cloud
from providers.emulators.oracle_bodies import RESERVED, Body, error, kept, reply, unknown
from providers.emulators.wire import Reply, Request, Route

Guard: TypeAlias = Callable[[str, Callable[..., Reply]], Callable[..., Reply]]

_API: Final = "/20160918"
_LIMIT: Final = "/20190729/services/compute/limits/(?P<limit>[^/]+)/resourceAvailability"
_KEPT: Final = (
    _API + r"/computeCapacityReservations/ocid1\.capacityreservation\.oc1\.(?P<region>[^/.]+)\.kept"
)
_A_REPORT: Final = 10
_PLENTY: Final = 100_000


def routes(cloud: Cloud, guarded: Guard) -> Iterable[Route]:
    says = _Says(cloud)
    yield Route("GET", _API + "/shapes/?", guarded("scout", says.shapes))
    yield Route("POST", _API + "/computeCapacityReports/?", guarded("scout", says.report))
    yield Route("GET", _LIMIT, guarded("scout", says.limit))
    yield Route("GET", _KEPT, guarded("reservation", says.reservation))


def reservations_of(cloud: Cloud) -> str:
    """What an account writes in its field `reservations`."""
    there = (one for one in cloud.stock if one[1].endswith(RESERVED))
    return " ".join(
        f"{region}/{sku.removesuffix(RESERVED)}={kept(region)}" for region, sku in there
    )


def sold(shape: str, reservation: str | None) -> str:
    """Under which name a shape is in stock: what is reserved is kept apart."""
    return f"{shape}{RESERVED}" if reservation else shape


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
        lines = [self._line(region_of(domain), shape) for shape in shapes]
        return reply(
            {
                "compartmentId": compartment,
                "availabilityDomain": domain,
                "shapeAvailabilities": lines,
                "timeCreated": _now(),
            }
        )

    def reservation(self, request: Request, region: str) -> Reply:  # noqa: ARG002
        """All that is reserved in a region is one reservation, in its first domain."""
        there = [(p, sku) for p, sku in self.cloud.stock if p == region and sku.endswith(RESERVED)]
        if not there:
            return unknown(kept(region))
        kept_of = {sku: self.cloud.kept(region, sku) for _, sku in there}
        used = {sku: count - (self.cloud.tells(region, sku) or 0) for sku, count in kept_of.items()}
        configs = [
            {
                "instanceShape": sku.removesuffix(RESERVED),
                "reservedCount": count,
                "usedCount": used[sku],
            }
            for sku, count in kept_of.items()
        ]
        return reply(
            {
                "id": kept(region),
                "availabilityDomain": f"{region.upper()}-AD-1",
                "compartmentId": "ocid1.compartment.oc1..local",
                "freeformTags": self.cloud.told.tags.get(there[0], {}),
                "lifecycleState": "ACTIVE",
                "instanceReservationConfigs": configs,
                "reservedInstanceCount": sum(kept_of.values()),
                "usedInstanceCount": sum(used.values()),
                "timeCreated": _now(),
            }
        )

    def _line(self, region: str, shape: str) -> Body:
        left = self.cloud.tells(region, shape)
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
