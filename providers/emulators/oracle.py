"""Oracle's face: the part of its compute service that makes machines.

A shortage has no code of its own: it is an internal error with a text, at once, or late in the
work request, when the instance is left behind until somebody terminates it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from itertools import islice
from typing import Final, assert_never

from providers.emulators import oracle_says
from providers.emulators.cloud import (
    Cloud,
    InjectedFault,
    Launch,
    Launched,
    MachineState,
    Mismatch,
    NotSold,
    OverQuota,
    Spot,
    StockOut,
    TooDear,
)
from providers.emulators.oracle_bodies import (
    NO_ROOM,
    attachment,
    error,
    instance,
    ocid,
    reply,
    shortage,
    spent,
    unknown,
    vnic,
    work_request,
)
from providers.emulators.oracle_signature import KeyPair, SignatureRefused, check_signature
from providers.emulators.wire import Face, Reply, Request, Route

_API: Final = "/20160918"
_INSTANCES: Final = _API + "/instances/?"
_INSTANCE: Final = _API + r"/instances/ocid1\.instance\.oc1\.[^/]*\.(?P<id>\w+)"
_WORK: Final = _API + r"/workRequests/ocid1\.coreservicesworkrequest\.oc1\.[^/]*\.(?P<id>\w+)"
_VNIC: Final = _API + r"/vnics/ocid1\.vnic\.oc1\.[^/]*\.(?P<id>\w+)"
_PAGE: Final = 500
_GONE_LISTED: Final = 500
_REMEMBERED: Final = 10_000


def open_account(cloud: Cloud) -> tuple[Face, Mapping[str, str]]:
    """The face with credentials made for it, and what an adapter must know of them."""
    key = KeyPair.fresh()
    tenancy = f"ocid1.tenancy.oc1..{secrets.token_hex(16)}"
    user = f"ocid1.user.oc1..{secrets.token_hex(16)}"
    account = {
        "tenancy": tenancy,
        "user": user,
        "fingerprint": key.fingerprint,
        "key": key.private_pem,
        "image": "ocid1.image.oc1..local",
        "subnet": "ocid1.subnet.oc1..local",
        "reservations": oracle_says.reservations_of(cloud),
    }
    return OracleFace(cloud, tenancy, user, key), account


@dataclass(frozen=True, slots=True)
class _Wanted:
    region: str
    sku: str
    name: str
    compartment: str
    tags: Mapping[str, str]
    start_up: bytes
    spot: Spot | None

    @classmethod
    def read(cls, request: Request) -> _Wanted:
        """Raises KeyError, TypeError or ValueError for a body that is no instance."""
        body = request.json()
        if not (body["sourceDetails"].get("imageId") and body["createVnicDetails"]["subnetId"]):
            raise ValueError("an instance needs an image and a subnet")
        preemptible = body.get("preemptibleInstanceConfig")
        if preemptible and str(body["shape"]).startswith("BM."):
            raise ValueError("a bare metal shape cannot be preemptible")
        return cls(
            region=_region_of(body["availabilityDomain"]),
            sku=oracle_says.sold(str(body["shape"]), body.get("capacityReservationId")),
            name=str(body.get("displayName", "instance")),
            compartment=str(body["compartmentId"]),
            tags={str(key): str(value) for key, value in body.get("freeformTags", {}).items()},
            start_up=base64.b64decode(body.get("metadata", {}).get("user_data", "")),
            spot=Spot() if preemptible else None,
        )


@dataclass(frozen=True, slots=True)
class OracleFace:
    """One tenancy with one user's API key. A region is known by its availability domains."""

    cloud: Cloud
    tenancy: str
    user: str
    key: KeyPair
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _failed: dict[str, None] = field(default_factory=dict)
    """Launches that failed late and have been cleared away since, in order."""

    def routes(self) -> Iterable[Route]:
        yield Route("POST", _INSTANCES, self._guarded("launch", self._launch))
        yield Route("GET", _INSTANCES, self._guarded("list", self._list))
        yield Route("GET", _INSTANCE, self._guarded("get", self._get))
        yield Route("DELETE", _INSTANCE, self._guarded("terminate", self._terminate))
        yield Route("GET", _WORK, self._guarded("operation", self._work))
        yield Route("GET", _WORK + "/errors", self._guarded("errors", self._errors))
        attached = self._guarded("attachments", self._attachments)
        yield Route("GET", _API + "/(?P<kind>vnic|bootVolume)Attachments/?", attached)
        yield Route("GET", _VNIC, self._guarded("vnic", self._vnic))
        yield from oracle_says.routes(self.cloud, self._guarded)

    def no_route(self, request: Request) -> Reply:
        return error(404, "NotFound", f"There is nothing at {request.path}.")

    def _guarded(self, verb: str, answer: Callable[..., Reply]) -> Callable[..., Reply]:
        def dated(request: Request, **names: str) -> Reply:
            answered = checked(request, **names)
            date = {"Date": format_datetime(self.now(), usegmt=True)}
            return replace(answered, headers={**date, **answered.headers})

        def checked(request: Request, **names: str) -> Reply:
            key_id = f"{self.tenancy}/{self.user}/{self.key.fingerprint}"
            try:
                check_signature(request, key_id, self.key, self.now())
            except SignatureRefused as refused:
                return error(401, "NotAuthenticated", str(refused))
            faults = self.cloud.faults
            return faults.through(verb, partial(answer, request, **names), _injected)

        return dated

    def _launch(self, request: Request) -> Reply:
        try:
            wanted = _Wanted.read(request)
        except (KeyError, TypeError, ValueError) as missing:
            return error(400, "MissingParameter", f"The request is no instance: {missing}.")
        if wanted.compartment != self.tenancy:
            text = "Authorization failed or requested resource not found."
            return error(404, "NotAuthorizedOrNotFound", text)
        if wanted.region not in self.cloud.regions:
            text = f"Invalid availabilityDomain: there is none of {wanted.region}."
            return error(400, "InvalidParameter", text)
        token = request.headers.get("opc-retry-token") or secrets.token_hex(16)
        launch = self.cloud.launch(
            key=f"{wanted.region}/{token}",
            name=wanted.name,
            region=wanted.region,
            sku=wanted.sku,
            user_data=wanted.start_up,
            tags=wanted.tags,
            spec_hash=hashlib.sha256(request.body).hexdigest(),
            spot=wanted.spot,
        )
        return self._launched(launch, wanted)

    def _launched(self, launch: Launch, wanted: _Wanted) -> Reply:
        region, sku = wanted.region, wanted.sku
        match launch:
            case Launched(machine=machine) if machine.state is not MachineState.GONE:
                work = {"opc-work-request-id": ocid("coreservicesworkrequest", machine)}
                return reply(instance(self.tenancy, machine), work)
            case Launched():
                return spent()
            case Mismatch():
                # What Oracle says to one token with two bodies is not written anywhere.
                return spent()
            case StockOut() | TooDear():
                return error(500, "InternalError", NO_ROOM)
            case NotSold():
                return error(400, "InvalidParameter", f"Shape {sku} is not valid in {region}.")
            case OverQuota(limit=limit):
                text = f"The following service limits were exceeded: {sku}-count ({limit})."
                return error(400, "LimitExceeded", f"{text} Request a service limit increase.")
            case _:
                assert_never(launch)

    def _get(self, request: Request, id: str) -> Reply:  # noqa: A002, ARG002
        machine = self.cloud.get(id)
        return unknown(id) if machine is None else reply(instance(self.tenancy, machine))

    def _terminate(self, request: Request, id: str) -> Reply:  # noqa: A002, ARG002
        machine = self.cloud.get(id)
        if machine is None:
            return unknown(id)
        if machine.state is MachineState.FAILED:
            self._failed[id] = None
            if len(self._failed) > _REMEMBERED:
                self._failed.pop(next(iter(self._failed)), None)
        self.cloud.terminate(id)
        return reply(None)

    def _list(self, request: Request) -> Reply:
        """Page by page. What is gone stays listed for a while, as terminated."""
        wanted = request.query.get("displayName")
        every = [m for m in self.cloud.list(gone=True) if wanted is None or m.name == wanted]
        gone = [m for m in every if m.state is MachineState.GONE][-_GONE_LISTED:]
        listed = [m for m in every if m.state is not MachineState.GONE] + gone
        try:
            size = min(int(request.query.get("limit", _PAGE)), _PAGE)
            start = int(request.query.get("page", 0))
        except ValueError:
            return error(400, "InvalidParameter", "limit and page are numbers here.")
        more = {"opc-next-page": str(start + size)} if len(listed) > start + size else {}
        page = islice(listed, start, start + size)
        return reply([instance(self.tenancy, machine) for machine in page], more)

    def _work(self, request: Request, id: str) -> Reply:  # noqa: A002, ARG002
        machine = self.cloud.get(id)
        if machine is None:
            return unknown(id)
        failed = machine.state is MachineState.FAILED or id in self._failed
        return reply(work_request(self.tenancy, machine, failed=failed))

    def _errors(self, request: Request, id: str) -> Reply:  # noqa: A002, ARG002
        machine = self.cloud.get(id)
        if machine is None:
            return unknown(id)
        failed = machine.state is MachineState.FAILED or id in self._failed
        return reply([shortage(machine)] if failed else [])

    def _attachments(self, request: Request, kind: str) -> Reply:
        """A network card and a boot volume are there as soon as the machine runs."""
        machine = self.cloud.get(request.query.get("instanceId", "").rpartition(".")[2])
        if machine is None or machine.state is not MachineState.RUNNING:
            return reply([])
        return reply([attachment(self.tenancy, machine, kind)])

    def _vnic(self, request: Request, id: str) -> Reply:  # noqa: A002, ARG002
        machine = self.cloud.get(id)
        if machine is None:
            return unknown(id)
        return reply(vnic(self.tenancy, machine))


def _injected(fault: InjectedFault) -> Reply:
    return error(fault.status, fault.code, fault.message, fault.headers)


def _region_of(domain: str) -> str:
    """`US-PHOENIX-1-AD-1`, with or without a tenancy's own prefix, lies in us-phoenix-1."""
    return domain.rpartition(":")[2].lower().rpartition("-ad-")[0]
