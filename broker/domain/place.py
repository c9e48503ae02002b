"""Places, and how far a cloud's word reaches: a zone, a family's quota, a region, the whole cloud.

An area is written as a place: `aws us-east-1 *` is a region, `aws us-east-1 family:p` the machines
that share a quota there, and `aws * *` the cloud. So whatever is remembered of places is remembered
of areas too, in the same rows and streams.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from typing_extensions import override

from broker.domain.values import ProviderName, Purchase

EVERY: Final = "*"
_FAMILY: Final = "family:"
_ZONES: Final[Mapping[ProviderName, re.Pattern[str]]] = {
    ProviderName.AWS: re.compile(r"(?P<region>[a-z]{2}(-[a-z]+)+-\d+)[a-z]"),
    ProviderName.GCP: re.compile(r"(?P<region>[a-z]+-[a-z]+\d+)-[a-z]"),
}
"""How zones are called where a place may be one; the rest of the name is the region's."""


class Place(NamedTuple):
    """Where and how a cloud can be asked for one kind of machine; what a refusal is about."""

    provider: ProviderName
    region: str
    sku: str
    purchase: Purchase = Purchase.ON_DEMAND

    @classmethod
    def told(cls, data: Mapping[str, Any]) -> Place:
        """The place a fact names. Raises KeyError or ValueError where it names none."""
        return cls(ProviderName(data["provider"]), data["region"], data["sku"], bought_as(data))

    @property
    def interruptible(self) -> bool:
        """Whether its cloud may take a machine back whenever it wants it."""
        return self.purchase is Purchase.SPOT

    @property
    def sold(self) -> str:
        """The kind of machine, and how it is bought unless on demand: `p5.48xlarge spot`."""
        return _sold(self.sku, self.purchase)

    @property
    def stream(self) -> str:
        """Where the facts about it stand in the log."""
        how = "" if self.purchase is Purchase.ON_DEMAND else f"/{self.purchase.value}"
        return f"place/{self.provider.value}/{self.region}/{self.sku}{how}"

    @override
    def __str__(self) -> str:
        return f"{self.provider.value} {self.region} {self.sold}"


def read_sold(text: str) -> dict[str, str]:
    """The kind of machine and how it is bought, from what `Place.sold` says."""
    sku, _, how = text.rpartition(" ")
    if sku and how in set(Purchase):
        return {"sku": sku, "purchase": how}
    return {"sku": text}


def option(purchase: Purchase) -> dict[str, str]:
    """How something is bought, for a record that says nothing of what is bought on demand."""
    return {} if purchase is Purchase.ON_DEMAND else {"purchase": purchase.value}


def bought_as(data: Mapping[str, Any]) -> Purchase:
    """How what a fact tells of was bought; facts written before there was a choice do not say."""
    return Purchase(data.get("purchase") or Purchase.ON_DEMAND)


def told_place(data: Mapping[str, Any]) -> tuple[str, str, str]:
    """The words of the place a fact names: provider, region, and what is sold there."""
    purchase = data.get("purchase") or Purchase.ON_DEMAND.value
    return data["provider"], data["region"], _sold(data["sku"], purchase)


def _sold(sku: str, purchase: str) -> str:
    return sku if purchase == Purchase.ON_DEMAND.value else f"{sku} {purchase}"


class Reach(StrEnum):
    """What else a cloud means by what it says of one place."""

    PLACE = "place"
    ZONE = "zone"
    FAMILY = "family"
    """The machines of the region that share a quota with this one."""
    REGION = "region"
    CLOUD = "cloud"


def region_of(provider: ProviderName, region_or_zone: str) -> str:
    """The region of a zone, or the region itself."""
    pattern = _ZONES.get(provider)
    zone = pattern.fullmatch(region_or_zone) if pattern is not None else None
    return zone["region"] if zone else region_or_zone


def _until_a_digit(sku: str) -> str:
    return re.split(r"\d", sku, maxsplit=1)[0]


def _without_size(sku: str) -> str:
    """`Standard_NC24ads_A100_v4` is one of `NCads_A100_v4`."""
    head, *rest = sku.removeprefix("Standard_").split("_")
    return "_".join((re.sub(r"\d+", "", head), *rest))


_FAMILIES: Final[Mapping[ProviderName, Callable[[str], str]]] = {
    ProviderName.AWS: _until_a_digit,
    ProviderName.AZURE: _without_size,
    ProviderName.GCP: lambda sku: sku.rpartition("-")[0] or sku,
    ProviderName.ORACLE: lambda sku: re.sub(r"\.\d+$", "", sku),
}


def family_of(provider: ProviderName, sku: str) -> str:
    """The name of those with which a machine shares its quota, as far as its own name tells.

    Where names tell less than the cloud's own list, the family is too small, and never too large.
    """
    return _FAMILIES.get(provider, str)(sku)


def area(place: Place, reach: Reach) -> Place:
    """The area around a place that is meant; a place by itself is its own."""
    provider = place.provider
    match reach:
        case Reach.PLACE:
            return place
        case Reach.ZONE:
            return Place(provider, place.region, EVERY)
        case Reach.FAMILY:
            family = f"{_FAMILY}{family_of(provider, place.sku)}"
            return Place(provider, region_of(provider, place.region), family, place.purchase)
        case Reach.REGION:
            return Place(provider, region_of(provider, place.region), EVERY)
        case Reach.CLOUD:
            return Place(provider, EVERY, EVERY)


@lru_cache(maxsize=8192)
def areas(place: Place) -> tuple[Place, ...]:
    """Every area that a place lies in, the place itself first and the cloud last."""
    return tuple(dict.fromkeys(area(place, reach) for reach in Reach))


def told_area(data: Mapping[str, Any]) -> tuple[str, str, str]:
    """The words of the area that a fact of one place means; an older fact means the place."""
    reach = Reach(data.get("scope") or Reach.PLACE)
    return _words(area(Place.told(data), reach))


def told_areas(words: tuple[str, str, str], purchase: Purchase) -> tuple[tuple[str, str, str], ...]:
    """The words of every area that a place lies in, of which only words are known."""
    provider, region, sold = words
    how = "" if purchase is Purchase.ON_DEMAND else f" {purchase}"
    return told_around(Place(ProviderName(provider), region, sold.removesuffix(how), purchase))


def told_around(place: Place) -> tuple[tuple[str, str, str], ...]:
    """The words of every area that a place lies in, itself first."""
    return tuple(map(_words, areas(place)))


def _words(place: Place) -> tuple[str, str, str]:
    return place.provider.value, place.region, place.sold


def is_area(place: Place) -> bool:
    return place.sku == EVERY or place.sku.startswith(_FAMILY)


def reach_of(area: Place) -> Reach:
    """What an area is."""
    if not is_area(area):
        return Reach.PLACE
    if area.region == EVERY:
        return Reach.CLOUD
    if area.sku != EVERY:
        return Reach.FAMILY
    whole = region_of(area.provider, area.region)
    return Reach.REGION if whole == area.region else Reach.ZONE
