"""What is remembered of each place of a cloud: its last no, its yeses since, our own trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from broker.domain.altered import made_at_once
from broker.domain.market import Place, Refusal
from broker.domain.values import ProviderName, RefusalReason

COOL_DOWN: Final[Mapping[RefusalReason, timedelta]] = {
    RefusalReason.NO_CAPACITY: timedelta(minutes=3),
    RefusalReason.OVER_QUOTA: timedelta(minutes=10),
    RefusalReason.NOT_STOCKED: timedelta(hours=23),
}
"""How long a place is left alone after it said no (design of the clouds, 2.6)."""

AZURE_NO_CAPACITY: Final = timedelta(hours=1)
"""Azure's own allocation failures last longer than those of the others (same source)."""

_OTHERWISE: Final = timedelta(minutes=3)


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRecord:
    place: Place
    refusal: Refusal | None = None
    streak: int = 0
    """The yeses since the last no; how much it may be asked for at once grows with them."""
    freed_at: datetime | None = None
    """When a machine of ours ended there: its stock is known to have changed."""
    closed_until: datetime | None = None
    """Until when a trouble of ours keeps third-party orders away; it is no refusal."""


def cool_down(
    provider: ProviderName, reason: RefusalReason, at_most_s: int | None = None
) -> timedelta:
    """How long a refusal stands; for the holder never longer than its clause's maximum age."""
    if provider is ProviderName.AZURE and reason is RefusalReason.NO_CAPACITY:
        usual = AZURE_NO_CAPACITY
    else:
        usual = COOL_DOWN.get(reason, _OTHERWISE)
    return usual if at_most_s is None else min(usual, timedelta(seconds=at_most_s))
