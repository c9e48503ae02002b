"""The catalogue: dated shapes and prices of every cloud, and one sentence for a bad line."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.domain.market import PoolKind
from broker.domain.values import ProviderName
from broker.domain.workload import Shape
from providers.catalogue import COLUMNS, MalformedCatalogue, pools, read

HEAD = ",".join(COLUMNS)


def test_every_cloud_sells_gpus_and_plain_machines_in_two_regions_or_more() -> None:
    for provider in set(ProviderName) - {ProviderName.OWN}:
        sold = pools([provider])
        assert len({pool.place.region for pool in sold}) in (2, 3, 4)
        assert any(pool.fits(Shape(gpus=8)) for pool in sold)
        assert (
            max(Counter(p.place.region for p in sold if not p.place.interruptible).values()) <= 50
        )


def test_only_azure_is_the_holder() -> None:
    kinds = {pool.place.provider: pool.kind for pool in pools(ProviderName)}
    assert kinds.pop(ProviderName.AZURE) is PoolKind.HOLDER
    assert set(kinds.values()) == {PoolKind.THIRD_PARTY_CLOUD}


def test_an_h100_is_to_be_had_from_all_four_clouds() -> None:
    wanted = Shape(accelerators=("H100",), gpus=1)
    found = {pool.place.provider for pool in pools(ProviderName) if pool.fits(wanted)}
    assert found == set(ProviderName) - {ProviderName.OWN}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("azure,eastus,a,,0,,4,16,cheap,X,", "own.csv, line 2: this is no machine"),
        ("moon,eastus,a,,0,,4,16,1,X,", "own.csv, line 2: this is no machine"),
        ("azure,eastus,a,,0,,4,16,1,X,\nazure,eastus,a,,0,,4,16,1,X,", "line 3: .* twice"),
    ],
)
def test_a_bad_line_is_named(line: str, says: str) -> None:
    with pytest.raises(MalformedCatalogue, match=says):
        read([HEAD, *line.splitlines()], "own.csv")
