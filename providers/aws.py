"""AWS, through boto3.

A machine's name is the client token of its purchase: EC2 answers a repeated token with the
machine of the first call. A handle is the instance's id, with `/seen` behind it once the
instance has shown itself: EC2 may not know an id right after it has given it out.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import botocore.session
from botocore.config import Config
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
from providers.machine import NAME_TAG, OWNER_TAG, boot_script, machine_tags
from providers.refusals.aws import read_aws

_END_COMMAND: Final = "shutdown -h now"
_PLACE_TAG: Final = "broker-place"
_NOT_FOUND: Final = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
_NOT_GONE: Final = ["pending", "running", "shutting-down", "stopping", "stopped"]
_SEEN: Final = "/seen"
_ZONE: Final = re.compile(r"(?P<region>[a-z]{2}(-[a-z]+)+-\d+)[a-z]")
_TAKEN_BACK: Final = frozenset({"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"})
_BROKEN: Final = 500
_BY_STATUS: Final = {401: FaultKind.AUTH, 403: FaultKind.AUTH, 429: FaultKind.THROTTLED}
_NEVER_SENT: Final = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
_FAILURES: Final = (ClientError, BotoCoreError, ResponseParserError)


def build(account: Mapping[str, str]) -> Provider:
    """The adapter for `access_key_id`, `secret_access_key`, `regions` and `image`.

    `regions` are separated by spaces. `image`, and the optional `subnet` and `security_group`,
    may be given per region: `image.us-east-1`. Optional are also `endpoint`, `connect_s`, `read_s`.
    """
    return Aws(account)


class Aws:
    def __init__(self, account: Mapping[str, str]) -> None:
        self._account = account
        self._regions = account["regions"].split()
        self._making = threading.Lock()
        self._session: botocore.session.Session | None = None
        self._clients: dict[str, Any] = {}

    @property
    def name(self) -> ProviderName:
        return ProviderName.AWS

    def launch(self, order: Order) -> Outcome:
        try:
            answer = self._client(order.place.region).run_instances(
                **_machine(order, self._account)
            )
        except _FAILURES as failure:
            return _told(failure)
        standing = _standing(answer["Instances"][0])
        if isinstance(standing, Gone):
            return Fault(FaultKind.CONFLICT, "IdempotentInstanceTerminated", standing.because)
        return standing

    def poll(self, order: Order, handle: str) -> Outcome:
        instance = handle.removesuffix(_SEEN)
        try:
            answer = self._client(order.place.region).describe_instances(InstanceIds=[instance])
        except _FAILURES as failure:
            if _code(failure) not in _NOT_FOUND:
                return _told(failure)
            seen = handle.endswith(_SEEN)
            return Gone("AWS no longer knows the instance") if seen else Launching(handle)
        for found in _instances([answer]):
            return _standing(found)
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
        except _FAILURES:
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
        except _FAILURES as failure:
            raise ConnectionError(f"aws does not list its machines: {failure}") from failure

    def _client(self, place: str) -> Any:  # noqa: ANN401 - botocore makes the class at run time
        """The client of a region, or of a zone's region; one for all threads."""
        region = _region(place)
        with self._making:
            if region not in self._clients:
                if self._session is None:
                    # What a person set up for themselves on this computer is not the broker's.
                    self._session = botocore.session.Session(
                        session_vars={"profile": (None, [], None, None)}
                    )
                self._clients[region] = _client(self._session, region, self._account)
            return self._clients[region]


def _client(session: botocore.session.Session, region: str, account: Mapping[str, str]) -> Any:  # noqa: ANN401
    endpoint = account.get("endpoint")
    return session.create_client(
        "ec2",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=account["access_key_id"],
        aws_secret_access_key=account["secret_access_key"],
        config=Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=float(account.get("connect_s", "2")),
            read_timeout=float(account.get("read_s", "10")),
            max_pool_connections=32,
            proxies={} if endpoint else None,
        ),
    )


def _machine(order: Order, account: Mapping[str, str]) -> dict[str, Any]:
    place, region = order.place.region, _region(order.place.region)
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
    return asked if place == region else {**asked, "Placement": {"AvailabilityZone": place}}


def _spot(order: Order) -> dict[str, Any]:
    """Terminated when EC2 wants it back, or when it costs more than the cap."""
    terms: dict[str, Any] = {
        "SpotInstanceType": "one-time",
        "InstanceInterruptionBehavior": "terminate",
    }
    if order.max_price_usd_hour is not None:
        terms["MaxPrice"] = decimal_text(order.max_price_usd_hour)
    return {"MarketType": "spot", "SpotOptions": terms}


def _region(place: str) -> str:
    zone = _ZONE.fullmatch(place)
    return zone["region"] if zone else place


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
    if isinstance(told, Refused):
        return told
    code = reason.get("Code", state)
    return Gone(code, preempted=code in _TAKEN_BACK)


def _owned(instance: Mapping[str, Any], region: str) -> OwnedMachine:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return OwnedMachine(
        name=MachineName(tags.get(NAME_TAG, instance["InstanceId"])),
        place=Place(
            ProviderName.AWS,
            tags.get(_PLACE_TAG, region),
            instance["InstanceType"],
            Purchase.SPOT if instance.get("InstanceLifecycle") == "spot" else Purchase.ON_DEMAND,
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
