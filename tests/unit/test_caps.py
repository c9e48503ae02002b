"""Spend caps: the first that one more machine would pass is told, and nothing is counted."""

from __future__ import annotations

from decimal import Decimal

import pytest

from broker.domain.caps import Cap, Caps, Purse, Spend
from broker.domain.values import ProviderName

AWS, GCP = ProviderName.AWS, ProviderName.GCP
TEN, FIVE = Decimal(10), Decimal(5)


def test_without_caps_everything_may_be_bought() -> None:
    purse = Purse(Caps())
    assert not Caps()
    assert all(purse.take(AWS, "lab", TEN) is None for _ in range(100))


@pytest.mark.parametrize(
    ("caps", "whose"),
    [
        (Caps(overall=Cap(usd_hour=TEN)), "all"),
        (Caps(by_cloud={AWS: Cap(usd_hour=TEN)}), "cloud aws"),
        (Caps(by_tenant={"lab": Cap(usd_hour=TEN)}), "tenant lab"),
    ],
)
def test_a_cap_is_reached_to_the_cent_and_not_passed(caps: Caps, whose: str) -> None:
    purse = Purse(caps)
    assert purse.take(AWS, "lab", FIVE) is None
    assert purse.take(AWS, "lab", FIVE) is None
    why = purse.take(AWS, "lab", Decimal("0.01"))
    assert why is not None
    assert f"the spend cap of {whose} is 10 USD an hour; 10 are being spent" in why.because
    assert why.cloud is (AWS if whose == "cloud aws" else None)
    assert purse.why_not(AWS, "lab", Decimal("0.01")) == why  # it was not counted


def test_the_caps_of_others_are_no_matter() -> None:
    caps = Caps(by_cloud={GCP: Cap(usd_hour=FIVE)}, by_tenant={"rest": Cap(usd_total=FIVE)})
    assert Purse(caps).take(AWS, "lab", TEN) is None


def test_what_was_spent_and_an_hour_more_stay_within_the_total() -> None:
    caps = Caps(by_tenant={"lab": Cap(usd_total=Decimal(100))})
    spent = {(AWS, "lab"): Spend(TEN, Decimal(60)), (GCP, "lab"): Spend(TEN, Decimal(35))}
    purse = Purse(caps, spent)
    assert purse.why_not(AWS, "lab", FIVE) is None
    why = purse.why_not(AWS, "lab", Decimal("5.01"))
    assert why is not None
    assert "tenant lab is 100 USD in total, and 95 are spent" in why.because


def test_a_cap_that_is_reached_is_used_up_for_whom_it_binds() -> None:
    caps = Caps(by_tenant={"lab": Cap(usd_hour=TEN)}, by_cloud={AWS: Cap(usd_hour=FIVE)})
    purse = Purse(caps, {(AWS, "lab"): Spend(TEN, FIVE)})
    why = purse.used_up("lab")
    assert why is not None
    assert "tenant lab is 10 USD an hour, and 10 are being spent: raise the cap or wait" in why
    assert purse.used_up("rest") is None  # a cloud's cap leaves the others


def test_a_total_of_nothing_is_used_up_at_once() -> None:
    why = Purse(Caps(overall=Cap(usd_total=Decimal(0)))).used_up("lab")
    assert why is not None
    assert "all is 0 USD in total, and all is spent" in why


def test_every_cap_is_shown_with_what_stands_against_it() -> None:
    caps = Caps(overall=Cap(usd_hour=TEN), by_cloud={AWS: Cap(usd_total=FIVE)})
    purse = Purse(caps, {(AWS, "lab"): Spend(TEN, FIVE), (GCP, "lab"): Spend(FIVE, TEN)})
    assert [(one.whose, one.spend) for one in purse.standing()] == [
        ("all", Spend(Decimal(15), Decimal(15))),
        ("cloud aws", Spend(TEN, FIVE)),
    ]
