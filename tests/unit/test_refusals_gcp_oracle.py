"""How Google and Oracle say no, and what only sounds like it."""

from __future__ import annotations

import pytest

from broker.domain.place import Reach
from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.gcp import read_gcp
from providers.refusals.oracle import read_oracle


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("forbidden", FaultKind.AUTH),
        ("rateLimitExceeded", FaultKind.THROTTLED),
        ("NeverHeardOfIt", FaultKind.UNKNOWN_CODE),
    ],
)
def test_a_403_of_google_means_what_its_reason_says(code: str, kind: FaultKind) -> None:
    said = read_gcp(code, "", None, 403)
    assert isinstance(said, Fault)
    assert said.kind is kind


def test_a_403_of_google_may_be_a_refusal() -> None:
    said = read_gcp("quotaExceeded", "Quota 'GPUS' exceeded.  Limit: 8.0 in region x.", None, 403)
    assert isinstance(said, Refused)
    assert said.reason is RefusalReason.OVER_QUOTA


@pytest.mark.parametrize("code", ["QUOTA_EXCEEDED", "quotaExceeded"])
def test_a_quota_that_was_never_raised_is_our_own_mistake(code: str) -> None:
    said = read_gcp(code, "Quota 'NVIDIA_A100_GPUS' exceeded.  Limit: 0.0 in region us-central1.")
    assert isinstance(said, Fault)
    assert (said.kind, said.reach) == (FaultKind.NO_QUOTA, Reach.FAMILY)


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("Quota 'NVIDIA_A100_GPUS' exceeded.  Limit: 8.0 in region us-central1.", Reach.FAMILY),
        ("Quota 'CPUS' exceeded.  Limit: 24.0 in region us-central1.", Reach.REGION),
        ("Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 1.0 globally.", Reach.CLOUD),
    ],
)
def test_google_s_quotas_reach_as_far_as_their_names_say(text: str, reach: Reach) -> None:
    said = read_gcp("QUOTA_EXCEEDED", text)
    assert isinstance(said, Refused)
    assert (said.reason, said.reach) == (RefusalReason.OVER_QUOTA, reach)


def test_the_summary_of_a_bulk_launch_is_no_refusal_by_itself() -> None:
    said = read_gcp("VM_MIN_COUNT_NOT_REACHED", "Requested minimum count of 2 VMs")
    assert isinstance(said, Fault)
    assert said.kind is FaultKind.TRANSIENT


def test_oracle_says_when_the_clock_is_off() -> None:
    text = "Date 'Sun, 11 Mar 2018 16:32:46 UTC' is not within allowed clock skew."
    said = read_oracle("NotAuthenticated", text, None, 401, account="Oracle, tenancy ocid1")
    assert isinstance(said, Fault)
    assert said.kind is FaultKind.AUTH
    assert said.message.startswith("Oracle, tenancy ocid1: clock: ")
    other = read_oracle("NotAuthenticated", "The required information was not provided.")
    assert isinstance(other, Fault)
    assert "fingerprint" in other.message


def test_a_machine_type_that_a_zone_lacks_is_not_stocked() -> None:
    text = "Invalid value: Machine type with name 'a9' does not exist in zone 'us-central1-a'."
    said = read_gcp("invalid", text)
    assert isinstance(said, Refused)
    assert said.reason is RefusalReason.NOT_STOCKED
    assert isinstance(read_gcp("invalid", "The URL is malformed."), Fault)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_bad_day_without_a_known_code_is_no_refusal(status: int) -> None:
    for said in (read_gcp("", "", None, status), read_oracle("", "", None, status)):
        assert isinstance(said, Fault)
        assert (said.kind, said.code) == (FaultKind.TRANSIENT, str(status))


def test_google_s_stock_out_is_a_refusal_although_its_status_says_a_bad_day() -> None:
    said = read_gcp("ZONE_RESOURCE_POOL_EXHAUSTED", "", None, 503)
    assert isinstance(said, Refused)


@pytest.mark.parametrize(
    "text", ["Out of host capacity.", "Out of capacity for shape VM.GPU.A10.1 in domain AD-1."]
)
def test_oracle_s_stock_out_is_told_by_its_text_alone(text: str) -> None:
    said = read_oracle("InternalError", text, None, 500)
    assert isinstance(said, Refused)
    assert said.reason is RefusalReason.NO_CAPACITY
    other = read_oracle("InternalError", "Internal error occurred", None, 500)
    assert isinstance(other, Fault)
    assert other.kind is FaultKind.TRANSIENT


def test_a_shape_that_oracle_lacks_is_not_stocked_and_another_parameter_is_a_mistake() -> None:
    said = read_oracle("InvalidParameter", "Shape VM.GPU.A10.9 is not valid in us-phoenix-1.")
    assert isinstance(said, Refused)
    assert said.reason is RefusalReason.NOT_STOCKED
    assert isinstance(read_oracle("InvalidParameter", "imageId is not valid"), Fault)


def test_how_long_to_wait_is_handed_on() -> None:
    for said in (read_gcp("rateLimitExceeded", "", 7.0), read_oracle("TooManyRequests", "", 7.0)):
        assert isinstance(said, Fault)
        assert said.retry_after_s == 7.0
