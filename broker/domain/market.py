"""All that a placement decision may see, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from broker.domain.advice import AdviceId, Thought
from broker.domain.altered import made_at_once
from broker.domain.place import Place, areas, bought_as, option, told_place
from broker.domain.values import OfferId, RefusalId, RefusalReason, Usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from broker.domain.workload import Limits, Shape

__all__ = [
    "Fitting",
    "Market",
    "Place",
    "Pool",
    "PoolKind",
    "Refusal",
    "allowance",
    "bought_as",
    "option",
    "told_place",
]


Fitting: TypeAlias = "dict[tuple[str, tuple[str, ...], tuple[str, ...] | None], tuple[Pool, ...]]"
"""The pools of some suppliers that fit a line, in the order of asking: worked out once."""


class PoolKind(StrEnum):
    HOLDER = "holder"
    HOLDER_VIA = "holder_via"
    OWN_BUILT = "own_built"
    THIRD_PARTY_CLOUD = "third_party_cloud"
    MODEL_API = "model_api"


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


@made_at_once
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
    message: str = ""
    """What the cloud said about it."""

    def stands(self, now: datetime, units: int) -> bool:
        """Whether it answers for so many units together at an instant."""
        return now < self.valid_until and units >= self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a cloud's own interfaces say of one place, without having been asked for a machine."""

    place: Place
    thought: Thought
    units: int | None = None
    """How many machines it is thought to have room for, where a number was told."""
    because: str = ""
    """Which interface said what: `usages: standardNCFamily 96 of 96 in use`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """Advice as it is kept: how old it is, and under which name it stands on record."""

    advice: Advice
    as_of: datetime
    """When its cloud was asked."""
    id: AdviceId | None = None
    """Under which it was told; None where nothing may be decided by it."""
    until: datetime | None = None
    """Until when it may be gone by, as was told."""

    @property
    def place(self) -> Place:
        return self.advice.place

    def holds(self, now: datetime) -> bool:
        """Whether something may be decided by it at an instant."""
        return self.until is not None and now < self.until and self.advice.thought.adverse


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Every pool there is, what their places said last, and for how many they may be asked."""

    pools: tuple[Pool, ...]
    refusals: Mapping[Place, Refusal] = field(default_factory=dict)
    room: Mapping[Place, int] = field(default_factory=dict)
    """How many more machines a place may be asked for at once; a place that is not named, any."""
    freed: Mapping[Place, datetime] = field(default_factory=dict)
    """When the stock of a place last changed as far as we know: a machine of ours ended there."""
    closed: Mapping[Place, datetime] = field(default_factory=dict)
    """Until when a trouble of ours keeps third-party orders away from a place or an area."""
    wide: frozenset[Place] | None = None
    """The areas of which anything is remembered; None: every one is looked up."""
    advice: Mapping[Place, Advised] = field(default_factory=dict)
    """What places are thought to hold; it decides between third parties only."""
    fitting: Fitting = field(default_factory=dict, compare=False, repr=False)
    """May be handed on from one market to the next that has the same pools."""

    def standing(self, place: Place, now: datetime, units: int) -> Refusal | None:
        """The refusal under which a place stands for so many units together, if it does."""
        refusal = self.refusals.get(place)
        return refusal if refusal is not None and refusal.stands(now, units) else None

    def shut_until(self, place: Place, now: datetime, units: int) -> datetime | None:
        """Until when a third party is not to be asked there: refused, or closed by our trouble.

        What was said of an area around the place counts too. The holder is asked at each of its
        places all the same: only what a place itself has refused lets a right go.
        """
        latest: datetime | None = None
        for around in self._around(place):
            refusal = self.refusals.get(around)
            if refusal is not None and refusal.stands(now, units):
                latest = max(latest or refusal.valid_until, refusal.valid_until)
            closed = self.closed.get(around)
            if closed is not None and now < closed:
                latest = max(latest or closed, closed)
        return latest

    def _around(self, place: Place) -> tuple[Place, ...]:
        """The place, and the areas around it of which anything is remembered."""
        if self.wide is None:
            return areas(place)
        wide = self.wide
        return (place, *(one for one in areas(place) if one in wide)) if wide else (place,)

    def why_shut(self, place: Place, now: datetime, units: int) -> str:
        """The refusal that shuts it, by its id, or else `closed` and the place or the area."""
        for around in self._around(place):
            if refusal := self.standing(around, now, units):
                return refusal.id
            closed = self.closed.get(around)
            if closed is not None and now < closed:
                return f"closed {around}"
        raise ValueError(f"nothing shuts {place}")


def allowance(streak: int) -> int:
    """How many machines a place may be asked for before it has answered: 1, 2, 4, and so on to 64.

    `streak` counts the yeses since its last no. So fifty jobs for a full place cost one refused
    call, and a place that gives is soon asked for all at once.
    """
    return 1 << min(streak, 6)
