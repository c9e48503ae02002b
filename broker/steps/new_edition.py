"""Put another edition on record while the broker runs (design 3.5: T14, T15, case 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from broker.domain.agreement import Edition
from broker.domain.altered import altered
from broker.domain.chain import Fact
from broker.domain.discrepancies import Discrepancy, discrepancies
from broker.domain.events import DiscrepancyFound, EditionRecorded, RecordRefused
from broker.domain.key import Role, Shown
from broker.ports import Lock, Store, Transaction
from broker.steps.authority import Denied, may_record
from broker.steps.put_on_record import UNAUTHORISED
from broker.steps.rulebook import Rulebook

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of it; an edition that is refused changed nothing."""

    edition: str = ""
    begins: datetime | None = None
    refused: str | None = None
    """Why, in one sentence."""
    denied: Denied | None = None
    """Whoever asked may not speak for the party; the log says `unauthorised`."""
    discrepancies: tuple[Discrepancy, ...] = ()
    """What it would have said of the past, where it was recorded late."""


def record_edition(
    agreement: str,
    document: Mapping[str, Any],
    by: str,
    store: Store,
    rules: Rulebook,
    shown: Shown = None,
) -> Recorded:
    """Raises KeyError for an agreement that is not known, and what `rules.follow` raises.

    It decides from now on, never earlier. Open offers end or run on as it says, when it begins.
    """
    with store.transaction() as tx:
        cases = tx.open_offers()  # before the register: jobs first, as everybody does
        register = tx.registers([agreement], Lock.CHANGE)[agreement]
        rules.adopt(register)
        known = rules.agreement(agreement)
        if known is None or rules.follow is None:
            raise KeyError(agreement)
        holder = known.editions[-1].holder.id
        role = Role.HOLDER if by == holder else Role.GRANTOR
        speaks = may_record((by,), (role,), shown, tx)
        if speaks.flaw:
            record = str(document.get("edition", "")) or None
            told = RecordRefused(
                agreement=agreement, what="edition", record=record, by=by, why=UNAUTHORISED
            )
            tx.record(f"agreement/{agreement}", [told])
            return Recorded(refused=speaks.flaw, denied=Denied.of(speaks))
        edition = rules.follow(known, document, "edition").editions[-1]
        parties = {edition.grantor.id, edition.holder.id}
        if by not in parties:
            named = " or ".join(sorted(parties))
            return Recorded(refused=f"by: {by} is no party of {agreement}; it is for {named}")
        now, begins = tx.now, edition.begins or tx.now
        after = replace(
            register,
            editions=(*register.editions, edition.document),
            reading=register.reading + 1,
        )
        fact = EditionRecorded(agreement=agreement, edition=edition.id, document=document)
        tx.put_register(after, [fact])
        for case in cases:
            for offer in list(case.offers.values()):
                if offer.agreement == agreement and offer.state.undecided:
                    case.put_offer(altered(offer, amends_at=max(begins, now)))
        tx.keep(case for case in cases if case.changed)
        tx.call_heads()
    rules.adopt(after)
    found = _compared(store, edition, now) if begins < now else ()
    return Recorded(edition=edition.id, begins=begins, discrepancies=found)


def _compared(store: Store, edition: Edition, now: datetime) -> tuple[Discrepancy, ...]:
    """The report of a late edition, as facts."""
    while store.seal():
        pass
    found = tuple(discrepancies(_log(store), edition, now))
    with store.transaction() as tx:
        _tell(tx, edition, found)
    return found


def _log(store: Store) -> Iterator[Fact]:
    after = 0
    while facts := store.facts(after, _PAGE):
        yield from facts
        after = facts[-1].position


def _tell(tx: Transaction, edition: Edition, found: tuple[Discrepancy, ...]) -> None:
    told = [
        DiscrepancyFound(
            agreement=edition.agreement,
            edition=edition.id,
            position=one.position,
            job=one.job,
            subject=one.subject,
            was=one.was,
            would=one.would,
        )
        for one in found
    ]
    tx.record(f"agreement/{edition.agreement}", told)
