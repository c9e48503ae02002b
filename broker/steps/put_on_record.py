"""Put something on record of an agreement, or revoke it: checked, told, and nothing else moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.conflicts import Conflict, Stake
from broker.domain.events import RecordRefused
from broker.domain.key import Authority, Role, Shown
from broker.domain.recording import KINDS, Entry, Revocation, enter, objection
from broker.domain.register import Attestation, Register
from broker.domain.standing_answers import StandingAcceptance
from broker.ports import Lock, Store, Transaction
from broker.steps.authority import Denied, may_record
from broker.steps.rulebook import Rulebook

UNAUTHORISED: Final = "unauthorised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of an entry. One that is refused changed nothing but the log."""

    kind: str
    record: str
    refused: str | None = None
    """Why, in one sentence."""
    denied: Denied | None = None
    """Whoever asked may not speak for the party; the log says `unauthorised`."""


def put_on_record(
    agreement: str, entry: Entry, by: str, store: Store, rules: Rulebook, shown: Shown = None
) -> Recorded:
    """Judge an entry by the edition in force. Raises KeyError where there is no such agreement."""
    if agreement not in rules.agreements:
        raise KeyError(agreement)
    with store.transaction() as tx:
        register = tx.registers([agreement], Lock.CHANGE)[agreement]
        edition = rules.edition(agreement, tx.now)
        kind, record = KINDS[type(entry)], _named(entry)
        speaks = _authority(register, edition, entry, by, shown, tx)
        denied = Denied.of(speaks) if speaks.flaw else None
        why = speaks.flaw or _objection(register, edition, entry, by, tx, rules)
        if why is not None or edition is None:
            told = RecordRefused(
                agreement=agreement,
                what=kind,
                record=record,
                by=by,
                why=UNAUTHORISED if denied else why or "",
            )
            tx.record(f"agreement/{agreement}", [told])
            return Recorded(kind=kind, record=record, refused=why, denied=denied)
        after, fact = enter(register, edition, entry, by, tx.now)
        tx.put_register(after, [fact])
        tx.call_heads()
    return Recorded(kind=kind, record=record)


def _authority(
    register: Register,
    edition: Edition | None,
    entry: Entry,
    by: str,
    shown: Shown,
    tx: Transaction,
) -> Authority:
    """Conflicts and stakes are for the grantor to say, so no other name goes past its key."""
    match entry:
        case Attestation():
            return may_record((by,), (Role.ATTESTOR,), shown, tx)
        case Conflict() | Stake():
            ours = True
        case Revocation(record=record):
            ours = record in {one.id for one in register.conflicts}
        case _:
            ours = False
    if not ours:
        return may_record((by,), (Role.HOLDER, Role.DESK), shown, tx)
    parties = dict.fromkeys((by, edition.grantor.id if edition else by))
    return may_record(parties, (Role.GRANTOR,), shown, tx)


def _objection(
    register: Register,
    edition: Edition | None,
    entry: Entry,
    by: str,
    tx: Transaction,
    rules: Rulebook,
) -> str | None:
    if edition is None:
        return f"no edition of {register.agreement} is in force now; record one first"
    if isinstance(entry, StandingAcceptance):
        places = {p.place for p in rules.pools if edition.holds(p.place.provider)}
        if not any(map(entry.at, places)):
            return (
                f"region, sku: {entry.region} {entry.sku} is no pool of the holder's; "
                "see the catalogue for those it has"
            )
    return objection(register, edition, entry, by, tx.now)


def _named(entry: Entry) -> str:
    match entry:
        case Attestation(condition=condition):
            return condition
        case Revocation(record=record):
            return record
        case _:
            return entry.id
