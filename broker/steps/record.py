"""Put on record what decisions are taken by: the editions, and the price list."""

from __future__ import annotations

from collections.abc import Iterable

from broker.domain.agreement import Agreement
from broker.domain.events import EditionRecorded, PricesListed
from broker.domain.market import Pool
from broker.domain.price_list import list_id, listed
from broker.ports import Store


def record_editions(store: Store, agreements: Iterable[Agreement]) -> None:
    """Write every known edition into the log, once, so that an audit needs no other file."""
    with store.transaction() as tx:
        recorded = tx.editions_recorded()
        for agreement in agreements:
            fresh = [
                EditionRecorded(
                    agreement=agreement.name, edition=edition.id, document=edition.document
                )
                for edition in agreement.editions
                if (agreement.name, edition.id) not in recorded
            ]
            if fresh:
                tx.record(f"agreement/{agreement.name}", fresh)


def record_prices(store: Store, pools: tuple[Pool, ...]) -> None:
    """Write the price list into the log, once, so that every choice can be made again from it."""
    name = list_id(pools)
    with store.transaction() as tx:
        if not tx.told(f"prices/{name}"):
            tx.record(f"prices/{name}", [PricesListed(list_id=name, pools=listed(pools))])
