"""What Google's and Oracle's faces say on the wire, and what they do not let pass."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from types import ModuleType
from typing import Any, Final

import oci
import pytest
import requests

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName
from broker.ports import Fault, FaultKind, Launching, Order, Running, Unsure
from providers.emulators import gcp, oracle
from providers.emulators.cloud import Cloud, InjectedFault
from providers.emulators.oracle_signature import KeyPair, SignatureRefused, check_signature
from providers.emulators.wire import Request, Wire
from providers.registry import provider
from tests.support.clouds import OWNER

GOOGLE: Final = Place(ProviderName.GCP, "us-central1", "a2-ultragpu-1g")
PHOENIX: Final = Place(ProviderName.ORACLE, "us-phoenix-1", "VM.GPU.A10.1")


class Caller:
    """Speaks to a face without an SDK."""

    def __init__(self, wire: Wire, account: Mapping[str, str]) -> None:
        self._port, self._token = wire.port, account["token"]
        self.zone = f"/compute/v1/projects/{account['project']}/zones/us-central1-a"

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=5)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
        }
        connection.request(method, self.zone + path, json.dumps(body or {}), headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(stock={("us-central1", GOOGLE.sku): 0})


@pytest.fixture
def call(cloud: Cloud) -> Iterator[Caller]:
    face, account = gcp.open_account(cloud)
    wire = Wire(face)
    yield Caller(wire, account)
    wire.close()


def machine(name: str) -> dict[str, object]:
    return {
        "name": name,
        "machineType": f"zones/us-central1-a/machineTypes/{GOOGLE.sku}",
        "disks": [{"boot": True}],
        "networkInterfaces": [{}],
    }


def test_google_takes_every_launch_and_refuses_in_the_operation(call: Caller) -> None:
    status, told = call("POST", "/instances", machine("one"))
    assert status == 200
    assert (told["kind"], told["status"]) == ("compute#operation", "DONE")
    (error,) = told["error"]["errors"]
    assert error["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"
    assert error["errorDetails"][0]["errorInfo"]["metadatas"]["zone"] == "us-central1-a"
    assert told["httpErrorStatusCode"] == 503
    assert all(isinstance(told[number], str) for number in ("id", "targetId"))


def test_google_answers_a_request_id_again_and_a_taken_name_with_a_conflict(
    cloud: Cloud, call: Caller
) -> None:
    cloud.restock("us-central1", GOOGLE.sku, 2)
    again = "/instances?requestId=8b8ff8a4-0b52-4c0c-9d52-6f6ab1f7a001"
    _, first = call("POST", again, machine("one"))
    _, second = call("POST", again, machine("one"))
    assert first["name"] == second["name"]
    status, told = call("POST", "/instances", machine("one"))
    assert (status, told["error"]["errors"][0]["reason"]) == (409, "alreadyExists")
    assert len(cloud.list()) == 1


@pytest.mark.misspoken
def test_google_says_what_is_wrong_with_a_machine(call: Caller) -> None:
    for wrong in ({}, {**machine("one"), "name": "No Name"}, {**machine("one"), "disks": []}):
        status, told = call("POST", "/instances", wrong)
        assert (status, told["error"]["errors"][0]["reason"]) == (400, "invalid")


@pytest.mark.parametrize(("place", "face"), [(GOOGLE, gcp), (PHOENIX, oracle)])
def test_a_launch_is_one_request_and_a_broken_poll_leaves_it_unsure(
    place: Place, face: ModuleType
) -> None:
    cloud = Cloud(stock={place[1:3]: 1}, keys_stay=True)
    opened, account = face.open_account(cloud)
    wire = Wire(opened)
    order = Order(name=machine_name("one", 0, place), place=place, owner=OWNER, start_up="")
    try:
        one = provider(place.provider, {**account, "endpoint": wire.url})
        cloud.faults.add(InjectedFault(operation="launch", status=500, code="backendError"))
        cloud.faults.add(InjectedFault(operation="launch", status=500, code="InternalError"))
        for _ in range(2):
            fault = one.launch(order)
            assert isinstance(fault, Fault)
            assert fault.kind in (FaultKind.TRANSIENT, FaultKind.UNKNOWN_CODE)
        launched = one.launch(order)
        assert isinstance(launched, Launching)
        for operation in ("operation", "get"):
            cloud.faults.add(InjectedFault(operation=operation, dropped=True))
        assert isinstance(one.poll(order, launched.handle), Unsure)
        outcomes = [one.poll(order, launched.handle) for _ in range(2)]
        assert isinstance(outcomes[-1], Running)
    finally:
        wire.close()


def signed(key: KeyPair, **changes: object) -> Request:
    """A request as the SDK signs it."""
    body = b'{"shape":"VM.GPU.A10.1"}'
    signer = oci.signer.Signer("t", "u", key.fingerprint, None, private_key_content=key.private_pem)
    path = "http://127.0.0.1:1/20160918/instances"
    wanted = requests.Request(
        "POST", path, data=body, headers={"content-type": "application/json"}, auth=signer
    ).prepare()
    headers = {name.lower(): str(value) for name, value in wanted.headers.items()}
    told: dict[str, Any] = {
        "method": "POST",
        "path": "/20160918/instances",
        "query": {},
        "headers": {"host": "127.0.0.1:1", **headers},
        "body": body,
        "target": "/20160918/instances",
    }
    return Request(**{**told, **changes})


@pytest.fixture(scope="module")
def key() -> KeyPair:
    return KeyPair.fresh()


def key_id(key: KeyPair) -> str:
    return f"t/u/{key.fingerprint}"


def when(request: Request) -> datetime:
    return parsedate_to_datetime(request.headers["date"])


def test_oracle_lets_a_signed_request_pass(key: KeyPair) -> None:
    request = signed(key)
    check_signature(request, key_id(key), key, when(request))


@pytest.mark.parametrize(
    "changes",
    [{"body": b"another"}, {"target": "/20160918/instances?limit=1"}, {"headers": {}}],
    ids=["body", "target", "headers"],
)
def test_oracle_refuses_what_was_changed_after_signing(
    key: KeyPair, changes: dict[str, object]
) -> None:
    with pytest.raises(SignatureRefused):
        check_signature(signed(key, **changes), key_id(key), key, when(signed(key)))


def test_oracle_refuses_another_key_and_an_old_signature(key: KeyPair) -> None:
    request = signed(key)
    with pytest.raises(SignatureRefused):
        check_signature(request, key_id(key), KeyPair.fresh(), when(request))
    with pytest.raises(SignatureRefused):
        check_signature(request, key_id(key), key, when(request) + timedelta(hours=1))
