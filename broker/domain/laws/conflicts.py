"""Who is in conflict with a tenant, read from the facts."""

from __future__ import annotations

from decimal import Decimal

from broker.domain.laws.book import Book, Job


def in_conflict(book: Book, job: Job) -> frozenset[str]:
    """The parties that may neither see nor run the job's work now."""
    if not book.conflicts:
        return frozenset()
    parties: set[str] = set()
    for (of, name), conflict in book.conflicts.items():
        live = conflict.since <= book.now and (conflict.until is None or book.now < conflict.until)
        concerns = of == job.agreement and conflict.tenant in ("*", job.tenant)
        if live and concerns and (of, name) not in book.revoked:
            parties |= _parties(book, of, conflict.party, conflict.share)
    return frozenset(parties)


def _parties(book: Book, agreement: str, party: str, share: Decimal | None) -> set[str]:
    """The party and every supplier it owns enough of, through others too."""
    parties = {party}
    grown = True
    while grown and share is not None:
        owned = {
            stake.supplier
            for (of, _), stake in book.stakes.items()
            if of == agreement
            and stake.owner in parties
            and stake.share >= share
            and stake.since <= book.now
            and (stake.until is None or book.now < stake.until)
        }
        grown = not owned <= parties
        parties |= owned
    return parties
