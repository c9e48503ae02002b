"""How Azure and AWS say no."""

from __future__ import annotations

import pytest

from broker.domain.place import Reach
from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.aws import read_aws
from providers.refusals.azure import read_azure

FAMILY_QUOTA = (
    "Operation could not be completed as it results in exceeding approved "
    "standardNCADSA100v4Family Cores quota. Current Limit: {limit}, Current Usage: 96."
)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AllocationFailed", RefusalReason.NO_CAPACITY),
        ("ZonalAllocationFailed", RefusalReason.NO_CAPACITY),
        ("OverconstrainedAllocationRequest", RefusalReason.NO_CAPACITY),
        ("SkuNotAvailable", RefusalReason.NOT_STOCKED),
    ],
)
def test_azure_says_no(code: str, reason: RefusalReason) -> None:
    assert read_azure(code, "text") == Refused(reason, code, "text")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("InsufficientInstanceCapacity", RefusalReason.NO_CAPACITY),
        ("Server.InsufficientInstanceCapacity", RefusalReason.NO_CAPACITY),
        ("VcpuLimitExceeded", RefusalReason.OVER_QUOTA),
        ("Unsupported", RefusalReason.NOT_STOCKED),
    ],
)
def test_aws_says_no(code: str, reason: RefusalReason) -> None:
    told = read_aws(code, "text")
    assert isinstance(told, Refused)
    assert (told.reason, told.code, told.message) == (reason, code, "text")


def test_operation_not_allowed_is_about_quota_only_if_it_says_so() -> None:
    refused = read_azure("OperationNotAllowed", FAMILY_QUOTA.format(limit=96))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.OVER_QUOTA

    fault = read_azure("OperationNotAllowed", "The VM is being deallocated.")
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.INVALID


def test_a_quota_that_was_never_raised_is_our_own_omission() -> None:
    for told in (
        read_azure("OperationNotAllowed", FAMILY_QUOTA.format(limit=0)),
        read_aws("VcpuLimitExceeded", "than your current vCPU limit of 0 allows for the bucket"),
    ):
        assert isinstance(told, Fault)
        assert (told.kind, told.reach) == (FaultKind.NO_QUOTA, Reach.FAMILY)
        assert "never raised" in told.message


def test_a_limit_that_only_begins_with_nought_is_a_real_one() -> None:
    told = read_aws("VcpuLimitExceeded", "your current vCPU limit of 096 allows")
    assert isinstance(told, Refused)


def test_a_full_placement_group_is_no_shortage() -> None:
    text = "We have reached the limit of instances in this spread placement group"
    told = read_aws("InsufficientInstanceCapacity", text)
    assert isinstance(told, Fault)
    assert told.kind is FaultKind.INVALID


def test_high_demand_is_a_shortage_whatever_the_code() -> None:
    text = "We are currently experiencing high demand in West Europe region"
    told = read_azure("ServiceUnavailable", text)
    assert isinstance(told, Refused)
    assert told.reason is RefusalReason.NO_CAPACITY


def test_throttling_carries_its_waiting_time() -> None:
    for told in (
        read_azure("TooManyRequests", "", 3.0),
        read_aws("RequestLimitExceeded", "", 3.0),
    ):
        assert isinstance(told, Fault)
        assert (told.kind, told.retry_after_s) == (FaultKind.THROTTLED, 3.0)


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        (FAMILY_QUOTA.format(limit=96), Reach.FAMILY),
        ("results in exceeding approved Total Regional Cores quota. Limit: 10", Reach.REGION),
        ("exceeding approved LowPriorityCores quota. Current Limit: 3", Reach.PLACE),
        ("Submit a request for Quota increase at aka.ms", Reach.FAMILY),
    ],
)
def test_azure_s_quotas_reach_as_far_as_their_text_says(text: str, reach: Reach) -> None:
    told = read_azure("OperationNotAllowed", text)
    assert isinstance(told, Refused)
    assert (told.reason, told.reach) == (RefusalReason.OVER_QUOTA, reach)


def test_a_spot_machine_that_azure_has_none_of_is_a_shortage_and_not_a_missing_shape() -> None:
    text = "The requested size for resource is currently not available in location 'eastus'"
    on_demand, spot = (
        read_azure("SkuNotAvailable", text),
        read_azure("SkuNotAvailable", text, spot=True),
    )
    assert isinstance(on_demand, Refused)
    assert isinstance(spot, Refused)
    assert on_demand.reason is RefusalReason.NOT_STOCKED
    assert spot.reason is RefusalReason.NO_CAPACITY


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("SignatureDoesNotMatch", "Signature expired: 20151221T200419Z is now earlier than ..."),
        ("AuthFailure", "Signature not yet current: 20201002T065532Z is still later than ..."),
        ("RequestExpired", "Request has expired."),
    ],
)
def test_aws_takes_a_wrong_clock_for_bad_credentials_and_we_say_which(code: str, text: str) -> None:
    told = read_aws(code, text, account="AWS, access key AKIA1")
    assert isinstance(told, Fault)
    assert told.kind is FaultKind.AUTH
    assert told.message.startswith("AWS, access key AKIA1: clock: ")
    assert "set this computer's clock" in told.message
