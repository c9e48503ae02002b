"""What the answers of Oracle's compute service look like."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from providers.emulators.cloud import CloudMachine, MachineState
from providers.emulators.wire import Reply, json_reply

Body: TypeAlias = dict[str, Any]

RESERVED: Final = " reserved"
NO_ROOM: Final = "Out of host capacity."
_TERMINATED: Final = {"preemptionAction": {"type": "TERMINATE", "preserveBootVolume": False}}
_STATES: Final = {
    MachineState.CREATING: "PROVISIONING",
    MachineState.RUNNING: "RUNNING",
    MachineState.STOPPING: "TERMINATING",
    MachineState.GONE: "TERMINATED",
    MachineState.FAILED: "PROVISIONING",
}


def instance(compartment: str, machine: CloudMachine) -> Body:
    return {
        **_common(compartment, machine, "instance"),
        "displayName": machine.name,
        "freeformTags": dict(machine.tags),
        "lifecycleState": _STATES[machine.state],
        "region": machine.region,
        "shape": machine.sku.removesuffix(RESERVED),
        **({"capacityReservationId": kept(machine.region)} if _reserved(machine) else {}),
    } | ({"preemptibleInstanceConfig": _TERMINATED} if machine.spot else {})


def _reserved(machine: CloudMachine) -> bool:
    return machine.sku.endswith(RESERVED)


def kept(region: str) -> str:
    """The name of all that is reserved in a region: one reservation, of several shapes."""
    return f"ocid1.capacityreservation.oc1.{region}.kept"


def work_request(compartment: str, machine: CloudMachine, *, failed: bool) -> Body:
    coming = machine.state is MachineState.CREATING
    return {
        "id": ocid("coreservicesworkrequest", machine),
        "operationType": "LaunchInstance",
        "status": "FAILED" if failed else "IN_PROGRESS" if coming else "SUCCEEDED",
        "compartmentId": compartment,
        "resources": [],
        "percentComplete": 0.0 if coming else 100.0,
        "timeAccepted": _instant(machine),
    }


def shortage(machine: CloudMachine) -> Body:
    return {"code": "InternalError", "message": NO_ROOM, "timestamp": _instant(machine)}


def attachment(compartment: str, machine: CloudMachine, kind: str) -> Body:
    """Of a `vnic` or of a `bootVolume`."""
    return {
        **_common(compartment, machine, f"{kind.lower()}attachment"),
        "instanceId": ocid("instance", machine),
        f"{kind}Id": ocid(kind.lower(), machine),
        "lifecycleState": "ATTACHED",
    }


def vnic(compartment: str, machine: CloudMachine) -> Body:
    return {
        **_common(compartment, machine, "vnic"),
        "lifecycleState": "AVAILABLE",
        "privateIp": "127.0.0.1",
        "subnetId": "ocid1.subnet.oc1..local",
    }


def ocid(kind: str, machine: CloudMachine) -> str:
    return f"ocid1.{kind}.oc1.{machine.region}.{machine.id}"


def reply(body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """None is no body at all."""
    told = {"opc-request-id": secrets.token_hex(16).upper(), **(headers or {})}
    return json_reply(HTTPStatus.NO_CONTENT if body is None else HTTPStatus.OK, body, told)


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    told = {"opc-request-id": secrets.token_hex(16).upper(), **(headers or {})}
    return json_reply(status, {"code": code, "message": message}, told)


def unknown(identity: str) -> Reply:
    return error(404, "NotAuthorizedOrNotFound", f"instance {identity} not found")


def spent() -> Reply:
    return error(409, "InvalidatedRetryToken", "The resource of this retry token is gone.")


def _common(compartment: str, machine: CloudMachine, kind: str) -> Body:
    return {
        "id": ocid(kind, machine),
        "availabilityDomain": f"{machine.region.upper()}-AD-1",
        "compartmentId": compartment,
        "timeCreated": _instant(machine),
    }


def _instant(machine: CloudMachine) -> str:
    at = datetime.fromtimestamp(machine.created_s, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
