"""What Google's face says of its stock where it is only asked about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias

from providers.emulators.cloud import Cloud
from providers.emulators.gcp_bodies import Body, error
from providers.emulators.wire import Reply, Request, Route, json_reply

Guard: TypeAlias = Callable[[str, Callable[..., Reply]], Callable[..., Reply]]

_PROJECT = r"/compute/v1/projects/(?P<project>[^/]+)"
_RESERVED = " reserved"
_A_ZONE = re.compile(r".+-[a-z]")
_CARDS = {
    "a2-ultragpu": "a100-80gb",
    "a2-": "tesla-a100",
    "g2-": "l4",
    "n1-": "tesla-t4",
    "a3-": "h100-80gb",
}
_NAMED = re.compile(r'\(name = "([^"]+)"\)')


def routes(cloud: Cloud, guarded: Guard) -> Iterable[Route]:
    says = _Says(cloud)
    types = _PROJECT + "/zones/(?P<zone>[^/]+)/machineTypes"
    yield Route("GET", types, guarded("scout", says.types))
    region = _PROJECT + "/regions/(?P<region>[^/]+)"
    yield Route("GET", region, guarded("scout", says.region))
    yield Route("POST", region + "/advice/capacity", guarded("scout", says.capacity))
    kept = _PROJECT + "/zones/(?P<zone>[^/]+)/reservations/(?P<name>[^/]+)"
    yield Route("GET", kept, guarded("reservation", says.reservation))


class Wanted(Protocol):
    @property
    def sku(self) -> str: ...
    @property
    def reservation(self) -> str: ...


def reservations_of(cloud: Cloud) -> str:
    """What an account writes in its field `reservations`."""
    named = []
    for zone, name, place, sold in _kept(cloud):
        region = zone.rpartition("-")[0] if place == zone else place
        named.append(f"{region}/{sold.removesuffix(_RESERVED)}={zone}/{name}")
    return " ".join(named)


def is_kept(cloud: Cloud, zone: str, wanted: Wanted) -> bool:
    """Whether the zone has the reservation that the machine is to be in."""
    return any(
        (where, name, sold) == (zone, wanted.reservation, f"{wanted.sku}{_RESERVED}")
        for where, name, _, sold in _kept(cloud)
    )


def _kept(cloud: Cloud) -> Iterator[tuple[str, str, str, str]]:
    """Zone and name of each reservation, and where in the stock it is kept."""
    for place, sold in cloud.stock:
        if sold.endswith(_RESERVED):
            zone = place if _A_ZONE.fullmatch(place) else f"{place}-a"
            yield (
                zone,
                f"kept-{sold.removesuffix(_RESERVED).replace('.', '-').lower()}",
                place,
                sold,
            )


class _Says:
    """Every kind of machine has one accelerator here. The quotas of the newest are not told."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def types(self, request: Request, zone: str) -> Reply:
        wanted = _NAMED.findall(request.query.get("filter", ""))
        region = zone.rpartition("-")[0]
        sold = [*self.cloud.sold_in(zone), *self.cloud.sold_in(region)]
        items = [_type(name, zone) for name in dict.fromkeys(sold) if name in wanted]
        return json_reply(200, {"kind": "compute#machineTypeList", "id": zone, "items": items})

    def region(self, request: Request, region: str) -> Reply:  # noqa: ARG002
        places = self._places(region)
        if not places:
            return error(404, "notFound", f"The resource 'regions/{region}' was not found")
        quotas = [
            {
                "metric": _metric(sku),
                "limit": float(limit),
                "usage": float(limit - (self.cloud.allowed(place, sku) or 0)),
            }
            for place in places
            for sku in self.cloud.sold_in(place)
            if (limit := self.cloud.limit(place, sku)) is not None and not sku.startswith("a3-")
        ]
        return json_reply(200, {"kind": "compute#region", "name": region, "quotas": quotas})

    def capacity(self, request: Request, region: str) -> Reply:
        try:
            asked = request.json()
            chosen = asked["instanceFlexibilityPolicy"]["instanceSelections"].values()
            skus = [sku for one in chosen for sku in one["machineTypes"]]
            size = int(asked["size"])
            model = asked["instanceProperties"]["scheduling"]["provisioningModel"]
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            return error(400, "invalid", f"Invalid value for field 'resource': {wrong}")
        best: Body = {}
        for place in self._places(region):
            for sku in skus:
                left = self.cloud.tells(place, f"{sku} spot" if model == "SPOT" else sku)
                if left is not None and left >= best.get("left", 0):
                    best = {"left": left, "zone": place, "sku": sku}
        if not best:
            return json_reply(200, {"recommendations": []})
        zone = best["zone"] if best["zone"] != region else f"{region}-a"
        return json_reply(
            200,
            {
                "recommendations": [
                    {
                        "scores": {"obtainability": 0.9 if best["left"] >= size else 0.1},
                        "shards": [
                            {
                                "zone": f"zones/{zone}",
                                "machineType": best["sku"],
                                "instanceCount": size,
                                "provisioningModel": model,
                            }
                        ],
                    }
                ]
            },
        )

    def reservation(self, request: Request, zone: str, name: str) -> Reply:  # noqa: ARG002
        found = next((one for one in _kept(self.cloud) if one[:2] == (zone, name)), None)
        if found is None:
            return error(404, "notFound", f"The resource 'reservations/{name}' was not found")
        _, _, place, sold = found
        count = self.cloud.kept(place, sold)
        free = self.cloud.tells(place, sold) or 0
        form = self.cloud.told.reserved_as.get((place, sold), "specific")
        return json_reply(
            200,
            {
                "kind": "compute#reservation",
                "name": name,
                "zone": zone,
                "status": "READY",
                "specificReservationRequired": form == "specific",
                "specificReservation": {
                    "count": str(count),
                    "inUseCount": str(count - free),
                    "instanceProperties": {"machineType": sold.removesuffix(_RESERVED)},
                },
            },
        )

    def _places(self, region: str) -> list[str]:
        """The region and its zones, as the stock has them."""
        return [p for p in self.cloud.regions if region in (p, p.rpartition("-")[0])]


def _type(name: str, zone: str) -> Body:
    cards = [{"guestAcceleratorType": f"nvidia-{_card(name)}", "guestAcceleratorCount": 1}]
    return {
        "kind": "compute#machineType",
        "id": str(int.from_bytes(name.encode()[:7])),
        "name": name,
        "zone": zone,
        "guestCpus": 8,
        "memoryMb": 32768,
        "accelerators": cards,
    }


def _metric(name: str) -> str:
    card = _card(name).removeprefix("tesla-")
    return f"NVIDIA_{card.upper().replace('-', '_')}_GPUS"


def _card(name: str) -> str:
    """The accelerator of a machine type, as Google calls it."""
    return next((card for head, card in _CARDS.items() if name.startswith(head)), "tesla-v100")
