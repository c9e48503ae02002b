"""Catalogue files of other tools, read as ours: gpuhunt's and SkyPilot's, one cloud a file.

Both are CSV with a row for each machine and region; columns that we have no use for are passed
over. Their sources: dstackai/gpuhunt, `models.py`; skypilot-org/skypilot-catalog, `catalogs/`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from broker.domain.values import ProviderName, decimal_text, usd
from providers.catalogue import MalformedCatalogue, Row

_GPUHUNT: Final = ("instance_name", "location", "price", "cpu", "memory", "gpu_count", "spot")
_SKYPILOT: Final = ("InstanceType", "vCPUs", "MemoryGiB", "AcceleratorName", "Price", "Region")
_BIG_A100_GIB: Final = 79
_BIG_V100_GIB: Final = 31
_GCP_ZONE: Final = re.compile(r"(?P<region>[a-z]+-[a-z]+\d+)-[a-z]")


class _Machine(NamedTuple):
    region: str
    shape: str
    gpu: str
    gpus: int
    gib_per_gpu: str
    cpus: int
    memory_gib: int
    usd_hour: str
    spot_usd_hour: str


_Reading: TypeAlias = Callable[[Mapping[str, str]], _Machine | None]


def read_foreign(
    lines: Iterable[str], cloud: ProviderName, source: str, as_of: str
) -> tuple[str, list[Row]]:
    """The name of the format, and the rows of our own catalogue, one for a region and machine.

    Of several zones of a region the cheapest price stands. Rows without a price or a machine type,
    and parts of a GPU, are passed over. Raises MalformedCatalogue.
    """
    rows = csv.DictReader(lines)
    head = tuple(rows.fieldnames or ())
    name, reading = _format(head, source)
    found: dict[tuple[str, str], _Machine] = {}
    for row in rows:
        try:
            machine = reading(row)
        except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
            raise MalformedCatalogue(
                f"{source}, line {rows.line_num}: this is no machine of {name}'s ({wrong})"
            ) from None
        if machine is not None:
            machine = machine._replace(region=_region(cloud, machine.region))
            key = (machine.region, machine.shape)
            found[key] = _cheaper(found[key], machine) if key in found else machine
    listed = [_row(machine, cloud, name, as_of) for machine in found.values() if machine.usd_hour]
    if not listed:
        raise MalformedCatalogue(f"{source}: there is no machine with a price in it")
    return name, listed


def _format(head: tuple[str, ...], source: str) -> tuple[str, _Reading]:
    for name, columns, reading in (
        ("gpuhunt", _GPUHUNT, _of_gpuhunt),
        ("skypilot", _SKYPILOT, _of_skypilot),
    ):
        if set(columns) <= set(head):
            return name, reading
    raise MalformedCatalogue(
        f"{source}, line 1: the columns are those of neither gpuhunt ({','.join(_GPUHUNT)}) "
        f"nor SkyPilot ({','.join(_SKYPILOT)})"
    )


def _of_gpuhunt(row: Mapping[str, str]) -> _Machine | None:
    if not row["instance_name"] or not row["price"] or not row["cpu"] or not row["location"]:
        return None
    gpus, each = int(row["gpu_count"] or 0), row.get("gpu_memory") or ""
    price, spot = _amount(row["price"]), row["spot"].lower() == "true"
    return _Machine(
        region=row["location"],
        shape=row["instance_name"],
        gpu=_gpu(row.get("gpu_name") or "", each) if gpus else "",
        gpus=gpus,
        gib_per_gpu=_whole(each) if gpus else "",
        cpus=int(float(row["cpu"])),
        memory_gib=int(float(row["memory"])),
        usd_hour="" if spot else price,
        spot_usd_hour=price if spot else "",
    )


def _of_skypilot(row: Mapping[str, str]) -> _Machine | None:
    count = float(row.get("AcceleratorCount") or 0)
    if not row["InstanceType"] or not row["vCPUs"] or not count.is_integer():
        return None  # an accelerator by itself, or a part of one
    name = row["AcceleratorName"] or ""
    gpu, _, each = name.partition("-")
    each = each.removesuffix("GB") if each.removesuffix("GB").isdigit() else ""
    return _Machine(
        region=row["Region"],
        shape=row["InstanceType"],
        gpu=_gpu(gpu if each else name, each),
        gpus=int(count),
        gib_per_gpu=each,
        cpus=int(float(row["vCPUs"])),
        memory_gib=int(float(row["MemoryGiB"])),
        usd_hour=_amount(row["Price"]),
        spot_usd_hour=_amount(row.get("SpotPrice") or ""),
    )


def _gpu(name: str, each_gib: str) -> str:
    """Our own name of a GPU: the two that come in two sizes carry the larger one's."""
    gib = float(each_gib or 0)
    if name == "A100" and gib >= _BIG_A100_GIB:
        return "A100-80GB"
    return "V100-32GB" if name == "V100" and gib >= _BIG_V100_GIB else name


def _amount(text: str) -> str:
    if not text:
        return ""
    amount = usd(text)
    if amount < 0:
        raise ValueError(f"the price is {text}")
    return decimal_text(amount)


def _whole(text: str) -> str:
    return str(int(float(text))) if text else ""


def _region(cloud: ProviderName, location: str) -> str:
    """The region of a zone, where the file names zones."""
    zone = _GCP_ZONE.fullmatch(location) if cloud is ProviderName.GCP else None
    return zone["region"] if zone else location


def _cheaper(one: _Machine, other: _Machine) -> _Machine:
    def least(*prices: str) -> str:
        return min((price for price in prices if price), key=usd, default="")

    return one._replace(
        usd_hour=least(one.usd_hour, other.usd_hour),
        spot_usd_hour=least(one.spot_usd_hour, other.spot_usd_hour),
    )


def _row(machine: _Machine, cloud: ProviderName, source: str, as_of: str) -> Row:
    said = {name: str(value) for name, value in machine._asdict().items()}
    return {"cloud": cloud.value, **said, "source": source.upper(), "as_of": as_of}
