"""Azure's face: the part of Resource Manager and its compute API that makes machines."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, assert_never

from providers.emulators import azure_says
from providers.emulators.azure_reserved import AzureReservations, is_reservation
from providers.emulators.azure_spot import no_spot, terms_of
from providers.emulators.azure_wanted import Wanted
from providers.emulators.cloud import (
    Cloud,
    CloudMachine,
    InjectedFault,
    Launched,
    MachineState,
    Mismatch,
    NotSold,
    OverQuota,
    StockOut,
    TooDear,
)
from providers.emulators.wire import Reply, Request, Route, json_reply

if TYPE_CHECKING:
    from typing import TypeAlias

Body: TypeAlias = "dict[str, Any]"

_API: Final = "api-version=2026-04-01"
_SUBSCRIPTION: Final = r"/subscriptions/(?P<subscription>[^/]+)"
_COMPUTE: Final = r"/providers/Microsoft\.Compute"
_GROUP: Final = _SUBSCRIPTION + r"/resource[gG]roups/(?P<group>[^/]+)" + _COMPUTE
_MACHINE: Final = _GROUP + r"/virtualMachines/(?P<name>[^/]+)"
_OPERATION: Final = (
    _SUBSCRIPTION + _COMPUTE + r"/locations/[^/]+/operations/(?P<verb>launch|end)-(?P<id>\w+)"
)
_PROVISIONING: Final = {
    MachineState.CREATING: "Creating",
    MachineState.RUNNING: "Succeeded",
    MachineState.STOPPING: "Deleting",
    MachineState.FAILED: "Failed",
    MachineState.GONE: "Deleting",
}
_NO_ROOM: Final = (
    "Allocation failed. We do not have sufficient capacity for the requested VM size in this "
    "region."
)


LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
FAR_OFF: Final = datetime(2100, 1, 1, tzinfo=UTC)


def open_account(cloud: Cloud) -> tuple[AzureFace, dict[str, str]]:
    """A face with credentials of its own, and the account a customer opens it with."""
    token, subscription = secrets.token_urlsafe(32), secrets.token_hex(16)
    group = "local"
    account = {
        "subscription": subscription,
        "resource_group": group,
        "token": token,
        "subnet": f"/subscriptions/{subscription}/resourceGroups/{group}"
        "/providers/Microsoft.Network/virtualNetworks/local/subnets/local",
        "regions": " ".join(cloud.regions),
    }
    kept = AzureReservations(cloud, subscription, group)
    account["reservations"] = kept.named()
    return AzureFace(cloud, token, subscription, kept), account


@dataclass(frozen=True, slots=True)
class AzureFace:
    """One subscription, opened by one bearer token."""

    cloud: Cloud
    token: str
    subscription: str
    kept: AzureReservations
    valid: tuple[datetime, datetime] = (LONG_AGO, FAR_OFF)
    """From when until when the token is good."""

    def routes(self) -> Iterable[Route]:
        yield Route("PUT", _MACHINE, self._guarded("launch", self._put))
        yield Route("GET", _MACHINE, self._guarded("get", self._get))
        yield Route("DELETE", _MACHINE, self._guarded("terminate", self._delete))
        yield Route("GET", _OPERATION, self._guarded("operation", self._operation))
        every = _SUBSCRIPTION + _COMPUTE + "/virtualMachines"
        yield Route("GET", every, self._guarded("list", self._list))
        yield Route("GET", _GROUP + "/virtualMachines", self._guarded("list", self._list))
        yield from azure_says.routes(self.cloud, self._guarded)
        yield from self.kept.routes(self._guarded)

    def no_route(self, request: Request) -> Reply:
        return _error(404, "ResourceNotFound", f"There is nothing at {request.path}.")

    def _guarded(self, operation: str, answer: Callable[..., Reply]) -> Callable[..., Reply]:
        def checked(request: Request, **names: str) -> Reply:
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return _unknown_token()
            if (untimely := _untimely(self.valid)) is not None:
                return untimely
            if names.pop("subscription") != self.subscription:
                return _error(404, "SubscriptionNotFound", "The subscription could not be found.")
            return self.cloud.faults.through(
                operation, partial(answer, request, **names), _injected
            )

        return checked

    def _put(self, request: Request, group: str, name: str) -> Reply:
        known = self.cloud.named(f"{group}/{name}".lower())
        if known is not None and request.headers.get("if-none-match") == "*":
            return _error(412, "PreconditionFailed", f"The machine {name} exists already.")
        try:
            wanted = Wanted.read(request)
        except (KeyError, TypeError, ValueError) as missing:
            return _error(400, "InvalidParameter", f"The request is not a machine: {missing}.")
        if wanted.location not in self.cloud.regions:
            text = f"The provided location '{wanted.location}' is not available for resource type"
            return _error(400, "LocationNotAvailableForResourceType", f"{text} 'virtualMachines'.")
        sold = self.kept.sold(wanted.group, wanted.location, wanted.size)
        if sold is None:
            text = f"The capacity reservation group {wanted.group} has no {wanted.size} for it."
            return _error(404, "ResourceNotFound", text)
        wanted = replace(wanted, size=sold)
        return self._launched(request, f"{group}/{name}".lower(), wanted)

    def _launched(self, request: Request, name: str, wanted: Wanted) -> Reply:
        launch = self.cloud.launch(
            key=name,
            name=name,
            region=wanted.location,
            sku=wanted.size,
            user_data=wanted.user_data,
            tags=wanted.tags,
            spec_hash=wanted.digest,
            spot=wanted.spot,
        )
        match launch:
            case Launched(machine=machine, again=again):
                headers = self._follow(request, "launch", machine)
                return json_reply(200 if again else 201, self._body(machine), headers)
            case Mismatch():
                return _error(409, "PropertyChangeNotAllowed", "A machine keeps its size.")
            case StockOut() if wanted.spot is None:
                return _error(409, "AllocationFailed", _NO_ROOM)
            case StockOut() | TooDear():
                return _error(409, *no_spot(launch))
            case NotSold():
                text = f"The requested VM size {wanted.size} is currently not available in location"
                return _error(409, "SkuNotAvailable", f"{text} '{wanted.location}'.")
            case OverQuota(limit=limit, used=used):
                return _error(409, "OperationNotAllowed", _over_quota(limit, used))
            case _:
                assert_never(launch)

    def _get(self, request: Request, group: str, name: str) -> Reply:
        machine = self.cloud.named(f"{group}/{name}".lower())
        if machine is None:
            return _error(404, "ResourceNotFound", f"The machine {name} was not found.")
        body = self._body(machine)
        if "instanceview" in request.query.get("$expand", "").lower():
            body["properties"]["instanceView"] = {"statuses": _statuses(machine.state)}
        return json_reply(200, body)

    def _delete(self, request: Request, group: str, name: str) -> Reply:
        machine = self.cloud.named(f"{group}/{name}".lower())
        if machine is None:
            return Reply(HTTPStatus.NO_CONTENT)
        self.cloud.terminate(machine.id)
        return Reply(HTTPStatus.ACCEPTED, self._follow(request, "end", machine))

    def _operation(self, request: Request, verb: str, id: str) -> Reply:  # noqa: A002, ARG002
        machine = self.cloud.get(id)
        if machine is None:
            return _error(404, "NotFound", f"The operation {id} was not found.")
        body: Body = {"name": f"{verb}-{id}", "startTime": _instant(machine.created_s)}
        waiting = MachineState.CREATING if verb == "launch" else MachineState.STOPPING
        if verb == "launch" and machine.state is MachineState.FAILED:
            body |= {
                "status": "Failed",
                "error": {"code": "AllocationFailed", "message": _NO_ROOM},
            }
        else:
            body["status"] = "InProgress" if machine.state is waiting else "Succeeded"
        return json_reply(200, body, {"Retry-After": "0"})

    def _list(self, request: Request, group: str | None = None) -> Reply:  # noqa: ARG002
        own = f"{group.lower()}/" if group else ""
        every = [m for m in self.cloud.list() if not is_reservation(m.name)]
        machines = [m for m in every if m.name.startswith(own)]
        return json_reply(200, {"value": [self._body(machine) for machine in machines]})

    def _follow(self, request: Request, verb: str, machine: CloudMachine) -> Mapping[str, str]:
        path = f"/subscriptions/{self.subscription}/providers/Microsoft.Compute/locations"
        operation = f"{path}/{machine.region}/operations/{verb}-{machine.id}?{_API}"
        headers = {"Azure-AsyncOperation": f"{request.origin}{operation}", "Retry-After": "0"}
        return headers | ({"Location": f"{request.origin}{operation}"} if verb == "end" else {})

    def _body(self, machine: CloudMachine) -> Body:
        group, _, name = machine.name.partition("/")
        return {
            "id": f"/subscriptions/{self.subscription}/resourceGroups/{group}"
            f"/providers/Microsoft.Compute/virtualMachines/{name}",
            "name": name,
            "type": "Microsoft.Compute/virtualMachines",
            "location": machine.region,
            "tags": dict(machine.tags),
            "etag": '"1"',
            "properties": {
                "hardwareProfile": {"vmSize": machine.sku.partition(" ")[0]},
                "osProfile": {"computerName": name},
                "vmId": machine.id,
                "timeCreated": _instant(machine.created_s),
                "provisioningState": _PROVISIONING[machine.state],
                **terms_of(machine.spot),
            },
        }


def _statuses(state: MachineState) -> list[Body]:
    if state is MachineState.FAILED:
        code = "ProvisioningState/failed/AllocationFailed"
        return [{"code": code, "level": "Error", "message": _NO_ROOM}]
    statuses = [{"code": f"ProvisioningState/{_PROVISIONING[state].lower()}", "level": "Info"}]
    if state is MachineState.RUNNING:
        statuses.append({"code": "PowerState/running", "level": "Info"})
    return statuses


def _over_quota(limit: int, used: int) -> str:
    return (
        "Operation could not be completed as it results in exceeding approved Total Regional "
        f"Cores quota. Current Limit: {limit}, Current Usage: {used}, Additional Required: 1. "
        "Submit a request for Quota increase."
    )


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def _untimely(valid: tuple[datetime, datetime]) -> Reply | None:
    """What is said of a token before its time and after it."""
    now, (since, until) = datetime.now(UTC), valid
    if now < since:
        return _unknown_token(f"The access token is not yet valid: it is good from '{since}'.")
    if now >= until:
        text = f"The access token expiry UTC time '{until}' is earlier than '{now}', which is now."
        return _unknown_token(text, "ExpiredAuthenticationToken")
    return None


def _unknown_token(
    text: str = "The access token is invalid.", code: str = "InvalidAuthenticationToken"
) -> Reply:
    challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/local"'
    headers = {"WWW-Authenticate": f'{challenge}, error="invalid_token"'}
    return _error(401, code, text, headers)


def _injected(fault: InjectedFault) -> Reply:
    return _error(fault.status, fault.code, fault.message, fault.headers)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": message}}, headers)
