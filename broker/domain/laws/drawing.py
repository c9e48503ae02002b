"""What placements draw from the records of an agreement, and what a default adds to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.laws.book import Book, Commitment, Job, Offer
from broker.domain.laws.records import Default, Small

DRAWING: Final = frozenset({"waiver", "de_minimis"})
_LONGEST: Final = timedelta(days=400)
"""For how long a default and a small placement are kept at most."""
_MANY: Final = 1000


def draw(book: Book, job: Job, made: Commitment) -> None:
    if made.basis == "waiver":
        if made.cites and (waiver := book.waivers.get((job.agreement, made.cites[0]))):
            waiver.used += len(made.units)
        return
    kept = book.small.setdefault((job.agreement, job.tenant), [])
    if len(kept) > _MANY and kept[0].at < book.now - _LONGEST:
        kept[:] = [one for one in kept if one.at >= book.now - _LONGEST]
    kept.append(Small(made.id, len(made.units), book.now))


def undraw(book: Book, job: Job, made: Commitment) -> None:
    """A commitment that failed before it was live has placed nothing."""
    if made.basis == "waiver":
        if made.cites and (waiver := book.waivers.get((job.agreement, made.cites[0]))):
            waiver.used -= len(made.units)
    elif made.basis == "de_minimis":
        kept = book.small.get((job.agreement, job.tenant), [])
        kept[:] = [one for one in kept if one.commitment != made.id]


def note_default(book: Book, offer: Offer) -> None:
    if len(book.defaults) > _MANY:
        old = book.now - _LONGEST
        for name in [name for name, one in book.defaults.items() if one.at < old]:
            del book.defaults[name]
            book.spent.discard(name)
    if offer.right:
        book.defaults[offer.id] = Default(offer.id, offer.agreement, offer.clause, book.now)
