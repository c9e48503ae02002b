"""Google's face: the part of Compute Engine's API that makes machines.

A launch is always taken, and refused in its operation: at once if there is no stock, late if the
cloud is set so. What failed is cleared away by the cloud itself.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Final, TypeVar, assert_never
from uuid import UUID

from providers.emulators import gcp_says
from providers.emulators.cloud import (
    Cloud,
    CloudMachine,
    InjectedFault,
    Launched,
    MachineState,
    Mismatch,
    NotSold,
    OverQuota,
    Spot,
    StockOut,
    TooDear,
)
from providers.emulators.gcp_bodies import (
    Body,
    Complaint,
    error,
    exhausted,
    instance,
    operation,
    over_quota,
    preempted,
    spot_of,
    zone_of,
)
from providers.emulators.launches import sold_as
from providers.emulators.wire import Face, Reply, Request, Route, json_reply

_ZONE: Final = r"/compute/v1/projects/(?P<project>[^/]+)/zones/(?P<zone>[^/]+)"
_MACHINES: Final = _ZONE + "/instances"
_MACHINE: Final = _MACHINES + r"/(?P<name>[^/]+)"
_OPERATION: Final = _ZONE + r"/operations/operation-(?P<verb>launch|end)-(?P<id>\w+)"
_EVERY: Final = r"/compute/v1/projects/(?P<project>[^/]+)/aggregated/instances"
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_A_ZONE: Final = re.compile(r".+-[a-z]")
_TARGET: Final = re.compile(r'targetLink eq "\.\*/instances/(?P<name>[-a-z0-9]+)"')
_REMEMBERED: Final = 10_000
_T = TypeVar("_T")
_HIDDEN: Final = (MachineState.GONE, MachineState.FAILED)


def open_account(cloud: Cloud) -> tuple[Face, Mapping[str, str]]:
    """The face with credentials made for it, and what an adapter must know of them."""
    token, project = secrets.token_urlsafe(32), f"local-{secrets.token_hex(4)}"
    zones = [region for region in cloud.regions if _A_ZONE.fullmatch(region)]
    account = {"project": project, "token": token, "zones": " ".join(zones)}
    account["reservations"] = gcp_says.reservations_of(cloud)
    return GcpFace(cloud, token, project), account


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    sku: str
    labels: Mapping[str, str]
    start_up: bytes
    request_id: str
    reservation: str
    """Its name; empty where the machine is to be in none."""

    @property
    def sold(self) -> str:
        return f"{self.sku} reserved" if self.reservation else self.sku

    spot: Spot | None

    @classmethod
    def read(cls, request: Request, zone: str) -> _Wanted:
        """Raises KeyError, TypeError, StopIteration or ValueError for a body that is no machine."""
        body = request.json()
        where, sku = body["machineType"].split("/")[-3::2]
        if not _NAME.fullmatch(body["name"]):
            raise ValueError("Invalid value for field 'resource.name'")
        if where != zone or not body["disks"] or not body["networkInterfaces"]:
            raise ValueError("Invalid value for field 'resource': a machine, a disk and a network")
        items = body.get("metadata", {}).get("items", [])
        scripts = [item["value"] for item in items if item["key"] == "startup-script"]
        return cls(
            name=body["name"],
            sku=sku,
            labels={str(key): str(value) for key, value in body.get("labels", {}).items()},
            start_up="".join(scripts).encode(),
            reservation="".join(body.get("reservationAffinity", {}).get("values", [])),
            request_id=str(UUID(request.query.get("requestId") or secrets.token_hex(16))),
            spot=spot_of(body.get("scheduling", {})),
        )


@dataclass(frozen=True, slots=True)
class GcpFace:
    """One project, opened by one bearer token."""

    cloud: Cloud
    token: str
    project: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _requests: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """By request id, the number of the operation that answered it."""
    _complaints: OrderedDict[str, Complaint] = field(default_factory=OrderedDict)
    """By number, why a launch has failed."""

    def routes(self) -> Iterable[Route]:
        yield Route("POST", _MACHINES, self._guarded("launch", self._insert))
        yield Route("GET", _OPERATION, self._guarded("operation", self._operation))
        yield Route("GET", _ZONE + "/operations", self._guarded("operation", self._operations))
        yield Route("GET", _MACHINE, self._guarded("get", self._get))
        yield Route("DELETE", _MACHINE, self._guarded("terminate", self._delete))
        yield Route("GET", _EVERY, self._guarded("list", self._list))
        yield from gcp_says.routes(self.cloud, self._guarded)

    def no_route(self, request: Request) -> Reply:
        return error(404, "notFound", f"There is nothing at {request.path}.")

    def _guarded(self, verb: str, answer: Callable[..., Reply]) -> Callable[..., Reply]:
        def checked(request: Request, **names: str) -> Reply:
            if request.headers.get("authorization") != f"Bearer {self.token}":
                challenge = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'}
                return error(401, "authError", "Invalid Credentials", challenge)
            if names.pop("project") != self.project:
                return error(403, "forbidden", "Required permission for the project is missing")
            return self.cloud.faults.through(verb, partial(answer, request, **names), _injected)

        return checked

    def _insert(self, request: Request, zone: str) -> Reply:
        try:
            wanted = _Wanted.read(request, zone)
        except (KeyError, TypeError, ValueError) as wrong:
            return error(400, "invalid", f"Invalid value for field 'resource': {wrong}")
        region = zone.rpartition("-")[0]
        if not any(known.startswith(region) for known in self.cloud.regions):
            return error(400, "invalid", f"Invalid value for field 'zone': '{zone}'. Unknown zone.")
        with self._lock:
            known = self._requests.get(f"{zone}/{wanted.request_id}")
            if known is not None:
                return self._told(request, zone, wanted.name, "launch", known)
            if self._standing(zone, wanted.name) is not None:
                path = f"projects/{self.project}/zones/{zone}/instances/{wanted.name}"
                return error(409, "alreadyExists", f"The resource '{path}' already exists")
            return self._launched(request, zone, wanted)

    def _launched(self, request: Request, zone: str, wanted: _Wanted) -> Reply:
        key = f"{zone}/{wanted.request_id}"
        if wanted.reservation and not gcp_says.is_kept(self.cloud, zone, wanted):
            text = f"Specified reservations [{wanted.reservation}] do not exist."
            return error(400, "invalid", text)
        launch = self.cloud.launch(
            key=key,
            name=f"{zone}/{wanted.name}",
            region=self._place(zone, sold_as(wanted.sold, wanted.spot)),
            sku=wanted.sold,
            user_data=wanted.start_up,
            tags=wanted.labels,
            spec_hash=hashlib.sha256(request.body).hexdigest(),
            spot=wanted.spot,
        )
        number, machine, complaint = secrets.token_hex(8), None, None
        match launch:
            case Launched(machine=made):
                number, machine = made.id, made
            case StockOut() | TooDear():
                sold = sold_as(wanted.sku, wanted.spot)
                complaint = exhausted(self.project, zone, wanted.sku, self._others(zone, sold))
            case OverQuota(limit=limit):
                complaint = over_quota(zone, limit)
            case NotSold():
                return error(400, "invalid", self._no_such_type(zone, wanted.sku))
            case Mismatch():
                return error(400, "invalid", "The request id was used for another request.")
            case _:
                assert_never(launch)
        if complaint is not None:
            _remember(self._complaints, number, complaint)
        _remember(self._requests, key, number)
        return self._told(request, zone, wanted.name, "launch", number, machine)

    def _operation(self, request: Request, zone: str, verb: str, id: str) -> Reply:  # noqa: A002
        machine = self.cloud.get(id)
        if machine is None and id not in self._complaints:
            return error(404, "notFound", f"The operation {id} was not found")
        name = machine.name.rpartition("/")[2] if machine is not None else "unknown"
        return self._told(request, zone, name, verb, id)

    def _told(
        self,
        request: Request,
        zone: str,
        name: str,
        verb: str,
        number: str,
        machine: CloudMachine | None = None,
    ) -> Reply:
        """The operation, as far as it has come."""
        machine = machine or self.cloud.get(number)
        if machine is not None and machine.state is MachineState.FAILED:
            others = self._others(zone, machine.sku)
            _remember(self._complaints, number, exhausted(self.project, zone, machine.sku, others))
            self.cloud.terminate(number)
        waiting = MachineState.CREATING if verb == "launch" else MachineState.STOPPING
        done = machine is None or machine.state is not waiting
        complaint = self._complaints.get(number) if verb == "launch" else None
        base = f"{request.origin}/compute/v1/projects/{self.project}/zones/{zone}"
        body = operation(base, name, verb, number, done=done, complaint=complaint)
        return json_reply(HTTPStatus.OK, body)

    def _get(self, request: Request, zone: str, name: str) -> Reply:
        machine = self._standing(zone, name)
        if machine is None:
            return self._unknown(zone, name)
        return json_reply(HTTPStatus.OK, self._body(request, machine))

    def _delete(self, request: Request, zone: str, name: str) -> Reply:
        machine = self._standing(zone, name)
        if machine is None:
            return self._unknown(zone, name)
        return self._told(request, zone, name, "end", machine.id, self.cloud.terminate(machine.id))

    def _list(self, request: Request) -> Reply:
        key, _, value = request.query.get("filter", "").removeprefix("labels.").partition("=")
        items: dict[str, Body] = {}
        for machine in self.cloud.list():
            if machine.state in _HIDDEN or (key and machine.tags.get(key) != value):
                continue
            scope = items.setdefault(f"zones/{zone_of(machine)}", {"instances": []})
            scope["instances"].append(self._body(request, machine))
        kind = {"kind": "compute#instanceAggregatedList", "id": f"projects/{self.project}"}
        return json_reply(HTTPStatus.OK, {**kind, "items": items})

    def _standing(self, zone: str, name: str) -> CloudMachine | None:
        machine = self.cloud.named(f"{zone}/{name}")
        return None if machine is None or machine.state in _HIDDEN else machine

    def _unknown(self, zone: str, name: str) -> Reply:
        path = f"projects/{self.project}/zones/{zone}/instances/{name}"
        return error(404, "notFound", f"The resource '{path}' was not found")

    def _body(self, request: Request, machine: CloudMachine) -> Body:
        return instance(f"{request.origin}/compute/v1/projects/{self.project}", machine)

    def _operations(self, request: Request, zone: str) -> Reply:
        """The newest ends that were the cloud's own will, of the machine that is asked about."""
        name = _TARGET.search(request.query.get("filter", ""))
        base = f"{request.origin}/compute/v1/projects/{self.project}/zones/{zone}"
        found = [
            preempted(base, machine)
            for machine in reversed(self.cloud.list(gone=True))
            if machine.preempted and name and machine.name == f"{zone}/{name['name']}"
        ]
        return json_reply(HTTPStatus.OK, {"kind": "compute#operationList", "items": found})

    def _place(self, zone: str, sku: str) -> str:
        """The stock is kept by zone or by region, as its file has it."""
        return zone if (zone, sku) in self.cloud.stock else zone.rpartition("-")[0]

    def _others(self, zone: str, sold: str) -> list[str]:
        """The zones of the same region that have such a machine left."""
        region = f"{zone.rpartition('-')[0]}-"
        kept = [one for one, kind in self.cloud.stock if kind == sold and one.startswith(region)]
        return [one for one in kept if one != zone and self.cloud.left(one, sold)]

    def _no_such_type(self, zone: str, sku: str) -> str:
        path = f"projects/{self.project}/zones/{zone}/machineTypes/{sku}"
        return (
            "Invalid value for field 'resource.machineType': "
            f"'{path}'. Machine type with name '{sku}' does not exist in zone '{zone}'."
        )


def _injected(fault: InjectedFault) -> Reply:
    return error(fault.status, fault.code, fault.message, fault.headers)


def _remember(memory: OrderedDict[str, _T], key: str, value: _T) -> None:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
