"""What an account names as reserved becomes a place at no further cost, or is told as wrong."""

from __future__ import annotations

import pytest

from broker.domain.reserved import reservations, with_reserved
from broker.domain.values import ProviderName, Purchase, Usd
from broker.settings import Settings, SettingsError
from broker.wiring import catalogue
from tests.support.broker import AWS, EAST, pool

ENTRY = f"{AWS.region}/{AWS.sku}=cr-1"


def test_a_reservation_is_the_listed_machine_at_no_cost() -> None:
    pools = with_reserved([pool(EAST), pool(AWS)], {AWS.provider: {"reservations": ENTRY}})
    (kept,) = pools[2:]
    assert kept.place == AWS._replace(purchase=Purchase.RESERVED)
    assert kept.price_usd_hour == Usd(0)
    assert kept.gpus == pool(AWS).gpus


def test_accounts_without_reservations_change_nothing() -> None:
    pools = (pool(EAST), pool(AWS))
    assert with_reserved(pools, {AWS.provider: {"regions": "us-east-1"}}) == pools
    assert with_reserved(pools, {}) == pools


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("us-east-1/p4", "'us-east-1/p4' is no reservation; write region/machine=id"),
        ("us-east-1=cr-1", "'us-east-1=cr-1' is no reservation; write region/machine=id"),
        ("us-east-1/p4=", "'us-east-1/p4=' is no reservation; write region/machine=id"),
        (f"{ENTRY} {ENTRY}", "us-east-1/p4 is named twice; name one reservation for it"),
    ],
)
def test_a_bad_entry_is_told_with_its_field(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"is named twice|is no reservation") as wrong:
        reservations(ProviderName.AWS, {"reservations": text})
    assert str(wrong.value) == f"clouds.aws.reservations: {said}"


def test_a_machine_that_no_list_knows_is_told_before_the_broker_begins() -> None:
    account = {"reservations": "us-east-1/p99=cr-1", "endpoint": "http://127.0.0.1:1"}
    settings = Settings.read(clouds={"aws": account})
    with pytest.raises(SettingsError, match="the catalogue lists no p99 in us-east-1; add it to"):
        catalogue(settings)
