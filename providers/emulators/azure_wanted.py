"""What Azure's face is asked to make."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from providers.emulators.azure_spot import spot_of
from providers.emulators.cloud import Spot
from providers.emulators.wire import Request


@dataclass(frozen=True, slots=True)
class Wanted:
    location: str
    size: str
    tags: Mapping[str, str]
    user_data: bytes
    digest: str
    group: str
    """The capacity reservation group it is to be in; empty for none."""
    spot: Spot | None

    @classmethod
    def read(cls, request: Request) -> Wanted:
        """Raises KeyError, TypeError or ValueError for a body that is no machine."""
        body = request.json()
        properties = body["properties"]
        disk = properties["storageProfile"]["osDisk"]["createOption"]
        if disk != "FromImage" or not properties["networkProfile"]:
            raise ValueError("a machine needs an image and a network")
        try:
            user_data = base64.b64decode(properties["osProfile"].get("customData", ""))
        except binascii.Error as wrong:
            raise ValueError(f"customData is not base64: {wrong}") from None
        kept = properties.get("capacityReservation", {}).get("capacityReservationGroup", {})
        return cls(
            group=str(kept.get("id", "")).rpartition("/")[2],
            location=body["location"],
            size=properties["hardwareProfile"]["vmSize"],
            tags={str(key): str(value) for key, value in body.get("tags", {}).items()},
            user_data=user_data,
            digest=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
            spot=spot_of(properties),
        )
