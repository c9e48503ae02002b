"""AWS's face: the part of the EC2 query API that makes machines."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from providers.emulators.aws_reserved import (
    RESERVED,
    reservation,
    reservation_id,
    reservations_of,
)
from providers.emulators.aws_says import SAYS, quotas
from providers.emulators.aws_signature import SignatureRefused, signed_region
from providers.emulators.aws_wrong import Wrong, refusal
from providers.emulators.cloud import (
    Cloud,
    CloudMachine,
    InjectedFault,
    Launched,
    MachineState,
    Spot,
)
from providers.emulators.launches import sold_as
from providers.emulators.wire import Reply, Request, Route

_SPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"
_ACCOUNT: Final = "123456789012"
_STATES: Final = {
    MachineState.CREATING: ("0", "pending"),
    MachineState.RUNNING: ("16", "running"),
    MachineState.STOPPING: ("32", "shutting-down"),
    MachineState.GONE: ("48", "terminated"),
    MachineState.FAILED: ("48", "terminated"),
}
_RESERVATION: Final = (
    "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId"
)
_OPERATIONS: Final = {
    "RunInstances": "launch",
    "DescribeInstances": "get",
    "TerminateInstances": "terminate",
}

_Action: TypeAlias = Callable[[str, Mapping[str, str]], Reply]


def open_account(cloud: Cloud) -> tuple[AwsFace, dict[str, str]]:
    """A face with credentials of its own, and the account a customer opens it with."""
    key, secret = f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
    account = {
        "access_key_id": key,
        "secret_access_key": secret,
        "regions": " ".join(sorted({re.sub(r"(?<=\d)[a-z]$", "", r) for r in cloud.regions})),
        "image": "ami-0123456789abcdef0",
        "zones": " ".join(r for r in cloud.regions if re.fullmatch(r".*\d[a-z]", r)),
        "reservations": reservations_of(cloud),
    }
    return AwsFace(cloud, key, secret), account


@dataclass(frozen=True, slots=True)
class AwsFace:
    """One account with one access key, in every region of the cloud's stock."""

    cloud: Cloud
    access_key_id: str
    secret_access_key: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/", self._answer)

    def no_route(self, request: Request) -> Reply:
        return _error(404, "InvalidAction", f"There is nothing at {request.path}.")

    def _answer(self, request: Request) -> Reply:
        try:
            region = signed_region(request, self.access_key_id, self.secret_access_key, self.now())
        except SignatureRefused as refused:
            return _error(refused.status, refused.code, str(refused))
        if target := request.headers.get("x-amz-target"):
            return quotas(self.cloud, region, target, request)
        asked = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        action = asked.get("Action", "")
        actions: Mapping[str, _Action] = {
            "RunInstances": self._run,
            "DescribeInstances": self._describe,
            "TerminateInstances": self._terminate,
        }
        if action in SAYS:
            return self._said(action, region, asked)
        if action not in actions:
            return _error(400, "InvalidAction", f"The action {action} is not valid here.")
        listing = action == "DescribeInstances" and not _numbered(asked, "InstanceId")
        operation = "list" if listing else _OPERATIONS[action]
        do = partial(self._do, actions[action], region, asked)
        return self.cloud.faults.through(operation, do, _injected)

    def _do(self, do: _Action, region: str, asked: Mapping[str, str]) -> Reply:
        try:
            return do(region, asked)
        except Wrong as wrong:
            return _error(wrong.status, wrong.code, wrong.message)

    def _said(self, action: str, region: str, asked: Mapping[str, str]) -> Reply:
        says = partial(SAYS[action], self.cloud, region, asked)
        return self.cloud.faults.through("scout", lambda: _reply(action, says()), _injected)

    def _run(self, region: str, asked: Mapping[str, str]) -> Reply:
        for needed in ("ImageId", "InstanceType", "MinCount", "MaxCount"):
            if needed not in asked:
                raise Wrong(400, "MissingParameter", f"The request must contain {needed}")
        if (asked["MinCount"], asked["MaxCount"]) != ("1", "1"):
            raise Wrong(400, "InvalidParameterValue", "This cloud launches one at a time.")
        place, sku = self._sought(region, asked)
        spot = _spot(asked)
        launch = self.cloud.launch(
            # Without a token every call is a launch of its own.
            key=f"{region}/{asked.get('ClientToken') or secrets.token_hex(16)}",
            name=region,
            region=place if (place, sold_as(sku, spot)) in self.cloud.stock else region,
            sku=sku,
            user_data=base64.b64decode(asked.get("UserData", "")),
            tags=_tags(asked, "instance"),
            spec_hash=_digest(asked),
            spot=spot,
        )
        if not isinstance(launch, Launched):
            raise refusal(launch, sku, place)
        owner = {"reservationId": f"r-{launch.machine.id}", "ownerId": _ACCOUNT}
        return _reply("RunInstances", {**owner, "instancesSet": [_instance(launch.machine)]})

    def _sought(self, region: str, asked: Mapping[str, str]) -> tuple[str, str]:
        """Where in the stock, and under which name, the machine is to be found."""
        if (named := asked.get(_RESERVATION)) is None:
            return asked.get("Placement.AvailabilityZone", region), asked["InstanceType"]
        kept = reservation(self.cloud, region, named)
        if kept is None:
            text = f"The capacity reservation '{named}' does not exist"
            raise Wrong(400, "InvalidCapacityReservationId.NotFound", text)
        return kept

    def _describe(self, region: str, asked: Mapping[str, str]) -> Reply:
        wanted = _numbered(asked, "InstanceId")
        machines = [self._found(region, machine) for machine in wanted] or [
            m for m in self.cloud.list(gone=True) if m.name == region
        ]
        filters = _filters(asked)
        sets = [
            {"reservationId": f"r-{m.id}", "ownerId": _ACCOUNT, "instancesSet": [_instance(m)]}
            for m in machines
            if all(_passes(m, name, values) for name, values in filters.items())
        ]
        return _reply("DescribeInstances", {"reservationSet": sets})

    def _terminate(self, region: str, asked: Mapping[str, str]) -> Reply:
        changes = []
        for before in [self._found(region, m) for m in _numbered(asked, "InstanceId")]:
            after = before
            if before.state is not MachineState.FAILED:
                after = self.cloud.terminate(before.id) or before
            states = {"currentState": _state(after), "previousState": _state(before)}
            changes.append({"instanceId": f"i-{before.id}", **states})
        return _reply("TerminateInstances", {"instancesSet": changes})

    def _found(self, region: str, instance: str) -> CloudMachine:
        machine = self.cloud.get(instance.removeprefix("i-"))
        if machine is None or machine.name != region:
            text = f"The instance ID '{instance}' does not exist"
            raise Wrong(400, "InvalidInstanceID.NotFound", text)
        return machine


