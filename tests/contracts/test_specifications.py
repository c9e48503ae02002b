"""The checkers of the clouds' specifications let what is right pass, and catch what is not.

Each starts from exchanges that an adapter and its local cloud really had; a planted defect changes
one thing in one of them, and must be named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

import pytest

from broker.ports import Running
from providers.emulators.machines import LocalComputer
from providers.emulators.wire import Face, Reply, Request
from tests.support.clouds import CLOUDS, OWNER, Kind, local_cloud
from tests.support.specs import Exchange, complaints, operation_of

_FAILED: Final = 400

Change = Callable[[Exchange], Exchange]


class Planted(NamedTuple):
    """A defect: the operation whose exchange it is put into, and words of its sentence."""

    operation: str
    change: Change
    said: str


@pytest.fixture(scope="module")
def computer() -> Iterator[LocalComputer]:
    with LocalComputer() as one:
        yield one


@pytest.fixture(scope="module")
def had(computer: LocalComputer) -> Callable[[Kind], list[Exchange]]:
    """What was said to and by a cloud in the life of one machine and two that were refused."""
    kinds = {kind.name: kind for kind in CLOUDS}
    lived = cache(lambda name: a_life(kinds[name], computer))
    return lambda kind: lived(kind.name)


def a_life(kind: Kind, computer: LocalComputer) -> list[Exchange]:
    heard: list[Exchange] = []

    def listen(_: Face, request: Request, reply: Reply) -> None:
        heard.append(Exchange.of(kind.name.value, request, reply))

    with local_cloud(kind, computer) as local:
        local.wire.heard = listen
        order = local.order("one")
        running = local.settled(order)
        assert isinstance(running, Running)
        list(local.provider.owned(OWNER))
        while not local.provider.terminate(order, running.handle):
            pass
        local.cloud.restock(kind.region, kind.sku, 0)
        local.settled(local.order("two"))
        local.cloud.late_stock_out = True
        local.settled(local.order("three"))
    return heard


# --- what is changed ----------------------------------------------------------------------------


def sent(change: Callable[[Any], object]) -> Change:
    """Another body of JSON in the request."""
    return lambda exchange: replace(exchange, sent=changed(exchange.sent, change))


def told(change: Callable[[Any], object]) -> Change:
    """Another body of JSON in the answer."""
    return lambda exchange: replace(exchange, told=changed(exchange.told, change))


def changed(body: bytes, change: Callable[[Any], object]) -> bytes:
    value = json.loads(body)
    change(value)
    return json.dumps(value).encode()


def form(old: str, new: str) -> Change:
    """Other words in a request that is a form."""
    return lambda exchange: replace(exchange, sent=other(exchange.sent, old, new))


def xml(old: str, new: str) -> Change:
    """Other words in an answer that is XML."""
    return lambda exchange: replace(exchange, told=other(exchange.told, old, new))


def other(body: bytes, old: str, new: str) -> bytes:
    assert old.encode() in body
    return body.replace(old.encode(), new.encode(), 1)


def target(old: str, new: str) -> Change:
    def change(exchange: Exchange) -> Exchange:
        assert old in exchange.target
        return replace(exchange, target=exchange.target.replace(old, new, 1))

    return change


def without(name: str) -> Change:
    """A header of the answer is missing."""

    def change(exchange: Exchange) -> Exchange:
        assert name in exchange.headers
        kept = {key: value for key, value in exchange.headers.items() if key != name}
        return replace(exchange, headers=kept)

    return change


def header(name: str, value: str) -> Change:
    return lambda exchange: replace(exchange, headers={**exchange.headers, name: value})


def refused(status: int, body: bytes) -> Change:
    return lambda exchange: replace(exchange, status=status, told=body)


AZURE: Final = {
    "an unknown field": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(hardwareprofile={})),
        "properties.hardwareprofile is unknown",
    ),
    "snake case": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(network_profile={})),
        "properties.network_profile is unknown",
    ),
    "a wrong type": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"]["storageProfile"]["osDisk"].update(diskSizeGB="big")),
        "osDisk.diskSizeGB is 'big' and not of type integer",
    ),
    "a required field missing": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b.pop("location")),
        "location is missing",
    ),
    "a required field missing further down": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"]["storageProfile"]["osDisk"].pop("createOption")),
        "osDisk.createOption is missing",
    ),
    "a value that nobody lists": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(priority="Cheap")),
        "properties.priority is 'Cheap' and none of Regular, Low, Spot",
    ),
    "a read-only field sent": Planted(
        "virtual_machines_create_or_update, request",
        sent(lambda b: b["properties"].update(vmId="mine")),
        "properties.vmId is read-only",
    ),
    "a wrong path": Planted(
        "virtual_machines_create_or_update, request",
        target("virtualMachines", "virtualMachine"),
        "is no operation",
    ),
    "a query nobody knows": Planted(
        "virtual_machines_delete, request",
        target("forceDeletion", "force"),
        "the query's force is unknown",
    ),
    "another version": Planted(
        "virtual_machines_get, request",
        target("api-version=2026", "api-version=2016"),
        "api-version is 2016-04-01 and not 2026-04-01",
    ),
    "an answer with an unknown field": Planted(
        "virtual_machines_get, answer",
        told(lambda b: b["properties"].update(powerState="running")),
        "properties.powerState is unknown",
    ),
    "an answer with a wrong type": Planted(
        "virtual_machines_get, answer", told(lambda b: b.update(zones="1")), "zones is '1'"
    ),
    "an answer without what is required": Planted(
        "virtual_machines_get, answer", told(lambda b: b.pop("location")), "location is missing"
    ),
    "a list that is no page": Planted(
        "virtual_machines_list_all, answer",
        told(lambda b: b.update(items=b.pop("value"))),
        "value is missing",
    ),
    "a link that leads nowhere": Planted(
        "virtual_machines_list_all, answer",
        told(lambda b: b.update(nextLink="/next")),
        "nextLink is '/next'",
    ),
    "nowhere to look": Planted(
        "virtual_machines_create_or_update, answer",
        without("azure-asyncoperation"),
        "neither the header Azure-AsyncOperation nor Location",
    ),
    "a wait that is no number": Planted(
        "virtual_machines_create_or_update, answer",
        header("retry-after", "soon"),
        "Retry-After is 'soon'",
    ),
    "an operation in no known state": Planted(
        "operation_status, answer", told(lambda b: b.update(status="Done")), "status is 'Done'"
    ),
    "a failure without its reason": Planted(
        "operation_status, answer",
        told(lambda b: b.update(status="Failed")),
        "error is missing",
    ),
    "an error of another form": Planted(
        "virtual_machines_get, answer",
        refused(404, b'{"code": "ResourceNotFound", "message": "gone"}'),
        "error is missing",
    ),
    "a body with nothing to say": Planted(
        "virtual_machines_delete, answer",
        lambda exchange: replace(exchange, told=b"{}"),
        "there is a body",
    ),
}

AWS: Final = {
    "an unknown field": Planted(
        "RunInstances, request", form("ImageId=", "ImageName="), "ImageName is unknown"
    ),
    "snake case": Planted(
        "RunInstances, request",
        form("InstanceType=", "instance_type="),
        "instance_type is unknown",
    ),
    "a wrong type": Planted(
        "RunInstances, request", form("MinCount=1", "MinCount=one"), "parameter MinCount"
    ),
    "a number botocore would not write": Planted(
        "RunInstances, request", form("MinCount=1", "MinCount=01"), "MinCount is '01'"
    ),
    "a required field missing": Planted(
        "RunInstances, request", form("&MaxCount=1", ""), '"MaxCount"'
    ),
    "a value that nobody lists": Planted(
        "RunInstances, request",
        form("HttpTokens=required", "HttpTokens=please"),
        "MetadataOptions.HttpTokens is 'please' and none of optional, required",
    ),
    "an unknown operation": Planted(
        "DescribeInstances, request",
        form("DescribeInstances", "ListInstances"),
        "ListInstances is no operation of ec2",
    ),
    "another version": Planted(
        "DescribeInstances, request",
        form("Version=2016-11-15", "Version=2014-01-01"),
        "Version is '2014-01-01'",
    ),
    "a wrong path": Planted(
        "DescribeInstances, request", target("/", "/instances"), "is no operation of ec2"
    ),
    "an unsigned request": Planted(
        "DescribeInstances, request",
        lambda exchange: replace(exchange, sent_headers={}),
        "Authorization names no service",
    ),
    "an answer with an unknown field": Planted(
        "DescribeInstances, answer",
        xml("<instanceType>", "<size>1</size><instanceType>"),
        "instancesSet[0].size is unknown",
    ),
    "an answer in the case of the SDK": Planted(
        "RunInstances, answer",
        xml("<reservationId>", "<ReservationId>1</ReservationId><reservationId>"),
        "ReservationId is unknown",
    ),
    "an answer with a wrong type": Planted(
        "RunInstances, answer", xml("<code>0<", "<code>none<"), "code is 'none'"
    ),
    "an answer with no instant": Planted(
        "RunInstances, answer",
        xml("<launchTime>", "<launchTime>on "),
        "launchTime is 'on ",
    ),
    "an answer with a value that nobody lists": Planted(
        "RunInstances, answer", xml("<name>pending<", "<name>coming<"), "'coming'"
    ),
    "a list without items": Planted(
        "RunInstances, answer",
        xml("<instancesSet><item>", "<instancesSet><member>"),
        "not XML",
    ),
    "an answer to something else": Planted(
        "RunInstances, answer",
        lambda exchange: replace(
            exchange, told=exchange.told.replace(b"RunInstancesResponse", b"RunResponse")
        ),
        "RunResponse and not in RunInstancesResponse",
    ),
    "an error of another form": Planted(
        "RunInstances, answer",
        refused(400, b"<Response><Error><Code>X</Code></Error></Response>"),
        "Errors is missing",
    ),
}

GCP: Final = {
    "an unknown field": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(machine="x")),
        "machine is unknown",
    ),
    "snake case": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(network_interfaces=[])),
        "network_interfaces is unknown",
    ),
    "a wrong type": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(labels=["a"])),
        "labels is ['a'] and not of type object",
    ),
    "64 bits as a number": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b["disks"][0]["initializeParams"].update(diskSizeGb=50)),
        "disks.0.initializeParams.diskSizeGb is 50 and not of type string",
    ),
    "a required field missing": Planted(
        "compute.instances.insert, request", sent(lambda b: b.pop("name")), "name is missing"
    ),
    "a value that nobody lists": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b["scheduling"].update(onHostMaintenance="EXPLODE")),
        "scheduling.onHostMaintenance is 'EXPLODE' and none of",
    ),
    "a read-only field sent": Planted(
        "compute.instances.insert, request",
        sent(lambda b: b.update(status="RUNNING")),
        "status is read-only",
    ),
    "a wrong path": Planted(
        "compute.instances.insert, request", target("/zones/", "/zone/"), "is no operation"
    ),
    "a query nobody knows": Planted(
        "compute.instances.insert, request",
        target("requestId", "request_id"),
        "the query's request_id is unknown",
    ),
    "a query of a wrong type": Planted(
        "compute.instances.aggregatedList, request",
        target("maxResults=500", "maxResults=all"),
        "the query's maxResults",
    ),
    "an answer with an unknown field": Planted(
        "compute.instances.get, answer", told(lambda b: b.update(state="x")), "state is unknown"
    ),
    "an answer with 64 bits as a number": Planted(
        "compute.instances.get, answer", told(lambda b: b.update(id=7)), "id is 7"
    ),
    "an answer with a value that nobody lists": Planted(
        "compute.instances.get, answer",
        told(lambda b: b.update(status="ON")),
        "status is 'ON' and none of",
    ),
    "an operation's progress as text": Planted(
        "compute.instances.insert, answer",
        told(lambda b: b.update(progress="0")),
        "progress is '0'",
    ),
    "an error of another form": Planted(
        "compute.instances.get, answer",
        refused(404, b'{"error": {"code": 404, "message": "gone"}}'),
        "error.errors is missing",
    ),
    "an error with another status": Planted(
        "compute.instances.get, answer",
        refused(
            404,
            b'{"error": {"code": 500, "message": "m",'
            b' "errors": [{"message": "m", "domain": "global", "reason": "notFound"}]}}',
        ),
        "error.code",
    ),
    "an answer that is no JSON": Planted(
        "compute.instances.get, answer",
        lambda exchange: replace(exchange, told=b"<html>"),
        "not JSON",
    ),
}

ORACLE: Final = {
    "an unknown field": Planted(
        "launch_instance, request", sent(lambda b: b.update(shap="x")), "shap is unknown"
    ),
    "snake case": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(display_name="x")),
        "display_name is unknown",
    ),
    "a wrong type": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(freeformTags=[1])),
        "freeformTags is [1] and not of type object",
    ),
    "a number among texts": Planted(
        "launch_instance, request",
        sent(lambda b: b["metadata"].update(a=1)),
        "metadata.a is 1 and not of type string",
    ),
    "a required field missing": Planted(
        "launch_instance, request",
        sent(lambda b: b.pop("compartmentId")),
        "compartmentId is missing",
    ),
    "a field of another kind of source": Planted(
        "launch_instance, request",
        sent(lambda b: b["sourceDetails"].update(bootVolumeId="x")),
        "sourceDetails.bootVolumeId is unknown",
    ),
    "a kind of source that nobody knows": Planted(
        "launch_instance, request",
        sent(lambda b: b["sourceDetails"].update(sourceType="tape")),
        "sourceDetails.sourceType is 'tape'",
    ),
    "a value that nobody lists": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(launchOptions={"bootVolumeType": "TAPE"})),
        "launchOptions.bootVolumeType is 'TAPE' and none of",
    ),
    "a read-only field sent": Planted(
        "launch_instance, request",
        sent(lambda b: b.update(lifecycleState="RUNNING")),
        "lifecycleState is unknown",
    ),
    "a wrong path": Planted(
        "launch_instance, request", target("/instances", "/machines"), "is no operation"
    ),
    "a query that must be there": Planted(
        "list_instances, request",
        target("compartmentId", "compartment"),
        "the query's compartmentId is missing",
    ),
    "a header nobody knows": Planted(
        "get_instance, request",
        lambda exchange: replace(
            exchange, sent_headers={**exchange.sent_headers, "opc-retry-token": "x"}
        ),
        "the header opc-retry-token is unknown",
    ),
    "an unsigned request": Planted(
        "get_instance, request",
        lambda exchange: replace(exchange, sent_headers={}),
        "does not sign (request-target), date, host",
    ),
    "an answer with an unknown field": Planted(
        "get_instance, answer", told(lambda b: b.update(state="x")), "state is unknown"
    ),
    "an answer without what is required": Planted(
        "get_instance, answer", told(lambda b: b.pop("shape")), "shape is missing"
    ),
    "an answer with a value that nobody lists": Planted(
        "get_instance, answer",
        told(lambda b: b.update(lifecycleState="ON")),
        "lifecycleState is 'ON' and none of",
    ),
    "an answer with no instant": Planted(
        "get_instance, answer",
        told(lambda b: b.update(timeCreated="yesterday")),
        "timeCreated is 'yesterday'",
    ),
    "a list in an object": Planted(
        "list_instances, answer",
        lambda exchange: replace(exchange, told=b'{"items": []}'),
        "and not of type array",
    ),
    "a launch without its work request": Planted(
        "launch_instance, answer",
        without("opc-work-request-id"),
        "the header opc-work-request-id is missing",
    ),
    "an answer without its number": Planted(
        "terminate_instance, answer",
        without("opc-request-id"),
        "the header opc-request-id is missing",
    ),
    "an error of another form": Planted(
        "get_instance, answer",
        refused(404, b'{"error": "NotAuthorizedOrNotFound"}'),
        "code is missing",
    ),
}

PLANTED: Final = [
    pytest.param(kind, planted, id=f"{kind.name.value}-{name.replace(' ', '-')}")
    for kind, table in zip(CLOUDS, (AZURE, AWS, GCP, ORACLE), strict=True)
    for name, planted in table.items()
]


@pytest.mark.parametrize("kind", CLOUDS, ids=lambda kind: kind.name.value)
def test_what_an_adapter_and_its_local_cloud_say_conforms(
    kind: Kind, had: Callable[[Kind], list[Exchange]]
) -> None:
    heard = had(kind)
    assert len(heard) > 5
    assert [text for exchange in heard for text in complaints(exchange)] == []


@pytest.mark.parametrize(("kind", "planted"), PLANTED)
def test_a_planted_defect_is_named(
    kind: Kind, planted: Planted, had: Callable[[Kind], list[Exchange]]
) -> None:
    operation, _, direction = planted.operation.partition(", ")
    fine = (one for one in had(kind) if one.status < _FAILED)
    exchange = next(one for one in fine if operation_of(one) == operation)
    found = list(complaints(planted.change(exchange)))
    assert any(planted.said in sentence for sentence in found), found
    assert all(sentence.startswith(f"{kind.name.value}: ") for sentence in found)
    assert all(direction in sentence for sentence in found)
