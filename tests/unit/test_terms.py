"""The order "no better terms for the third party", component by component (design 3.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from broker.domain.terms import Terms, better_for_supplier
from broker.domain.values import usd

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
NONE: Final = Decimal(0)
NOTICED: Final = Terms(
    accelerators=("A100-80GB", "H100"),
    gpus_per_unit=8,
    regions=("eu-*", "us-east-1"),
    price_usd_hour=usd("30"),
    start_by=NOON,
    duration_s=3600,
    provision_by=NOON,
    chunk=4,
    interruptible=False,
    prepay_usd=usd("100"),
    min_term_s=3600,
)
HOUR: Final = timedelta(hours=1)


@pytest.mark.parametrize(
    ("component", "worse", "better"),
    [
        ("price_usd_hour", usd("29.99"), usd("30.01")),
        ("price_usd_hour", usd("30"), None),
        ("accelerators", ("H100",), ("H100", "V100")),
        ("accelerators", (), None),
        ("gpus_per_unit", 16, 4),
        ("regions", ("eu-west",), ("eu-west", "us-west-1")),
        ("regions", ("us-east-1",), None),
        ("start_by", NOON - HOUR, NOON + HOUR),
        ("start_by", NOON, None),
        ("provision_by", NOON - HOUR, NOON + HOUR),
        ("provision_by", NOON, None),
        ("chunk", 8, 2),
        ("prepay_usd", None, usd("100.01")),
        ("prepay_usd", usd("99"), usd("101")),
        ("min_term_s", 60, 3601),
        ("min_term_s", None, 7200),
        ("interruptible", False, True),
    ],
)
def test_each_component_counts_in_its_own_direction(
    component: str,
    worse: Any,  # noqa: ANN401
    better: Any,  # noqa: ANN401
) -> None:
    assert better_for_supplier(NOTICED, replace(NOTICED, **{component: worse}), NONE) is None
    named = better_for_supplier(NOTICED, replace(NOTICED, **{component: better}), NONE)
    assert named == component


def test_the_same_terms_are_no_better() -> None:
    assert better_for_supplier(NOTICED, NOTICED, NONE) is None


@pytest.mark.parametrize(
    "both",
    [
        {"price_usd_hour": usd("10"), "start_by": NOON + HOUR},
        {"price_usd_hour": usd("10"), "interruptible": True},
        {"start_by": NOON - HOUR, "min_term_s": 7200},
        {"regions": ("eu-west",), "price_usd_hour": usd("31")},
    ],
)
def test_better_in_one_and_worse_in_another_cannot_be_compared(both: dict[str, Any]) -> None:
    committed = replace(NOTICED, **both)
    assert better_for_supplier(NOTICED, committed, NONE) is not None
    assert better_for_supplier(committed, NOTICED, NONE) is not None


def test_a_term_that_was_not_noticed_bounds_nothing() -> None:
    open_terms = Terms(accelerators=None, gpus_per_unit=8, regions=None, price_usd_hour=None)
    assert better_for_supplier(open_terms, NOTICED, NONE) == "prepay_usd"
    narrow = replace(NOTICED, prepay_usd=None, min_term_s=None, chunk=1)
    assert better_for_supplier(open_terms, narrow, NONE) is None


def test_the_tolerance_is_a_share_of_the_price_and_of_nothing_else() -> None:
    tolerance = Decimal("0.10")
    at = replace(NOTICED, price_usd_hour=usd("33"))
    above = replace(NOTICED, price_usd_hour=usd("33.01"))
    assert better_for_supplier(NOTICED, at, tolerance) is None
    assert better_for_supplier(NOTICED, above, tolerance) == "price_usd_hour"
    dearer = replace(NOTICED, prepay_usd=usd("101"))
    assert better_for_supplier(NOTICED, dearer, tolerance) == "prepay_usd"
