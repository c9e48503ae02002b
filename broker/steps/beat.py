"""Signs of life: an outage of ours is known by its end, and nobody but us pays for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from broker.domain.events import BrokerDown, BrokerUp
from broker.domain.tolling import Outage, toll
from broker.ports import Store, Transaction

_LOG: Final = logging.getLogger(__name__)
SILENT_FOR: Final = timedelta(seconds=5)
"""A part that was not heard of for longer was away."""
BEATS_EVERY_S: Final = 1.0
_ACCOUNTED: Final = "accounted"
"""Up to where outages are on record: what two parts are away together is one outage."""


class Part(StrEnum):
    """What it takes for the holder to be heard."""

    SERVER = "server"
    TICKER = "ticker"


def note_beat(store: Store, part: Part) -> Outage | None:
    """Give a sign of life; whoever was away too long records it and puts every timer off.

    The outage and what it moves are one transaction: no window ends in between.
    """
    with store.transaction() as tx:
        seen, now = tx.beats(hold=True), tx.now
        outage = _away(seen, part, now)
        if outage is None:
            tx.put_beats({part: now})
            return None
        tx.put_beats({part: now, _ACCOUNTED: now})
        told = [BrokerDown(since=outage.since), BrokerUp(since=outage.since, to=outage.to)]
        tx.record("broker", told)
        cases = tx.open_offers()
        for case in cases:
            toll(case, outage)
        tx.keep(cases)
    return outage


def _away(seen: Mapping[str, datetime], part: Part, now: datetime) -> Outage | None:
    last = seen.get(part)
    if last is None or now - last <= SILENT_FOR:
        return None
    return Outage(max(last, seen.get(_ACCOUNTED, last)), now)


def somebody_is_away(tx: Transaction) -> bool:
    """Whether a part that was ever there is silent now: then no timer may end."""
    beats = tx.beats().items()
    return any(tx.now - at > SILENT_FOR for part, at in beats if part != _ACCOUNTED)


@contextmanager
def beating(store: Store, part: Part) -> Iterator[None]:
    """Give signs of life for as long as the block lasts; the first before it begins."""
    over = threading.Event()
    note_beat(store, part)
    thread = threading.Thread(target=_beat, args=(store, part, over), name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(store: Store, part: Part, over: threading.Event) -> None:
    silent = False
    while not over.wait(BEATS_EVERY_S):
        try:
            note_beat(store, part)
            silent = False
        except Exception:  # noqa: BLE001 - a database that was away comes back
            if not silent:
                _LOG.exception("no sign of life could be written; it is tried again")
            silent = True