def _instance(machine: CloudMachine) -> dict[str, object]:
    instance: dict[str, object] = {
        "instanceId": f"i-{machine.id}",
        "instanceState": _state(machine),
        "instanceType": machine.sku.partition(" ")[0],
        "launchTime": datetime.fromtimestamp(machine.created_s, UTC).isoformat("T", "milliseconds"),
        "placement": {"availabilityZone": machine.region},
        "privateIpAddress": "127.0.0.1",
        "clientToken": machine.key.partition("/")[2],
        "tagSet": [{"key": key, "value": value} for key, value in machine.tags.items()],
    }
    if machine.sku.endswith(RESERVED):
        instance["capacityReservationId"] = reservation_id(machine.region, machine.sku)
    if machine.spot is not None:
        instance["instanceLifecycle"] = "spot"
    if machine.preempted:
        instance["stateReason"] = {
            "code": "Server.SpotInstanceTermination",
            "message": "Server.SpotInstanceTermination: Spot instance termination",
        }
    if machine.state is MachineState.FAILED:
        text = "Server.InsufficientInstanceCapacity: Insufficient capacity to satisfy the request"
        instance["stateReason"] = {
            "code": "Server.InsufficientInstanceCapacity",
            "message": text,
        }
    return instance


def _spot(asked: Mapping[str, str]) -> Spot | None:
    """On which terms it may be taken back; raises Wrong for a market that is none."""
    options = "InstanceMarketOptions"
    market = asked.get(f"{options}.MarketType")
    if market in (None, "capacity-block"):
        return None
    if market != "spot":
        raise Wrong(400, "InvalidParameterValue", f"Invalid market type: {market}")
    most = asked.get(f"{options}.SpotOptions.MaxPrice")
    return Spot(Decimal(most) if most else None)


def _state(machine: CloudMachine) -> dict[str, str]:
    code, name = _STATES[machine.state]
    return {"code": code, "name": name}


def _passes(machine: CloudMachine, name: str, values: list[str]) -> bool:
    if name == "instance-state-name":
        return _STATES[machine.state][1] in values
    if name == "client-token":
        return machine.key.partition("/")[2] in values
    if name.startswith("tag:"):
        return machine.tags.get(name.removeprefix("tag:")) in values
    raise Wrong(400, "InvalidParameterValue", f"The filter '{name}' is invalid")


def _numbered(asked: Mapping[str, str], name: str) -> list[str]:
    return [value for key, value in asked.items() if key.startswith(f"{name}.")]


def _filters(asked: Mapping[str, str]) -> dict[str, list[str]]:
    names = {key[:-5]: value for key, value in asked.items() if _is(key, "Filter", "Name")}
    return {name: _numbered(asked, f"{stem}.Value") for stem, name in names.items()}


def _tags(asked: Mapping[str, str], kind: str) -> dict[str, str]:
    stems = [
        key.removesuffix(".ResourceType")
        for key, value in asked.items()
        if _is(key, "TagSpecification", "ResourceType") and value == kind
    ]
    return {
        asked[key]: asked.get(key.removesuffix("Key") + "Value", "")
        for key in asked
        for stem in stems
        if key.startswith(f"{stem}.Tag.") and key.endswith(".Key")
    }


def _is(key: str, first: str, last: str) -> bool:
    return key.startswith(f"{first}.") and key.endswith(f".{last}")


def _digest(asked: Mapping[str, str]) -> str:
    """Of every parameter, as EC2 compares a repeated token's call."""
    told = sorted((key, value) for key, value in asked.items() if key != "ClientToken")
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _reply(action: str, body: Mapping[str, object]) -> Reply:
    told = _xml({"requestId": secrets.token_hex(8), **body})
    return _xml_reply(200, f'<{action}Response xmlns="{_SPACE}">{told}</{action}Response>')


def _injected(fault: InjectedFault) -> Reply:
    return _error(fault.status, fault.code, fault.message, fault.headers)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    error = _xml({"Errors": {"Error": {"Code": code, "Message": message}}, "RequestID": "local"})
    return _xml_reply(status, f"<Response>{error}</Response>", headers)


def _xml_reply(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Reply(status, {"Content-Type": "text/xml;charset=UTF-8", **(headers or {})}, body)


def _xml(value: object) -> str:
    """Objects become elements and lists their `item`s, as EC2 writes them."""
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<item>{_xml(inner)}</item>" for inner in value)
    return escape(str(value))
