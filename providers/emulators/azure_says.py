"""What Azure's face says of its stock where it is only asked about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from providers.emulators.cloud import Cloud
from providers.emulators.wire import Reply, Request, Route, json_reply

if TYPE_CHECKING:
    from typing import TypeAlias

Body: TypeAlias = "dict[str, Any]"
Guard: TypeAlias = "Callable[[str, Callable[..., Reply]], Callable[..., Reply]]"

_COMPUTE: Final = r"/subscriptions/(?P<subscription>[^/]+)/providers/Microsoft\.Compute"
_LOCATION: Final = re.compile(r"location eq '(?P<location>[^']+)'")
_VCPUS: Final = 8
"""What every machine here has; real ones differ, and nobody here counts them."""
_PLENTY: Final = 100_000


def routes(cloud: Cloud, guarded: Guard) -> Iterable[Route]:
    says = _Says(cloud)
    yield Route("GET", _COMPUTE + "/skus", guarded("scout", says.sizes))
    usages = _COMPUTE + r"/locations/(?P<location>[^/]+)/usages"
    yield Route("GET", usages, guarded("scout", says.usages))
    scores = _COMPUTE + r"/locations/(?P<location>[^/]+)/placementScores/spot/generate"
    yield Route("POST", scores, guarded("scout", says.scores))


class _Says:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def sizes(self, request: Request) -> Reply:
        """A size of which this subscription may have none is listed, and restricted."""
        asked = _LOCATION.fullmatch(request.query.get("$filter", ""))
        wanted = [asked["location"]] if asked else self.cloud.regions
        sizes = [
            self._size(location, name)
            for location in wanted
            for name in self.cloud.sold_in(location)
        ]
        return json_reply(200, {"value": sizes})

    def _size(self, location: str, name: str) -> Body:
        closed = self.cloud.limit(location, name) == 0
        restriction = {
            "type": "Location",
            "values": [location],
            "restrictionInfo": {"locations": [location]},
            "reasonCode": "NotAvailableForSubscription",
        }
        return {
            "resourceType": "virtualMachines",
            "name": name,
            "family": family(name),
            "locations": [location],
            "locationInfo": [{"location": location, "zones": ["1", "2", "3"]}],
            "capabilities": [
                {"name": "vCPUs", "value": str(_VCPUS)},
                {"name": "CapacityReservationSupported", "value": "True"},
            ],
            "restrictions": [restriction] if closed else [],
        }

    def usages(self, request: Request, location: str) -> Reply:  # noqa: ARG002
        """Each size is a family of its own here; the regional limit is never in the way."""
        usages = [_usage("cores", 0, _PLENTY)]
        for name in self.cloud.sold_in(location):
            limit, left = self.cloud.limit(location, name), self.cloud.allowed(location, name)
            used = 0 if limit is None or left is None else limit - left
            usages.append(
                _usage(family(name), used * _VCPUS, _PLENTY if limit is None else limit * _VCPUS)
            )
        return json_reply(200, {"value": usages})

    def scores(self, request: Request, location: str) -> Reply:  # noqa: ARG002
        try:
            asked = request.json()
            count = int(asked["desiredCount"])
            wanted = [
                (where, size["sku"])
                for where in asked["desiredLocations"]
                for size in asked["desiredSizes"]
            ]
        except (KeyError, TypeError, ValueError) as missing:
            said = {"code": "InvalidParameter", "message": f"This asks for no score: {missing}."}
            return json_reply(400, {"error": said})
        scores = [
            {
                "sku": sku,
                "region": where,
                "score": "High"
                if (self.cloud.tells(where, f"{sku} spot") or 0) >= count
                else "Low",
                "isQuotaAvailable": self.cloud.allowed(where, f"{sku} spot") != 0,
            }
            for where, sku in wanted
        ]
        return json_reply(200, {**asked, "placementScores": scores})


def family(name: str) -> str:
    return f"{name.removeprefix('Standard_').replace('_', '').lower()}Family"


def _usage(name: str, used: int, limit: int) -> Body:
    words = {"value": name, "localizedValue": name}
    return {"unit": "Count", "currentValue": used, "limit": limit, "name": words}
