"""The capacity reservations of AWS's face: one for each kind of machine in stock as reserved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from providers.emulators.cloud import Cloud

RESERVED: Final = " reserved"
_ACCOUNT: Final = "123456789012"


def reservation_id(place: str, sku: str) -> str:
    return f"cr-{hashlib.sha256(f'{place}/{sku}'.encode()).hexdigest()[:17]}"


def reservations_of(cloud: Cloud) -> str:
    """What an account writes in its field `reservations`."""
    return " ".join(
        f"{place}/{sku.removesuffix(RESERVED)}={name}" for name, (place, sku) in _every(cloud)
    )


def reservation(cloud: Cloud, region: str, named: str) -> tuple[str, str] | None:
    """Where in the stock a reservation is kept; None where this region has none of that name."""
    found = dict(_every(cloud)).get(named)
    return found if found is not None and found[0].startswith(region) else None


def described(cloud: Cloud, region: str, asked: Mapping[str, str]) -> Mapping[str, object]:
    wanted = [value for key, value in asked.items() if key.startswith("CapacityReservationId.")]
    return {
        "capacityReservationSet": [
            {
                "capacityReservationId": name,
                "ownerId": _ACCOUNT,
                "instanceType": sku.removesuffix(RESERVED),
                "instancePlatform": "Linux/UNIX",
                "availabilityZone": place if place != region else f"{region}a",
                "tenancy": "default",
                "totalInstanceCount": cloud.kept(place, sku),
                "availableInstanceCount": cloud.tells(place, sku) or 0,
                "state": "active",
                "instanceMatchCriteria": "targeted",
                "reservationType": cloud.told.reserved_as.get((place, sku), "default"),
                "tagSet": [
                    {"key": key, "value": value}
                    for key, value in cloud.told.tags.get((place, sku), {}).items()
                ],
            }
            for name, (place, sku) in _every(cloud)
            if place.startswith(region) and (not wanted or name in wanted)
        ]
    }


def _every(cloud: Cloud) -> Iterator[tuple[str, tuple[str, str]]]:
    for place, sku in cloud.stock:
        if sku.endswith(RESERVED):
            yield reservation_id(place, sku), (place, sku)
