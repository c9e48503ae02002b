"""The checkers of the clouds' specifications let what is right pass, and catch what is not.

Each starts from exchanges that an adapter and its local cloud really had; a planted defect changes
one thing in one of them, and must be named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import pytest

from broker.ports import Running
from providers.emulators.machines import LocalComputer
from providers.emulators.wire import Face, Reply, Request
from tests.support.clouds import CLOUDS, OWNER, Kind, local_cloud
from tests.support.planted import Planted, aws, azure, gcp, oracle
from tests.support.specs import Exchange, complaints, operation_of

_FAILED: Final = 400


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


PLANTED: Final = [
    pytest.param(kind, planted, id=f"{kind.name.value}-{name.replace(' ', '-')}")
    for kind, table in zip(CLOUDS, (azure, aws, gcp, oracle), strict=True)
    for name, planted in table.DEFECTS.items()
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


# --- the services beside EC2, whose forms differ --------------------------------------------------


def asked_of_sts(form: str, told: str) -> Exchange:
    space = "https://sts.amazonaws.com/doc/2011-06-15/"
    body = f'<GetCallerIdentityResponse xmlns="{space}">{told}</GetCallerIdentityResponse>'
    return Exchange(
        cloud="aws",
        method="POST",
        target="/",
        sent_headers={"authorization": "Credential=A/20261128/us-east-1/sts/aws4_request"},
        sent=f"Action=GetCallerIdentity&Version=2011-06-15{form}".encode(),
        status=200,
        headers={"content-type": "text/xml"},
        told=body.encode(),
    )


def asked_of_quotas(sent: object, told: object) -> Exchange:
    return Exchange(
        cloud="aws",
        method="POST",
        target="/",
        sent_headers={
            "authorization": "Credential=A/20261128/us-east-1/servicequotas/aws4_request",
            "x-amz-target": "ServiceQuotasV20190624.GetServiceQuota",
        },
        sent=json.dumps(sent).encode(),
        status=200,
        headers={"content-type": "application/x-amz-json-1.1"},
        told=json.dumps(told).encode(),
    )


METADATA = "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
WHO = "<GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult>"
QUOTA = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}


@pytest.mark.parametrize(
    ("exchange", "said"),
    [
        (asked_of_sts("", WHO + METADATA), ""),
        (asked_of_sts("&Name=x", WHO + METADATA), "GetCallerIdentity, request: Name is unknown"),
        (asked_of_sts("", WHO), "GetCallerIdentity, answer: ResponseMetadata is missing"),
        (asked_of_sts("", METADATA), "answer: GetCallerIdentityResult is missing"),
        (asked_of_sts("", WHO.replace("Account", "account") + METADATA), "account is unknown"),
        (asked_of_quotas(QUOTA, {"Quota": {"Value": 64.0}}), ""),
        (asked_of_quotas({"ServiceCode": "ec2"}, {"Quota": {}}), "request: Missing required param"),
        (asked_of_quotas(QUOTA, {"Quota": {"value": 64.0}}), "answer: Unknown parameter in Quota"),
        (asked_of_quotas(QUOTA, {"Quota": {"Value": "64"}}), "answer: Invalid type for parameter"),
    ],
)
def test_a_service_beside_ec2_is_judged_by_its_own_model(exchange: Exchange, said: str) -> None:
    found = list(complaints(exchange))
    assert len(found) == bool(said), found
    assert all(said in sentence for sentence in found), found
