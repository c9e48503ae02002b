"""What a local cloud says of its stock where it is only asked about it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.domain.stock import Series


@dataclass(slots=True)
class Told:
    """What is told of places by region and kind of machine, beside what they have."""

    rumours: dict[tuple[str, str], int] = field(default_factory=dict)
    """How much is left, whatever there is."""
    reserved_as: dict[tuple[str, str], str] = field(default_factory=dict)
    """Which form a reservation has; `default` where none is named."""
    tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """What a reservation is marked with."""


class Stocktake:
    """The part of a cloud that tells how much it has left. What it tells may be old, or wrong."""

    stock: dict[tuple[str, str], Series]
    quota: dict[tuple[str, str], int]
    told: Told
    _held: dict[tuple[str, str], int]
    _changed: threading.Condition
    _clock: Callable[[], float]

    def left(self, region: str, sku: str) -> int | None:
        """How many more machines the place has room for; None: such are never sold there."""
        with self._changed:
            series = self.stock.get((region, sku))
            if series is None:
                return None
            rumour = self.told.rumours.get((region, sku))
            held = self._held.get((region, sku), 0)
            return max(series.available(self._clock()) - held, 0) if rumour is None else rumour

    def kept(self, region: str, sku: str) -> int:
        """How many machines there are at a place, those that are taken included."""
        with self._changed:
            return self.stock[region, sku].available(self._clock())

    def unstock(self, region: str, sku: str) -> None:
        """From now on such are not sold at the place any more."""
        with self._changed:
            self.stock.pop((region, sku), None)

    def allowed(self, region: str, sku: str) -> int | None:
        """How many more machines this customer may have there; None: as many as there are."""
        with self._changed:
            limit = self.quota.get((region, sku))
            return None if limit is None else max(limit - self._held.get((region, sku), 0), 0)

    def limit(self, region: str, sku: str) -> int | None:
        return self.quota.get((region, sku))

    def sold_in(self, region: str) -> list[str]:
        """The kinds of machine that are sold in a region or zone, however they are bought."""
        return sorted({sold.partition(" ")[0] for where, sold in self.stock if where == region})
