"""What a local cloud says of its stock where it is only asked about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from broker.domain.stock import Series
from providers.emulators.market import SpotMarket


@dataclass(slots=True)
class Told:
    """What is told of places by region and kind of machine, beside what they have."""

    rumours: dict[tuple[str, str], int] = field(default_factory=dict)
    """How much is left, whatever there is."""
    reserved_as: dict[tuple[str, str], str] = field(default_factory=dict)
    """Which form a reservation has; `default` where none is named."""
    tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """What a reservation is marked with."""


class Stocktake(SpotMarket):
    """The part of a cloud that tells how much it has left. What it tells may be old, or wrong."""

    def __init__(
        self,
        stock: Mapping[tuple[str, str], Series | int],
        clock: Callable[[], float],
        quota: Mapping[tuple[str, str], int],
    ) -> None:
        super().__init__(stock, clock)
        self.quota = dict(quota)
        self.told = Told()

    def tells(self, region: str, sold: str) -> int | None:
        """How many more machines it says it has; None: such are never sold there."""
        with self._changed:
            if (region, sold) not in self.stock:
                return None
            rumour = self.told.rumours.get((region, sold))
            return self.left(region, sold) if rumour is None else rumour

    def kept(self, region: str, sold: str) -> int:
        """How many machines there are at a place, those that are taken included."""
        with self._changed:
            return self.stock[region, sold].available(self._clock())

    def unstock(self, region: str, sold: str) -> None:
        """From now on such are not sold at the place any more."""
        with self._changed:
            self.stock.pop((region, sold), None)

    def allowed(self, region: str, sold: str) -> int | None:
        """How many more machines this customer may have there; None: as many as there are."""
        with self._changed:
            limit = self.quota.get((region, sold))
            held = self._held.get((region, sold), 0)
            return None if limit is None else max(limit - held, 0)

    def limit(self, region: str, sold: str) -> int | None:
        return self.quota.get((region, sold))

    def sold_in(self, region: str) -> list[str]:
        """The kinds of machine that are sold in a region or zone, however they are bought."""
        return sorted({sold.partition(" ")[0] for where, sold in self.stock if where == region})
