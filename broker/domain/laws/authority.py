"""Who may answer: what the log says of keys, and what an answer needs of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Offer
from broker.domain.laws.records import Key

_DESK: Final = "desk"
_LATER: Final = timedelta(seconds=1)
"""A fact is dated no earlier than the one before it, so maybe a moment after its decision."""


def unauthorised(fact: Fact, offer: Offer, book: Book) -> str | None:
    """Why an answer that was honoured was not its giver's to give; None where it was.

    A person's desk needs a key from the first one on that its party was given, be it taken back
    since. The automatic desk is a cloud's own word and shows none.
    """
    edition = book.editions.get((offer.agreement, offer.edition))
    holder = edition.holder if edition else offer.agreement
    named = fact.data.get("key")
    if named is None:
        keys = book.keys.values()
        needed = offer.person and any(k.party == holder and k.role == _DESK for k in keys)
        return f"an answer for {holder} shows no key, and one is needed" if needed else None
    key = book.keys.get(named)
    if key is None:
        return f"the key {named} was given to nobody"
    if (key.party, key.role) != (holder, _DESK):
        return f"the key {named} is the {key.role} key of {key.party}"
    if key.revoked:
        return f"the key {named} was taken back before"
    return None if _in_dates(key, book.now) else f"the key {named} is used outside its dates"


def _in_dates(key: Key, at: datetime) -> bool:
    return key.since <= at and (key.until is None or at < key.until + _LATER)
