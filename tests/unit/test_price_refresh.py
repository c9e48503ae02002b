"""A catalogue brought up to date, and catalogues of other tools read as ours."""

from __future__ import annotations

from decimal import Decimal

import pytest

from broker.domain.values import ProviderName
from providers.catalogue import COLUMNS, MalformedCatalogue, read
from providers.foreign_catalogues import read_foreign
from providers.price_refresh import merged, refreshed, text_of
from providers.prices import ListPrice

D4 = "azure,eastus,Standard_D4s_v5,,0,,4,16,0.192,KARP-AZ,2026-06-18"
A10 = "oracle,us-phoenix-1,VM.GPU.A10.1,A10,1,24,30,240,2,SKYCAT,"


def row(line: str) -> dict[str, str]:
    return dict(zip(COLUMNS, line.split(","), strict=True))


def price(hour: str, *, spot: bool = False, shape: str = "Standard_D4s_v5") -> ListPrice:
    return ListPrice(
        provider=ProviderName.AZURE,
        region="eastus",
        shape=shape,
        usd_hour=Decimal(hour),
        spot=spot,
    )


def test_what_a_list_names_gets_its_price_its_date_and_its_source() -> None:
    result = refreshed(
        [row(D4), row(A10)],
        [price("0.2"), price("0.05", spot=True)],
        [ProviderName.AZURE],
        "2026-11-28",
    )
    first, second = result.rows
    assert (first["usd_hour"], first["spot_usd_hour"]) == ("0.2", "0.05")
    assert (first["source"], first["as_of"]) == ("AZURE-RETAIL", "2026-11-28")
    assert second == row(A10)
    assert [(c.spot, c.before, c.after) for c in result.changes] == [
        (False, Decimal("0.192"), Decimal("0.2")),
        (True, None, Decimal("0.05")),
    ]
    assert (result.confirmed, result.unlisted) == (1, ())


def test_what_no_list_names_keeps_its_price_and_its_age() -> None:
    result = refreshed([row(D4)], [price("1", shape="other")], [ProviderName.AZURE], "2026-11-28")
    assert result.rows == (row(D4),)
    assert result.unlisted == (row(D4),)
    assert (result.confirmed, result.changes) == (0, ())


def test_a_spot_price_above_the_list_is_nobody_s() -> None:
    prices = [price("0.192"), price("0.3", spot=True)]
    result = refreshed([row(D4)], prices, [ProviderName.AZURE], "2026-11-28")
    assert result.rows[0]["spot_usd_hour"] == ""
    assert result.changes == ()


def test_what_is_written_is_a_catalogue() -> None:
    result = refreshed([row(D4), row(A10)], [price("0.2")], [ProviderName.AZURE], "2026-11-28")
    pools = read(text_of(result.rows).splitlines(), "own.csv")
    assert [str(pool.price_usd_hour) for pool in pools] == ["0.2", "2"]
    assert pools[0].priced_at == "2026-11-28"


GPUHUNT = (
    "instance_name,location,price,cpu,memory,gpu_vendor,gpu_count,gpu_name,gpu_memory,spot,disk_size",
    "a2-ultragpu-1g,us-central1-a,5.07,12,170.0,nvidia,1,A100,80.0,False,",
    "a2-ultragpu-1g,us-central1-c,5.05,12,170.0,nvidia,1,A100,80.0,False,",
    "a2-ultragpu-1g,us-central1-a,2.5,12,170.0,nvidia,1,A100,80.0,True,",
    "n2-standard-4,us-central1-a,0.19,4,16.0,,0,,,False,",
    "spot-only,us-central1-a,0.1,4,16.0,,0,,,True,",
)


def test_gpuhunt_s_zones_become_regions_and_its_two_rows_one_machine() -> None:
    name, rows = read_foreign(GPUHUNT, ProviderName.GCP, "gcp.csv", "2026-11-01")
    assert name == "gpuhunt"
    by_shape = {one["shape"]: one for one in rows}
    assert set(by_shape) == {"a2-ultragpu-1g", "n2-standard-4"}
    big = by_shape["a2-ultragpu-1g"]
    assert (big["region"], big["gpu"], big["gib_per_gpu"]) == ("us-central1", "A100-80GB", "80")
    assert (big["usd_hour"], big["spot_usd_hour"]) == ("5.05", "2.5")
    assert read(text_of(rows).splitlines(), "own.csv")[0].priced_at == "2026-11-01"


SKYPILOT = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,SpotPrice,Region",
    "p4de.24xlarge,A100-80GB,8.0,96.0,1152.0,40.96,12.1,us-east-1",
    "p4de.24xlarge,A100-80GB,8.0,96.0,1152.0,40.96,11.9,us-east-1",
    "c7i.xlarge,,,4.0,8.0,0.1785,,us-east-1",
    ",V100,1.0,,,2.48,0.74,us-east-1",
)


def test_skypilot_s_accelerators_by_themselves_are_passed_over() -> None:
    name, rows = read_foreign(SKYPILOT, ProviderName.AWS, "vms.csv", "2026-11-01")
    assert name == "skypilot"
    assert [(one["shape"], one["gpu"], one["gpus"]) for one in rows] == [
        ("p4de.24xlarge", "A100-80GB", "8"),
        ("c7i.xlarge", "", "0"),
    ]
    assert rows[0]["spot_usd_hour"] == "11.9"


def test_an_imported_machine_takes_the_place_of_the_one_before() -> None:
    _, rows = read_foreign(SKYPILOT, ProviderName.AWS, "vms.csv", "2026-11-01")
    before = row("aws,us-east-1,c7i.xlarge,,0,,4,8,9,KARP-AWS,2020-01-01")
    both = merged([row(D4), before], rows)
    assert [one["shape"] for one in both] == ["Standard_D4s_v5", "c7i.xlarge", "p4de.24xlarge"]
    assert both[1]["usd_hour"] == "0.1785"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("a,b", "1,2"), "x.csv, line 1: the columns are those of neither gpuhunt"),
        ((*GPUHUNT[:1], "m,r,cheap,1,1,,0,,,False,"), "x.csv, line 2: .* no machine of gpuhunt's"),
        ((*GPUHUNT[:1], "m,r,-1,1,1,,0,,,False,"), "line 2: .*price is -1"),
        (GPUHUNT[:1], "x.csv: there is no machine with a price in it"),
    ],
)
def test_a_file_that_is_no_catalogue_is_named(lines: tuple[str, ...], says: str) -> None:
    with pytest.raises(MalformedCatalogue, match=says):
        read_foreign(lines, ProviderName.GCP, "x.csv", "2026-11-01")
