"""The price list that decisions were taken by, as the log carries it.

Every commitment to a third party names the list it was chosen from, so that the choice can be
made again from the log alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2s
from typing import Any

from broker.domain.chain import canonical
from broker.domain.market import Place, Pool, PoolKind, option
from broker.domain.values import decimal_text, usd


def listed(pools: Iterable[Pool]) -> tuple[dict[str, Any], ...]:
    """The pools as a fact tells them, in the order of their places."""
    return tuple(
        {
            "provider": pool.place.provider.value,
            "region": pool.place.region,
            "sku": pool.place.sku,
            "kind": pool.kind.value,
            "accelerator": pool.accelerator,
            "gpus": pool.gpus,
            "cpus": pool.cpus,
            "memory_gib": pool.memory_gib,
            "price_usd_hour": decimal_text(pool.price_usd_hour),
            "priced_at": pool.priced_at,
        }
        | option(pool.place.purchase)
        for pool in sorted(pools, key=lambda pool: pool.place)
    )


def list_id(pools: Iterable[Pool]) -> str:
    """The name of a price list: 16 hex digits from all it says."""
    return blake2s(canonical(listed(pools)).encode(), digest_size=8).hexdigest()


def read_listed(rows: Iterable[Mapping[str, Any]]) -> tuple[Pool, ...]:
    """The pools that a fact tells. Raises KeyError or ValueError where it tells none."""
    return tuple(
        Pool(
            place=Place.told(row),
            kind=PoolKind(row["kind"]),
            accelerator=row["accelerator"],
            gpus=row["gpus"],
            cpus=row["cpus"],
            memory_gib=row["memory_gib"],
            price_usd_hour=usd(row["price_usd_hour"]),
            priced_at=row["priced_at"],
        )
        for row in rows
    )
