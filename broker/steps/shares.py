"""Put on record that own-built capacity was used for other work than its clause is meant for."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.accounts.meters import Meters
from broker.domain.events import ShareBelow
from broker.ports import Store
from broker.steps.ledger import Ledger

SETTLED: Final = timedelta(minutes=10)
"""How long after a day every bill of it is sealed."""


class Shares:
    """The own-built shares as one process follows them."""

    def __init__(self) -> None:
        self._meters = Meters()
        self._ledger = Ledger(self._meters.read)

    def report(self, store: Store) -> int:
        """Tell each share that fell below its least, once a day; returns how many were told."""
        if not self._ledger.catch_up(store):
            return 0
        told = 0
        with store.transaction() as tx:
            for share in self._meters.shares(tx.now - SETTLED):
                stream = f"share/{share.agreement}/{share.clause}/{share.until:%Y-%m-%d}"
                if share.share is None or not share.below or tx.told(stream):
                    continue
                fact = ShareBelow(
                    agreement=share.agreement,
                    edition=share.edition,
                    clause=share.clause,
                    share=share.share,
                    min_share=share.min_share,
                    over_s=share.over_s,
                    until=share.until,
                )
                tx.record(stream, [fact])
                told += 1
        return told
