"""A name means a family: who asks for an A100 gets any, who asks for 80 GB gets those."""

from __future__ import annotations

import pytest

from broker.domain.family import any_of
from broker.domain.market import PoolKind
from broker.domain.values import ProviderName
from broker.domain.workload import Shape
from providers.catalogue import pools
from tests.support.broker import AWS, EAST, WEST, a_broker, pool, work

SOLD = ("A10", "A100", "A100-80GB", "A10G", "H100", "L4", "L40S", "T4", "V100", "V100-32GB")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (("A100",), ("A100", "A100-80GB")),
        (("A100-80GB",), ("A100-80GB",)),
        (("A10",), ("A10",)),
        (("L4",), ("L4",)),
        (("V100", "T4"), ("V100", "V100-32GB", "T4")),
        (("A100-80GB", "A100"), ("A100-80GB", "A100")),
        (("X900",), ("X900",)),
        ((), ()),
    ],
)
def test_a_name_means_itself_and_its_variants(
    asked: tuple[str, ...], meant: tuple[str, ...]
) -> None:
    assert any_of(asked, SOLD) == meant


def test_one_a100_is_bought_alone_and_the_notice_says_so() -> None:
    whole = pool(WEST, "30.00", accelerator="A100", gpus=8, cpus=96, memory_gib=900)
    with a_broker({EAST: 1, WEST: 1, AWS: 1}, pools=[pool(EAST), whole, pool(AWS)]) as broker:
        (job,) = broker.placed(work(shape=Shape(accelerators=("A100",), gpus=1)))
        assert broker.where(job) == [EAST]
        terms = broker.facts("OfferIssued")[0].data["terms"]
        assert terms["gpus_per_unit"] == 1
        assert terms["accelerators"] == ["A100", "A100-80GB"]


@pytest.mark.parametrize("name", ["A100", "H100", "T4", "V100"])
def test_the_holder_s_cheapest_machine_for_one_gpu_has_one_gpu(name: str) -> None:
    """No machine of eight is the first that is asked for one, in the catalogue that ships."""
    known = pools((ProviderName.AZURE,))
    meant = any_of((name,), {one.accelerator for one in known})
    fitting = [one for one in known if one.fits(Shape(accelerators=meant, gpus=1))]
    cheapest = min(fitting, key=lambda one: one.price_usd_hour)
    assert (cheapest.kind, cheapest.gpus) == (PoolKind.HOLDER, 1)
