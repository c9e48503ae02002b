"""Azure's capacity reservations: groups, what is in them, and the machines that take it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from providers.emulators.cloud import (
    Cloud,
    CloudMachine,
    Launch,
    Launched,
    MachineState,
    NotSold,
    OverQuota,
    StockOut,
)
from providers.emulators.wire import Reply, Request, Route, json_reply

if TYPE_CHECKING:
    from typing import TypeAlias

Body: TypeAlias = "dict[str, Any]"
Guard: TypeAlias = "Callable[[str, Callable[..., Reply]], Callable[..., Reply]]"

_SUBSCRIPTION: Final = r"/subscriptions/(?P<subscription>[^/]+)"
_COMPUTE: Final = r"/providers/Microsoft\.Compute/capacityReservationGroups"
_GROUPS: Final = _SUBSCRIPTION + _COMPUTE
_GROUP: Final = (
    _SUBSCRIPTION + r"/resource[gG]roups/(?P<group>[^/]+)" + _COMPUTE + r"/(?P<kept>[^/]+)"
)
_EVERY: Final = _GROUP + r"/capacityReservations"
_ONE: Final = _EVERY + r"/(?P<name>[^/]+)"
_RESERVED: Final = " reserved"
_API: Final = "api-version=2026-04-01"
_MARK: Final = "reservations/"
_STATES: Final = {
    MachineState.CREATING: "Creating",
    MachineState.RUNNING: "Succeeded",
    MachineState.FAILED: "Failed",
}


def is_reservation(name: str) -> bool:
    """Whether what the cloud counts under this name is a reservation, and no machine."""
    return name.startswith(_MARK)


@dataclass(frozen=True, slots=True)
class AzureReservations:
    """A reservation takes one from the stock, and is itself a stock of one for its machine.

    What was in stock as reserved from the beginning is in one group for each region.
    """

    cloud: Cloud
    subscription: str
    resource_group: str
    _groups: dict[str, Body] = field(default_factory=dict)

    def routes(self, guarded: Guard) -> Iterable[Route]:
        yield Route("PUT", _GROUP, guarded("reserve", self._put_group))
        yield Route("DELETE", _GROUP, guarded("unreserve", self._delete_group))
        yield Route("GET", _GROUPS, guarded("list", self._list_groups))
        yield Route("GET", _EVERY, guarded("reservation", self._list))
        yield Route("PUT", _ONE, guarded("reserve", self._put))
        yield Route("GET", _ONE, guarded("reservation", self._get))
        yield Route("DELETE", _ONE, guarded("unreserve", self._delete))

    def named(self) -> str:
        """What an account writes in its field `reservations`."""
        return " ".join(
            f"{place}/{sold.removesuffix(_RESERVED)}=kept-{place}" for place, sold in self._paid()
        )

    def sold(self, group: str, region: str, size: str) -> str | None:
        """Under which name a machine for a group is in stock; None if the group has no such."""
        if not group:
            return size
        if group == f"kept-{region}" and (region, f"{size}{_RESERVED}") in self.cloud.stock:
            return f"{size}{_RESERVED}"
        there = self.cloud.named(f"{_MARK}{group}".lower())
        return None if there is None or there.sku != size else f"{size} {group}"

    def _paid(self) -> Iterator[tuple[str, str]]:
        return (one for one in self.cloud.stock if one[1].endswith(_RESERVED))

    def _put_group(self, request: Request, group: str, kept: str) -> Reply:  # noqa: ARG002
        known = kept.lower() in self._groups
        body = request.json() or {}
        self._groups[kept.lower()] = {
            **self._path(kept),
            "location": body.get("location", ""),
            "tags": body.get("tags", {}),
            "properties": {},
        }
        return json_reply(200 if known else 201, self._groups[kept.lower()])

    def _delete_group(self, request: Request, group: str, kept: str) -> Reply:  # noqa: ARG002
        if self.cloud.named(f"{_MARK}{kept}".lower()) is not None:
            return _error(409, "OperationNotAllowed", f"The group {kept} has reservations in it.")
        known = self._groups.pop(kept.lower(), None)
        return Reply(HTTPStatus.NO_CONTENT if known is None else HTTPStatus.OK)

    def _list_groups(self, request: Request) -> Reply:  # noqa: ARG002
        return json_reply(200, {"value": list(self._groups.values())})

    def _list(self, request: Request, group: str, kept: str) -> Reply:  # noqa: ARG002
        paid = [one for one in self._paid() if kept == f"kept-{one[0]}"]
        if kept.lower() not in self._groups and not paid:
            return _error(404, "ResourceNotFound", f"The group {kept} was not found.")
        held = self.cloud.named(f"{_MARK}{kept}".lower())
        bodies = [self._paid_body(kept, *one) for one in paid]
        return json_reply(200, {"value": bodies + ([self._body(kept, held)] if held else [])})

    def _put(self, request: Request, group: str, kept: str, name: str) -> Reply:  # noqa: ARG002
        """One machine's worth to a reservation, which is all that is asked for here."""
        if kept.lower() not in self._groups:
            return _error(404, "ParentResourceNotFound", f"The group {kept} was not found.")
        try:
            body = request.json()
            sku, location, tags = body["sku"]["name"], body["location"], body.get("tags", {})
        except (KeyError, TypeError) as wrong:
            return _error(400, "InvalidParameter", f"The request is no reservation: {wrong}.")
        key = f"{_MARK}{kept}".lower()
        launch = self.cloud.launch(key=key, name=key, region=location, sku=sku, tags=tags)
        if isinstance(launch, Launched):
            self.cloud.restock(location, f"{sku} {kept}", 1)
            body = self._body(kept, launch.machine)
            return json_reply(
                200 if launch.again else 201, body, self._follow(request, "launch", launch.machine)
            )
        return _refused(launch, sku, location)

    def _get(self, request: Request, group: str, kept: str, name: str) -> Reply:  # noqa: ARG002
        held = self.cloud.named(f"{_MARK}{kept}".lower())
        if held is None:
            return _error(404, "ResourceNotFound", f"The reservation {name} was not found.")
        return json_reply(200, self._body(kept, held))

    def _delete(self, request: Request, group: str, kept: str, name: str) -> Reply:  # noqa: ARG002
        held = self.cloud.named(f"{_MARK}{kept}".lower())
        if kept.lower() not in self._groups:
            return _error(404, "ParentResourceNotFound", f"The group {kept} was not found.")
        if held is None:
            return Reply(HTTPStatus.NO_CONTENT)
        if self._inside(held.region, f"{held.sku} {kept}"):
            text = f"The reservation {name} has machines in it."
            return _error(409, "OperationNotAllowed", text)
        self.cloud.terminate(held.id)
        self.cloud.unstock(held.region, f"{held.sku} {kept}")
        return Reply(HTTPStatus.ACCEPTED, self._follow(request, "end", held))

    def _follow(self, request: Request, verb: str, held: CloudMachine) -> Mapping[str, str]:
        path = f"/subscriptions/{self.subscription}/providers/Microsoft.Compute/locations"
        url = f"{request.origin}{path}/{held.region}/operations/{verb}-{held.id}?{_API}"
        return {"Azure-AsyncOperation": url, "Location": url, "Retry-After": "0"}

    def _inside(self, region: str, sold: str) -> list[Body]:
        path = f"/subscriptions/{self.subscription}/resourceGroups"
        return [
            {"id": f"{path}/{name[0]}/providers/Microsoft.Compute/virtualMachines/{name[2]}"}
            for machine in self.cloud.list()
            if (machine.region, machine.sku) == (region, sold)
            for name in [machine.name.partition("/")]
        ]

    def _body(self, kept: str, held: CloudMachine) -> Body:
        state = _STATES.get(held.state, "Deleting")
        failed = "ProvisioningState/failed/AllocationFailed"
        view = {"statuses": [{"code": failed, "level": "Error"}] if state == "Failed" else []}
        return {
            **self._path(f"{kept}/capacityReservations/{kept}"),
            "location": held.region,
            "tags": dict(held.tags),
            "sku": {"name": held.sku, "capacity": 1},
            "properties": {
                "provisioningState": state,
                "virtualMachinesAssociated": self._inside(held.region, f"{held.sku} {kept}"),
                "instanceView": view,
            },
        }

    def _paid_body(self, kept: str, place: str, sold: str) -> Body:
        size = sold.removesuffix(_RESERVED)
        return {
            **self._path(f"{kept}/capacityReservations/{size}"),
            "location": place,
            "tags": self.cloud.told.tags.get((place, sold), {}),
            "sku": {"name": size, "capacity": self.cloud.kept(place, sold)},
            "properties": {
                "provisioningState": "Succeeded",
                "virtualMachinesAssociated": self._inside(place, sold),
            },
        }

    def _path(self, name: str) -> Body:
        base = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        path = f"{base}/providers/Microsoft.Compute/capacityReservationGroups/{name}"
        return {"id": path, "name": name.rpartition("/")[2]}


def _refused(launch: Launch, sku: str, location: str) -> Reply:
    match launch:
        case StockOut():
            text = "Allocation failed. There is no capacity for the reservation."
            return _error(409, "AllocationFailed", text)
        case OverQuota(limit=limit):
            text = f"exceeding approved Total Regional Cores quota. Current Limit: {limit}"
            return _error(409, "OperationNotAllowed", text)
        case NotSold():
            return _error(409, "SkuNotAvailable", f"{sku} is not available in {location}.")
        case _:
            return _error(409, "PropertyChangeNotAllowed", "A reservation keeps its size.")


def _error(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message}})
