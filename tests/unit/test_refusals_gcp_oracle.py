"""How Google and Oracle say no, and what only sounds like it."""

from __future__ import annotations

import pytest

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.gcp import GCP, read_gcp
from providers.refusals.oracle import ORACLE, read_oracle


@pytest.mark.parametrize("code", sorted(GCP))
def test_every_row_of_google_s_table_is_what_it_is_read_as(code: str) -> None:
    said = read_gcp(code)
    assert GCP[code] == (said.reason if isinstance(said, Refused) else said.kind)


@pytest.mark.parametrize("code", sorted(ORACLE))
def test_every_row_of_oracle_s_table_is_what_it_is_read_as(code: str) -> None:
    said = read_oracle(code)
    assert ORACLE[code] == (said.reason if isinstance(said, Refused) else said.kind)


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
    assert said.kind is FaultKind.INVALID


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
