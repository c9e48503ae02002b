"""The five verbs, asked of EC2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
)
from botocore.parsers import ResponseParserError

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, Purchase
from broker.ports import (
    Fault,
    FaultKind,
    Gone,
    Launching,
    Order,
    Outcome,
    OwnedMachine,
    Provider,
    Refused,
    Running,
    Unsure,
)
from providers.answers import in_domain, only_domain
from providers.aws.client import Clients, region_of
from providers.aws.reservations import Reservations
from providers.machine import NAME_TAG, OWNER_TAG, machine_tags, on_a_real_machine
from providers.refusals.aws import read_aws

_END_COMMAND: Final = "shutdown -h now"
_PLACE_TAG: Final = "broker-place"
_NOT_FOUND: Final = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
_NOT_GONE: Final = ["pending", "running", "shutting-down", "stopping", "stopped"]
_SEEN: Final = "/seen"
_BROKEN: Final = 500
_BY_STATUS: Final = {401: FaultKind.AUTH, 403: FaultKind.AUTH, 429: FaultKind.THROTTLED}
_NEVER_SENT: Final = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
FAILURES: Final = (ClientError, BotoCoreError, ResponseParserError)


def build(account: Mapping[str, str]) -> Provider:
    """The adapter for `access_key_id`, `secret_access_key`, `regions` and `image`.

    `regions` are separated by spaces. `image`, and the optional `subnet` and `security_group`,
    may be given per region: `image.us-east-1`. Optional are also `endpoint`, `connect_s`, `read_s`,
    `reservations`, and `zones`: where machines that belong together may be, in the order of asking;
    a region of which none is named has its zone a.
    """
    return Aws(account)


class Aws:
    def __init__(self, account: Mapping[str, str]) -> None:
        self._account = account
        self._regions = account["regions"].split()
        self._clients = Clients(account)
        self._reservations = Reservations(account, self._clients)

    @property
    def name(self) -> ProviderName:
        return ProviderName.AWS

    def launch(self, order: Order) -> Outcome:
        return in_domain(self._launch(order), order, len(_zones(order, self._account)))

    def _launch(self, order: Order) -> Outcome:
        try:
            wanted = _machine(order, self._account)
            if order.place.purchase is Purchase.RESERVED:
                target = self._reservations.target(order)
                if isinstance(target, Fault):
                    return target
                wanted |= target
            answer = self._client(order.place.region).run_instances(**wanted)
        except FAILURES as failure:
            return _told(failure)
        standing = _standing(answer["Instances"][0])
        if isinstance(standing, Gone):
            return Fault(FaultKind.CONFLICT, "IdempotentInstanceTerminated", standing.because)
        return standing

    def poll(self, order: Order, handle: str) -> Outcome:
        instance = handle.removesuffix(_SEEN)
        try:
            answer = self._client(order.place.region).describe_instances(InstanceIds=[instance])
        except FAILURES as failure:
            if _code(failure) not in _NOT_FOUND:
                return _told(failure)
            seen = handle.endswith(_SEEN)
            return Gone("AWS no longer knows the instance") if seen else Launching(handle)
        for found in _instances([answer]):
            return in_domain(_standing(found), order, len(_zones(order, self._account)))
        return Launching(handle)

    def terminate(self, order: Order, handle: str | None) -> bool:
        client = self._client(order.place.region)
        try:
            if handle is not None:
                try:
                    return _ended(client, [handle.removesuffix(_SEEN)])
                except ClientError as failure:
                    if _code(failure) not in _NOT_FOUND:
                        raise
            named = [{"Name": f"tag:{NAME_TAG}", "Values": [order.name]}, _not_gone()]
            found = [i["InstanceId"] for i in _instances(_pages(client, named))]
            return not found or _ended(client, found)
        except FAILURES:
            return False

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        """Raises ConnectionError: an empty list would say that all our machines are gone."""
        filters = [{"Name": f"tag:{OWNER_TAG}", "Values": [owner]}, _not_gone()]
        try:
            return [
                _owned(instance, region)
                for region in self._regions
                for instance in _instances(_pages(self._client(region), filters))
            ]
        except FAILURES as failure:
            raise ConnectionError(f"aws does not list its machines: {failure}") from failure

    def _client(self, place: str) -> Any:  # noqa: ANN401 - botocore makes the class at run time
        return self._clients.of("ec2", place)


def _machine(order: Order, account: Mapping[str, str]) -> dict[str, Any]:
    place, region = order.place.region, region_of(order.place.region)
    start_up = order.start_up
    if "endpoint" not in account:
        start_up = on_a_real_machine(start_up, _END_COMMAND)
    tags = [
        {"Key": key, "Value": value}
        for key, value in {**machine_tags(order), _PLACE_TAG: place, "Name": order.name}.items()
    ]
    card: dict[str, Any] = {"DeviceIndex": 0, "DeleteOnTermination": True}
    if subnet := account.get(f"subnet.{region}", account.get("subnet")):
        card["SubnetId"] = subnet
    if group := account.get(f"security_group.{region}", account.get("security_group")):
        card["Groups"] = [group]
    asked: dict[str, Any] = {
        "ImageId": account.get(f"image.{region}") or account["image"],
        "InstanceType": order.place.sku,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": order.name,
        "UserData": start_up,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required"},
        "NetworkInterfaces": [card],
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags}
            for kind in ("instance", "volume", "network-interface")
        ],
    }
    if place == region and (order.domain is None or "SubnetId" in card):
        return asked
    zone = next(iter(only_domain(_zones(order, account), order)), place)
    return {**asked, "Placement": {"AvailabilityZone": zone}}


def _zones(order: Order, account: Mapping[str, str]) -> tuple[str, ...]:
    """The zones in which machines that belong together are asked for, one after the other."""
    place, region = order.place.region, region_of(order.place.region)
    if place != region or account.get(f"subnet.{region}", account.get("subnet")):
        return (place,)  # one zone, as is that of a subnet
    known = tuple(zone for zone in account.get("zones", "").split() if region_of(zone) == region)
    return known or (f"{region}a",)


def _not_gone() -> dict[str, Any]:
    return {"Name": "instance-state-name", "Values": _NOT_GONE}


def _pages(client: Any, filters: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401
    yield from client.get_paginator("describe_instances").paginate(Filters=filters)


def _instances(pages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for page in pages:
        for reservation in page.get("Reservations", []):
            yield from reservation.get("Instances", [])


def _ended(client: Any, instances: list[str]) -> bool:  # noqa: ANN401
    answer = client.terminate_instances(InstanceIds=instances)
    states = [change["CurrentState"]["Name"] for change in answer["TerminatingInstances"]]
    return all(state == "terminated" for state in states)


def _standing(instance: Mapping[str, Any]) -> Outcome:
    handle, state = instance["InstanceId"], instance["State"]["Name"]
    if state == "pending":
        return Launching(handle)
    if state == "running":
        return Running(handle + _SEEN, instance.get("PrivateIpAddress", ""))
    reason = instance.get("StateReason", {})
    told = read_aws(reason.get("Code", ""), reason.get("Message", ""))
    return told if isinstance(told, Refused) else Gone(reason.get("Code", state))


def _owned(instance: Mapping[str, Any], region: str) -> OwnedMachine:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return OwnedMachine(
        name=MachineName(tags.get(NAME_TAG, instance["InstanceId"])),
        place=Place(
            ProviderName.AWS,
            tags.get(_PLACE_TAG, region),
            instance["InstanceType"],
            Purchase.RESERVED if "CapacityReservationId" in instance else Purchase.ON_DEMAND,
        ),
        handle=instance["InstanceId"] + _SEEN,
        running=instance["State"]["Name"] == "running",
        since=instance.get("LaunchTime"),
    )


def _code(failure: BaseException) -> str:
    if isinstance(failure, ClientError):
        return str(failure.response.get("Error", {}).get("Code", ""))
    return type(failure).__name__


def _told(failure: BaseException) -> Refused | Fault | Unsure:
    """What a failed call means; a call that may have been carried out leaves us unsure."""
    code, text = _code(failure), str(failure)
    if isinstance(failure, ClientError):
        return _answered(failure, code)
    if isinstance(failure, _NEVER_SENT):
        return Fault(FaultKind.UNREACHABLE, code, text)
    if isinstance(failure, HTTPClientError | ResponseParserError):
        return Unsure(f"AWS broke off: {text}")
    if isinstance(failure, NoCredentialsError | PartialCredentialsError):
        return Fault(FaultKind.AUTH, code, text)
    invalid = isinstance(failure, ParamValidationError)
    return Fault(FaultKind.INVALID if invalid else FaultKind.TRANSIENT, code, text)


def _answered(failure: ClientError, code: str) -> Refused | Fault:
    met = failure.response.get("ResponseMetadata", {})
    status = met.get("HTTPStatusCode", 0)
    wait = met.get("HTTPHeaders", {}).get("retry-after", "")
    text = failure.response.get("Error", {}).get("Message", "")
    told = read_aws(code, text, float(wait) if wait.isdigit() else None)
    if isinstance(told, Fault) and told.kind is FaultKind.UNKNOWN_CODE:
        rest = FaultKind.TRANSIENT if status >= _BROKEN else told.kind
        kind = _BY_STATUS.get(status, rest)
        return replace(told, kind=kind)
    return told
