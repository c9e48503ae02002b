"""A person says that what kept us away does so no more."""

from __future__ import annotations

from dataclasses import dataclass

from broker.domain.cool_downs import CoolDown, cleared, standing
from broker.domain.market import Place
from broker.domain.place import region_of
from broker.domain.values import ProviderName
from broker.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A cloud, or a region or zone of it, or one kind of machine there."""

    provider: ProviderName
    region: str | None = None
    sku: str | None = None

    def has(self, place: Place) -> bool:
        whole = region_of(place.provider, place.region)
        return (
            place.provider is self.provider
            and self.region in (None, place.region, whole)
            and self.sku in (None, place.sku)
        )


def clear_cool_downs(within: Within, by: str, reason: str, store: Store) -> list[CoolDown]:
    """Forget every no and every trouble there; returns them. Who waits for the places tries again.

    Evidence stays evidence: what was released because of a no that is cleared here was released
    rightly. It is offered anew all the same, for the stock is known to have changed (T20b).
    """
    with store.transaction() as tx:
        known = tx.places().items()
        shut = [place for place, one in known if within.has(place) and one.shuts(tx.now)]
        records = tx.places(hold=shut)
        found = standing([records[place] for place in shut], tx.now)
        for place in shut:
            record, told = cleared(records[place], tx.now, by, reason)
            tx.put_place(record, told)
        if shut:
            tx.call_heads()
    return found
