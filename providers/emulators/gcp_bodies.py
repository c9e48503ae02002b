"""What Compute Engine's answers look like. Numbers of 64 bits travel as strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

from providers.emulators.cloud import CloudMachine, MachineState, Spot
from providers.emulators.wire import Reply, json_reply

Body: TypeAlias = dict[str, Any]

_STATUS: Final = {
    MachineState.CREATING: "PROVISIONING",
    MachineState.RUNNING: "RUNNING",
    MachineState.STOPPING: "STOPPING",
    MachineState.FAILED: "STOPPING",
    MachineState.GONE: "TERMINATED",
}
PREEMPTED: Final = "compute.instances.preempted"
_VERBS: Final = {"launch": "insert", "end": "delete"}


class Complaint(NamedTuple):
    """Why an operation has failed, and the status it puts on that."""

    error: Body
    status: int
    message: str


def exhausted(project: str, zone: str, sku: str, others: Sequence[str]) -> Complaint:
    details: Body = {
        "reason": "resource_availability",
        "domain": "compute.googleapis.com",
        "metadatas": {"zone": zone, "vmType": sku, "zonesAvailable": ",".join(others)},
    }
    text = f"The zone 'projects/{project}/zones/{zone}' does not have enough resources available"
    told = {
        "code": "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS",
        "message": f"{text} to fulfill the request.  '(resource type:compute)'.",
        "errorDetails": [{"errorInfo": details}],
    }
    return Complaint(told, 503, "SERVICE UNAVAILABLE")


def over_quota(zone: str, limit: int) -> Complaint:
    region = zone.rpartition("-")[0]
    details: Body = {
        "metricName": "compute.googleapis.com/gpus",
        "limitName": "GPUS-per-project-region",
        "limit": float(limit),
        "dimensions": {"region": region},
    }
    told = {
        "code": "QUOTA_EXCEEDED",
        "message": f"Quota 'GPUS' exceeded.  Limit: {float(limit)} in region {region}.",
        "errorDetails": [{"quotaInfo": details}],
    }
    return Complaint(told, 403, "FORBIDDEN")


def operation(
    base: str, name: str, verb: str, number: str, *, done: bool, complaint: Complaint | None
) -> Body:
    """`base` is the address of the zone."""
    own = f"operation-{verb}-{number}"
    body: Body = {
        "kind": "compute#operation",
        "id": _number(number),
        "name": own,
        "zone": base,
        "operationType": _VERBS[verb],
        "targetLink": f"{base}/instances/{name}",
        "targetId": _number(number),
        "status": "DONE" if done else "RUNNING",
        "progress": 100 if done else 0,
        "selfLink": f"{base}/operations/{own}",
    }
    if done and complaint is not None:
        body["error"] = {"errors": [complaint.error]}
        body |= {"httpErrorStatusCode": complaint.status, "httpErrorMessage": complaint.message}
    return body


def preempted(base: str, machine: CloudMachine) -> Body:
    """The operation by which the cloud took a machine back. `base` is the address of the zone."""
    name = machine.name.rpartition("/")[2]
    told = operation(base, name, "end", machine.id, done=True, complaint=None)
    own = f"systemevent-{machine.id}"
    body = {"name": own, "operationType": PREEMPTED, "selfLink": f"{base}/operations/{own}"}
    return {**told, **body, "statusMessage": "Instance was preempted."}


def spot_of(scheduling: Body) -> Spot | None:
    """Raises ValueError for a machine on spot that would outlive its end."""
    if scheduling.get("provisioningModel", "STANDARD") != "SPOT":
        return None
    if scheduling.get("automaticRestart") or scheduling.get("onHostMaintenance") != "TERMINATE":
        raise ValueError("Invalid value for field 'resource.scheduling': Spot does not restart")
    return Spot()


def _affinity(machine: CloudMachine) -> str:
    reserved = machine.sku.endswith(" reserved")
    return "SPECIFIC_RESERVATION" if reserved else "ANY_RESERVATION"


def instance(base: str, machine: CloudMachine) -> Body:
    """`base` is the address of the project."""
    zone = f"{base}/zones/{zone_of(machine)}"
    name = machine.name.rpartition("/")[2]
    created = datetime.fromtimestamp(machine.created_s, UTC)
    return {
        "kind": "compute#instance",
        "id": _number(machine.id),
        "name": name,
        "zone": zone,
        "machineType": f"{zone}/machineTypes/{machine.sku.partition(' ')[0]}",
        "reservationAffinity": {"consumeReservationType": _affinity(machine)},
        "status": _STATUS[machine.state],
        "labels": dict(machine.tags),
        "creationTimestamp": created.isoformat(timespec="milliseconds"),
        "networkInterfaces": [{"name": "nic0", "networkIP": "127.0.0.1"}],
        "scheduling": {"provisioningModel": "SPOT" if machine.spot else "STANDARD"},
        "selfLink": f"{zone}/instances/{name}",
    }


def zone_of(machine: CloudMachine) -> str:
    return machine.name.rpartition("/")[0] or f"{machine.region}-a"


def error(
    status: int, reason: str, message: str, headers: Mapping[str, str] | None = None
) -> Reply:
    """What is refused at once. 403 stands for a permission, a quota and too many calls alike."""
    told = {"message": message, "domain": "global", "reason": reason}
    body = {"error": {"code": status, "message": message, "errors": [told]}}
    return json_reply(status, body, headers)


def _number(hexadecimal: str) -> str:
    """An id of 63 bits."""
    return str(int(hexadecimal[:15], 16))
