"""Capacity that an account has reserved and pays for whether it is used or not, as pools.

An account names it in its field `reservations`: `region/machine=id`, separated by spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from broker.domain.market import Pool
from broker.domain.values import ProviderName, Purchase, Usd

FIELD = "reservations"


def reservations(cloud: ProviderName, account: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The reservation of each region and kind of machine. Raises ValueError with one sentence."""
    found: dict[tuple[str, str], str] = {}
    for entry in account.get(FIELD, "").split():
        where, _, name = entry.partition("=")
        region, _, sku = where.partition("/")
        if not (region and sku and name):
            raise ValueError(
                f"clouds.{cloud}.{FIELD}: {entry!r} is no reservation; write region/machine=id"
            )
        if (region, sku) in found:
            raise ValueError(
                f"clouds.{cloud}.{FIELD}: {where} is named twice; name one reservation for it"
            )
        found[region, sku] = name
    return found


def with_reserved(
    pools: Iterable[Pool], accounts: Mapping[ProviderName, Mapping[str, str]]
) -> tuple[Pool, ...]:
    """The pools, and one more for each reservation: the same machine, at no further cost.

    Raises ValueError, with one sentence, for a reservation of a machine that no list knows.
    """
    known = tuple(pools)
    sold = {pool.place: pool for pool in known}
    found = []
    for cloud, account in accounts.items():
        for region, sku in reservations(cloud, account):
            listed = next(
                (p for p in sold if p.provider is cloud and p[1:3] == (region, sku)), None
            )
            if listed is None:
                raise ValueError(
                    f"clouds.{cloud}.{FIELD}: the catalogue lists no {sku} in {region}; add it to "
                    "a catalogue of your own, or correct the entry"
                )
            place = listed._replace(purchase=Purchase.RESERVED)
            found.append(replace(sold[listed], place=place, price_usd_hour=Usd(0)))
    return (*known, *found)
