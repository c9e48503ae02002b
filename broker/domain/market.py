"""All that a placement decision may see, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from typing_extensions import override

from broker.domain.values import (
    OfferId,
    ProviderName,
    Purchase,
    RefusalId,
    RefusalReason,
    Usd,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from broker.domain.workload import Limits, Shape


Fitting: TypeAlias = "dict[tuple[str, tuple[str, ...], tuple[str, ...] | None], tuple[Pool, ...]]"
"""The pools of some suppliers that fit a line, in the order of asking: worked out once."""


class PoolKind(StrEnum):
    HOLDER = "holder"
    HOLDER_VIA = "holder_via"
    OWN_BUILT = "own_built"
    THIRD_PARTY_CLOUD = "third_party_cloud"
    MODEL_API = "model_api"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A source of machines of one kind, with its list price."""

    place: Place
    kind: PoolKind
    accelerator: str
    """Empty for a machine without one."""
    gpus: int
    cpus: int
    memory_gib: int
    price_usd_hour: Usd
    priced_at: str = ""
    """The date of the price list, `2026-06-18`."""
    via: str | None = None
    """The name under which a holder supplies it as its own, where it is another's."""

    def fits(self, shape: Shape) -> bool:
        """Whether one machine of this pool has at least what a unit of the shape needs."""
        return (
            self.gpus >= shape.gpus
            and self.cpus >= shape.cpus
            and self.memory_gib >= shape.memory_gib
            and (not shape.accelerators or self.accelerator in shape.accelerators)
        )

    def within(self, limits: Limits) -> bool:
        """Whether the job's own words leave this pool; its price is asked apart."""
        return (
            self.place.provider not in limits.exclude
            and limits.spot.takes(self.place.purchase)
            and (
                not limits.regions
                or any(fnmatchcase(self.place.region, pattern) for pattern in limits.regions)
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One place of a cloud said no; remembered, and shared by all jobs, until `valid_until`."""

    id: RefusalId
    place: Place
    units: int
    """How many together it refused; fewer may still be had."""
    code: str
    reason: RefusalReason
    at: datetime
    valid_until: datetime
    offer: OfferId | None = None

    def stands(self, now: datetime, units: int) -> bool:
        """Whether it answers for so many units together at an instant."""
        return now < self.valid_until and units >= self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Every pool there is, what their places said last, and for how many they may be asked."""

    pools: tuple[Pool, ...]
    refusals: Mapping[Place, Refusal] = field(default_factory=dict)
    room: Mapping[Place, int] = field(default_factory=dict)
    """How many more machines a place may be asked for at once; a place that is not named, any."""
    freed: Mapping[Place, datetime] = field(default_factory=dict)
    """When a machine of ours last ended at a place."""
    closed: Mapping[Place, datetime] = field(default_factory=dict)
    """Until when a trouble of ours keeps third-party orders away from a place."""
    fitting: Fitting = field(default_factory=dict, compare=False, repr=False)
    """May be handed on from one market to the next that has the same pools."""

    def standing(self, place: Place, now: datetime, units: int) -> Refusal | None:
        """The refusal under which a place stands for so many units together, if it does."""
        refusal = self.refusals.get(place)
        return refusal if refusal is not None and refusal.stands(now, units) else None

    def shut_until(self, place: Place, now: datetime, units: int) -> datetime | None:
        """Until when a third party is not to be asked there: refused, or closed by our trouble."""
        refusal, closed = self.standing(place, now, units), self.closed.get(place)
        ends = [refusal.valid_until] if refusal else []
        if closed is not None and now < closed:
            ends.append(closed)
        return max(ends, default=None)


def allowance(streak: int) -> int:
    """How many machines a place may be asked for before it has answered: 1, 2, 4, and so on to 64.

    `streak` counts the yeses since its last no. So fifty jobs for a full place cost one refused
    call, and a place that gives is soon asked for all at once.
    """
    return 1 << min(streak, 6)
