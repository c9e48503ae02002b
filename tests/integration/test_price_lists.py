"""The clouds' price interfaces, each over HTTP on its own wire, read into one form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from broker.domain.market import Pool
from broker.domain.values import ProviderName
from providers.catalogue import COLUMNS, read
from providers.prices import ListPrice, PricesUnavailable
from providers.registry import price_reader
from tests.support.price_lists import (
    AmazonPrices,
    AzurePrices,
    GooglePrices,
    OraclePrices,
    serving,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
NC24 = "Standard_NC24ads_A100_v4"


def machines(*lines: str) -> Sequence[Pool]:
    return read([",".join(COLUMNS), *lines], "test.csv")


def told(
    cloud: ProviderName, account: dict[str, str], *lines: str
) -> dict[tuple[str, str, bool], Decimal]:
    found: list[ListPrice] = list(price_reader(cloud)(account, machines(*lines), NOW))
    return {(one.region, one.shape, one.spot): one.usd_hour for one in found}


def test_azure_tells_linux_by_the_hour_on_demand_and_at_spot_page_after_page() -> None:
    face = AzurePrices(
        {("eastus", NC24): (3.673, 1.5), ("eastus", "Standard_D4s_v5"): (0.192, 0.05)}
    )
    with serving(face) as url:
        found = told(
            ProviderName.AZURE,
            {"prices_endpoint": url},
            f"azure,eastus,{NC24},A100-80GB,1,80,24,220,9,X,2020-01-01",
        )
    assert found == {
        ("eastus", NC24, False): Decimal("3.673"),
        ("eastus", NC24, True): Decimal("1.5"),
    }
    assert len(face.asked) == 4  # eight meters, two a page, all of them asked for


def test_oracle_bills_a_machine_by_its_gpus_and_halves_what_can_be_taken_back() -> None:
    face = OraclePrices(
        {
            ("B95909", "Compute  - GPU - A10"): 2,
            ("B98415", "OCI - Compute - GPU - H100"): 10,
            ("B109480", "OCI - Compute - GPU - H100T"): 7,
            ("B999999", "OCI - Compute - GPU - B200"): 14,
            ("B000001", "NVIDIA AI Enterprise - GPU"): 1,
        }
    )
    with serving(face) as url:
        found = told(
            ProviderName.ORACLE,
            {"prices_endpoint": url},
            "oracle,us-phoenix-1,VM.GPU.A10.2,A10,2,24,60,480,9,X,",
            "oracle,us-phoenix-1,BM.GPU.H100.8,H100,8,80,224,2048,9,X,",
            "oracle,us-phoenix-1,BM.GPU.B200.8,B200,8,180,256,4096,9,X,",
            "oracle,us-phoenix-1,BM.GPU4.8,A100,8,40,128,2048,9,X,",
        )
    assert found == {
        ("us-phoenix-1", "VM.GPU.A10.2", False): Decimal(4),
        ("us-phoenix-1", "VM.GPU.A10.2", True): Decimal(2),
        ("us-phoenix-1", "BM.GPU.H100.8", False): Decimal(80),
        ("us-phoenix-1", "BM.GPU.B200.8", False): Decimal(112),
    }


def test_google_s_machine_costs_its_parts_and_the_disks_it_comes_with() -> None:
    face = GooglePrices(
        {
            ("us-central1", "A2 Instance Core"): "0.03",
            ("us-central1", "A2 Instance Ram"): "0.004",
            ("us-central1", "Nvidia Tesla A100 80GB GPU"): "3.9",
            ("us-central1", "SSD backed Local Storage"): "0.073",
            ("us-central1", "G2 Instance Core"): "0.02",
        }
    )
    with serving(face) as url:
        found = told(
            ProviderName.GCP,
            {"prices_endpoint": url, "prices_key": "a-key"},
            "gcp,us-central1,a2-ultragpu-1g,A100-80GB,1,80,12,170,9,X,",
            "gcp,us-central1,g2-standard-4,L4,1,24,4,16,9,X,",  # its memory has no price
        )
    on_demand = Decimal("0.03") * 12 + Decimal("0.004") * 170 + Decimal("3.9")
    disks = Decimal("0.073") * 375 / 730
    hour = found[("us-central1", "a2-ultragpu-1g", False)]
    assert hour == (on_demand + disks).normalize()
    spot = found[("us-central1", "a2-ultragpu-1g", True)]
    assert abs(spot - hour / 3) < Decimal("0.000001")
    assert len(found) == 2


def test_amazon_tells_a_region_s_list_and_the_lowest_spot_price_of_its_zones() -> None:
    face = AmazonPrices(
        {
            ("us-east-1", "g6.xlarge"): ("0.8048", "0.3"),
            ("us-east-1", "p5.48xlarge"): ("55.04", "20"),
            ("us-west-2", "g6.xlarge"): ("0.9", "0.4"),
        }
    )
    with serving(face) as url:
        account = {
            "access_key_id": "AKIDEXAMPLE",
            "secret_access_key": "none",
            "endpoint": url,
            "prices_endpoint": url,
        }
        found = told(
            ProviderName.AWS, account, "aws,us-east-1,g6.xlarge,L4,1,22,4,16,9,X,2020-01-01"
        )
    assert found == {
        ("us-east-1", "g6.xlarge", False): Decimal("0.8048"),
        ("us-east-1", "g6.xlarge", True): Decimal("0.3"),
    }


def test_a_list_that_cannot_be_had_is_named_with_what_to_do() -> None:
    with serving(GooglePrices({})) as url:
        account = {"prices_endpoint": url, "prices_key": "another"}
        with pytest.raises(PricesUnavailable, match=r"prices of gcp .* answers 403; .* import"):
            told(ProviderName.GCP, account, "gcp,us-central1,g2-standard-4,L4,1,24,4,16,9,X,")


@pytest.mark.parametrize(
    ("cloud", "field", "line"),
    [
        (ProviderName.GCP, "prices_key", "gcp,us-central1,g2-standard-4,L4,1,24,4,16,9,X,"),
        (ProviderName.AWS, "access_key_id", "aws,us-east-1,g6.xlarge,L4,1,22,4,16,9,X,"),
    ],
)
def test_an_account_that_lacks_what_its_cloud_asks_for_is_told_so(
    cloud: ProviderName, field: str, line: str
) -> None:
    with pytest.raises(PricesUnavailable, match=f"add {field} to clouds.{cloud}"):
        told(cloud, {}, line)


def test_a_list_that_is_not_there_is_named_too() -> None:
    with serving(OraclePrices({})) as url:
        gone = url
    with pytest.raises(PricesUnavailable, match="prices of oracle cannot be had from 127"):
        told(
            ProviderName.ORACLE,
            {"prices_endpoint": gone},
            "oracle,us-phoenix-1,VM.GPU.A10.2,A10,2,24,60,480,9,X,",
        )


def test_a_next_page_on_another_host_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    face = AzurePrices({("eastus", NC24): (3.673, 1.5)})
    with serving(face) as url:
        monkeypatch.setattr(
            "providers.emulators.wire.Request.origin", property(lambda _: "http://elsewhere.test")
        )
        with pytest.raises(PricesUnavailable, match=r"names a next page at elsewhere\.test"):
            told(
                ProviderName.AZURE,
                {"prices_endpoint": url},
                f"azure,eastus,{NC24},A100-80GB,1,80,24,220,9,X,",
            )
