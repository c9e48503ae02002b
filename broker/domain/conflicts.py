"""Conflicts of interest: which parties may neither see nor run a tenant's work, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

EVERY_TENANT: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A party that a tenant's work is kept from, with every supplier it owns enough of."""

    id: str
    tenant: str
    """`*` is every tenant."""
    party: str
    because: str
    begins: datetime
    ends: datetime | None
    share: Decimal | None = None
    """From what share on a stake of the party's makes a supplier conflicted too; None: never."""

    def concerns(self, tenant: str, at: datetime) -> bool:
        live = self.begins <= at and (self.ends is None or at < self.ends)
        return live and self.tenant in (tenant, EVERY_TENANT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """So much of a supplier belongs to a party, from the closing of the deal on."""

    id: str
    owner: str
    supplier: str
    share: Decimal
    begins: datetime
    ends: datetime | None

    def held(self, at: datetime) -> bool:
        return self.begins <= at and (self.ends is None or at < self.ends)


def conflicted(
    tenant: str, at: datetime, conflicts: Iterable[Conflict], stakes: Iterable[Stake]
) -> frozenset[str]:
    """The parties in a tenant's conflict set at an instant; ownership is followed to its end."""
    held = [stake for stake in stakes if stake.held(at)]
    parties: set[str] = set()
    for conflict in conflicts:
        if not conflict.concerns(tenant, at):
            continue
        reached, fresh = {conflict.party}, {conflict.party}
        while fresh and conflict.share is not None:
            fresh = {
                stake.supplier
                for stake in held
                if stake.owner in fresh and stake.share >= conflict.share
            } - reached
            reached |= fresh
        parties |= reached
    return frozenset(parties)
