"""What a local cloud says of its stock where it is only asked about it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from broker.domain.stock import Series


class Stocktake:
    """The part of a cloud that tells how much it has left. What it tells may be old, or wrong."""

    stock: dict[tuple[str, str], Series]
    quota: dict[tuple[str, str], int]
    rumours: dict[tuple[str, str], int]
    """What is told of a place, whatever it has."""
    _held: dict[tuple[str, str], int]
    _changed: threading.Condition
    _clock: Callable[[], float]

    def left(self, region: str, sku: str) -> int | None:
        """How many more machines the place has room for; None: such are never sold there."""
        with self._changed:
            series = self.stock.get((region, sku))
            if series is None:
                return None
            rumour = self.rumours.get((region, sku))
            held = self._held.get((region, sku), 0)
            return max(series.available(self._clock()) - held, 0) if rumour is None else rumour

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
