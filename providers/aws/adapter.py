"""The five verbs, asked of EC2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import botocore.session
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

from broker.domain.place import Place, Reach, region_of
from broker.domain.values import MachineName, ProviderName, Purchase, decimal_text
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
from providers.aws.client import Clients
from providers.aws.reservations import Reservations
from providers.machine import NAME_TAG, OWNER_TAG, boot_script, machine_tags
from providers.refusals.aws import read_aws

_END_COMMAND: Final = "shutdown -h now"
_PLACE_TAG: Final = "broker-place"
_NOT_FOUND: Final = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
_NOT_GONE: Final = ["pending", "running", "shutting-down", "stopping", "stopped"]
_SEEN: Final = "/seen"
_TAKEN_BACK: Final = frozenset({"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"})
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
        self._who = f"AWS, access key {account['access_key_id']}"
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
            return _told(failure, self._who, order)
        standing = self._standing(answer["Instances"][0])
        if isinstance(standing, Gone):
            return Fault(FaultKind.CONFLICT, "IdempotentInstanceTerminated", standing.because)
        return standing

    def poll(self, order: Order, handle: str) -> Outcome:
        instance = handle.removesuffix(_SEEN)
        try:
            answer = self._client(order.place.region).describe_instances(InstanceIds=[instance])
        except FAILURES as failure:
            if _code(failure) not in _NOT_FOUND:
                return _told(failure, self._who, order)
            seen = handle.endswith(_SEEN)
            return Gone("AWS no longer knows the instance") if seen else Launching(handle)
        for found in _instances([answer]):
            return in_domain(self._standing(found), order, len(_zones(order, self._account)))
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

    def _standing(self, instance: Mapping[str, Any]) -> Outcome:
        handle, state = instance["InstanceId"], instance["State"]["Name"]
        if state == "pending":
            return Launching(handle)
        if state == "running":
            return Running(handle + _SEEN, instance.get("PrivateIpAddress", ""))
        reason = instance.get("StateReason", {})
        code, text = reason.get("Code") or "", reason.get("Message") or ""
        told = read_aws(code, text, account=self._who)
        return told if isinstance(told, Refused) else Gone(code or state, code in _TAKEN_BACK)

    def _client(self, place: str) -> Any:  # noqa: ANN401 - botocore makes the class at run time
        return self._clients.of("ec2", place)


def _machine(order: Order, account: Mapping[str, str]) -> dict[str, Any]:
    place, region = order.place.region, region_of(ProviderName.AWS, order.place.region)
    ends_by = None if "endpoint" in account else _END_COMMAND
    start_up = boot_script(order, "aws", account.get("checkpoints", ""), ends_by)
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
    if order.place.interruptible:
        asked["InstanceMarketOptions"] = _spot(order)
    if place == region and (order.domain is None or "SubnetId" in card):
        return asked
    zone = next(iter(only_domain(_zones(order, account), order)), place)
    return {**asked, "Placement": {"AvailabilityZone": zone}}


def _zones(order: Order, account: Mapping[str, str]) -> tuple[str, ...]:
    """The zones in which machines that belong together are asked for, one after the other."""
    place = order.place.region
    region = region_of(ProviderName.AWS, place) or place
    if place != region or account.get(f"subnet.{region}") or account.get("subnet"):
        return (place,)  # one zone, as is that of a subnet
    zones = account.get("zones", "").split()
    known = tuple(zone for zone in zones if region_of(ProviderName.AWS, zone) == region)
    return known or (f"{region}a",)


def _spot(order: Order) -> dict[str, Any]:
    """Terminated when EC2 wants it back, or when it costs more than the cap."""
    terms: dict[str, Any] = {
        "SpotInstanceType": "one-time",
        "InstanceInterruptionBehavior": "terminate",
    }
    if order.max_price_usd_hour is not None:
        terms["MaxPrice"] = decimal_text(order.max_price_usd_hour)
    return {"MarketType": "spot", "SpotOptions": terms}


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


def _owned(instance: Mapping[str, Any], region: str) -> OwnedMachine:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return OwnedMachine(
        name=MachineName(tags.get(NAME_TAG, instance["InstanceId"])),
        place=Place(
            ProviderName.AWS,
            tags.get(_PLACE_TAG, region),
            instance["InstanceType"],
            _bought(instance),
        ),
        handle=instance["InstanceId"] + _SEEN,
        running=instance["State"]["Name"] == "running",
        since=instance.get("LaunchTime"),
    )


def _bought(instance: Mapping[str, Any]) -> Purchase:
    if "CapacityReservationId" in instance:
        return Purchase.RESERVED
    return Purchase.SPOT if instance.get("InstanceLifecycle") == "spot" else Purchase.ON_DEMAND


def _code(failure: BaseException) -> str:
    if isinstance(failure, ClientError):
        return str(failure.response.get("Error", {}).get("Code", ""))
    return type(failure).__name__


def _told(failure: BaseException, who: str, order: Order) -> Refused | Fault | Unsure:
    """What a failed call means; a call that may have been carried out leaves us unsure."""
    code, text = _code(failure), str(failure)
    if isinstance(failure, ClientError):
        return _answered(failure, code, who, spot=order.place.interruptible)
    if isinstance(failure, _NEVER_SENT):
        if region_of(ProviderName.AWS, order.place.region) not in _known_regions():
            told = f"{who}: region: {text}; name a region that AWS has"
            return Fault(FaultKind.INVALID, code, told, reach=Reach.REGION)
        return Fault(FaultKind.UNREACHABLE, code, f"{who}: {text}")
    if isinstance(failure, HTTPClientError | ResponseParserError):
        return Unsure(f"AWS broke off: {text}")
    if isinstance(failure, NoCredentialsError | PartialCredentialsError):
        told = f"{who}: access_key_id, secret_access_key: {text}; give both"
        return Fault(FaultKind.AUTH, code, told, reach=Reach.CLOUD)
    invalid = isinstance(failure, ParamValidationError)
    kind = FaultKind.INVALID if invalid else FaultKind.TRANSIENT
    return Fault(kind, code, f"{who}: {text}")


def _answered(failure: ClientError, code: str, who: str, *, spot: bool) -> Refused | Fault:
    met = failure.response.get("ResponseMetadata", {})
    wait = met.get("HTTPHeaders", {}).get("retry-after", "")
    text = failure.response.get("Error", {}).get("Message") or ""
    seconds = float(wait) if wait.isdigit() else None
    return read_aws(code, text, seconds, met.get("HTTPStatusCode", 0), spot=spot, account=who)


@cache
def _known_regions() -> frozenset[str]:
    """Every region of every partition that this SDK knows."""
    session = botocore.session.Session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )
