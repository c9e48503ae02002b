"""Launching into capacity that is reserved: what EC2 must be told besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from broker.ports import Fault, Order
from providers.aws.client import Clients
from providers.reservations import another_s, not_ours, reservation_of

_UNKNOWN = "InvalidCapacityReservationId"


class Reservations:
    """What is known of a reservation does not change while it lives, so it is looked up once."""

    def __init__(self, account: Mapping[str, str], clients: Clients) -> None:
        self._account, self._clients = account, clients
        self._known: dict[str, Mapping[str, Any]] = {}

    def target(self, order: Order) -> Mapping[str, Any] | Fault:
        """The parameters that lead a launch into its reservation. Raises what a call can raise."""
        place = order.place
        named = reservation_of(self._account, place)
        if isinstance(named, Fault):
            return named
        found = self._known.get(named) or self._look(named, place.region)
        if found is None:
            return not_ours(place, f"{named}, which this account does not have", "correct the id")
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
        if wrong := another_s(place, named, tags, order.owner):
            return wrong
        if found["InstanceType"] != place.sku:
            remedy = "name it for that machine"
            return not_ours(place, f"{named}, which holds {found['InstanceType']}", remedy)
        self._known[named] = found
        block = found.get("ReservationType") == "capacity-block"
        return {
            "CapacityReservationSpecification": {
                "CapacityReservationTarget": {"CapacityReservationId": named}
            },
            "Placement": {"AvailabilityZone": found["AvailabilityZone"]},
            **({"InstanceMarketOptions": {"MarketType": "capacity-block"}} if block else {}),
        }

    def _look(self, named: str, region: str) -> Mapping[str, Any] | None:
        client = self._clients.of("ec2", region)
        try:
            answer = client.describe_capacity_reservations(CapacityReservationIds=[named])
        except ClientError as failure:
            if str(failure.response.get("Error", {}).get("Code", "")).startswith(_UNKNOWN):
                return None
            raise
        return next(iter(answer["CapacityReservations"]), None)
