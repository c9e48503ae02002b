"""The order among suppliers who may all be asked: cheapest first, then by name."""

from __future__ import annotations

from collections.abc import Iterable

from broker.domain.market import Place, Pool
from broker.domain.values import Usd


def ranked(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """Pools from first to last choice. The order is total, so equal input gives equal output."""
    return tuple(sorted(pools, key=rank))


def rank(pool: Pool) -> tuple[Usd, Place]:
    """What the order is by."""
    return pool.price_usd_hour, pool.place
