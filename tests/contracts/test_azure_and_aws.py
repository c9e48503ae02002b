"""What only one of the two clouds does, and its adapter must know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Gone, Launching, Refused, Running, Unsure
from providers.emulators.cloud import InjectedFault
from providers.emulators.machines import LocalComputer
from tests.support.clouds import CLOUDS, OWNER, LocalCloud, local_cloud

AZURE, AWS = CLOUDS[:2]


@pytest.fixture(scope="module")
def computer() -> Iterator[LocalComputer]:
    with LocalComputer() as one:
        yield one


@pytest.fixture
def azure(computer: LocalComputer) -> Iterator[LocalCloud]:
    with local_cloud(AZURE, computer) as one:
        yield one


@pytest.fixture
def aws(computer: LocalComputer) -> Iterator[LocalCloud]:
    with local_cloud(AWS, computer) as one:
        yield one


def test_azure_s_failed_machine_tells_why_without_its_operation(azure: LocalCloud) -> None:
    azure.cloud.restock(AZURE.region, AZURE.sku, 0)
    azure.cloud.late_stock_out = True
    order = azure.order("one")
    azure.provider.launch(order)
    azure.cloud.faults.add(InjectedFault(operation="operation", status=404, code="NotFound"))
    path = f"/subscriptions/{azure.account['subscription']}/providers/Microsoft.Compute/locations"
    handle = f"{path}/{AZURE.region}/operations/forgotten?api-version=2026-04-01"
    launched = azure.provider.poll(order, handle)
    assert isinstance(launched, Refused)
    assert launched.reason is RefusalReason.NO_CAPACITY


def test_azure_s_residue_is_cleared_before_it_is_a_refusal(azure: LocalCloud) -> None:
    azure.cloud.restock(AZURE.region, AZURE.sku, 0)
    azure.cloud.late_stock_out = True
    order = azure.order("one")
    launched = azure.provider.launch(order)
    assert isinstance(launched, Launching)
    azure.cloud.faults.add(
        InjectedFault(operation="terminate", status=500, code="InternalServerError")
    )
    fault = azure.provider.poll(order, launched.handle)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.TRANSIENT
    assert len(list(azure.provider.owned(OWNER))) == 1
    assert isinstance(azure.provider.poll(order, launched.handle), Refused)
    assert list(azure.provider.owned(OWNER)) == []


def test_azure_s_operation_that_succeeded_long_ago_does_not_hide_the_end(
    azure: LocalCloud,
) -> None:
    order = azure.order("one")
    launched = azure.provider.launch(order)
    assert isinstance(launched, Launching)
    assert isinstance(azure.provider.poll(order, launched.handle), Running)
    azure.cloud.terminate(azure.cloud.list()[0].id)
    assert isinstance(azure.provider.poll(order, launched.handle), Gone)


def test_a_broken_answer_to_a_poll_leaves_azure_unsure(azure: LocalCloud) -> None:
    order = azure.order("one")
    launched = azure.provider.launch(order)
    assert isinstance(launched, Launching)
    azure.cloud.faults.add(InjectedFault(operation="operation", dropped=True))
    assert isinstance(azure.provider.poll(order, launched.handle), Unsure)


def test_aws_may_not_know_an_instance_right_after_it_gave_its_id(aws: LocalCloud) -> None:
    order = aws.order("one")
    launched = aws.provider.launch(order)
    assert isinstance(launched, Launching)
    unknown = InjectedFault(operation="get", status=400, code="InvalidInstanceID.NotFound", times=2)
    aws.cloud.faults.add(unknown)
    assert aws.provider.poll(order, launched.handle) == launched
    assert aws.provider.poll(order, launched.handle) == launched
    running = aws.provider.poll(order, launched.handle)
    assert isinstance(running, Running)
    aws.cloud.faults.add(unknown)
    assert isinstance(aws.provider.poll(order, running.handle), Gone)


def test_aws_takes_a_token_for_another_specification_as_a_mistake(aws: LocalCloud) -> None:
    aws.settled(aws.order("one"))
    fault = aws.provider.launch(aws.order("one", start_up="#!/bin/sh\nother\n"))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.CONFLICT


def test_aws_gives_no_second_machine_for_the_token_of_a_gone_one(aws: LocalCloud) -> None:
    order = aws.order("one")
    aws.settled(order)
    aws.provider.terminate(order, None)
    fault = aws.provider.launch(order)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.CONFLICT
    assert len(aws.cloud.list(gone=True)) == 1


def test_aws_wants_a_signature_made_with_the_right_key_id(aws: LocalCloud) -> None:
    fault = aws.another_provider(access_key_id="AKIASOMEBODYELSE").launch(aws.order("one"))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.AUTH


def test_aws_is_asked_in_the_zone_of_the_order(computer: LocalComputer) -> None:
    with local_cloud(replace(AWS, region="us-east-1b"), computer) as aws:
        order = aws.order("one")
        assert isinstance(aws.settled(order), Running)
        (owned,) = aws.provider.owned(OWNER)
        assert owned.place == order.place
        aws.provider.terminate(order, None)
