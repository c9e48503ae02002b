"""What may be put on record of an agreement, by whom, and what the register is afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias, assert_never

from broker.domain import events
from broker.domain.agreement import Edition
from broker.domain.clause import Consent, Effect, Waiver
from broker.domain.conflicts import Conflict, Stake
from broker.domain.event import Event
from broker.domain.register import Attestation, Register
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A waiver, consent, standing acceptance or conflict is no more, from now on."""

    record: str


Entry: TypeAlias = (
    Waiver | Consent | Attestation | StandingAcceptance | Conflict | Stake | Revocation
)

KINDS: Final[Mapping[type, str]] = {
    Waiver: "waiver",
    Consent: "consent",
    Attestation: "attestation",
    StandingAcceptance: "standing acceptance",
    Conflict: "conflict",
    Stake: "stake",
    Revocation: "revocation",
}


def objection(
    register: Register, edition: Edition, entry: Entry, by: str, at: datetime
) -> str | None:
    """Why an entry cannot stand, in one sentence; None where it can."""
    faults: tuple[str, ...]
    match entry:
        case Attestation():
            return _attestable(register, edition, entry)
        case Revocation():
            return _revocable(register, edition, entry, by)
        case Waiver() | Consent() | StandingAcceptance():
            faults = (_dated(entry, at), _given(register, edition, entry, by))
        case Conflict() | Stake():
            faults = (_dated(entry, at), _new(register, edition, entry.id), _share(entry))
        case _:
            assert_never(entry)
    return next((fault for fault in faults if fault), None)


def _dated(entry: Waiver | Consent | StandingAcceptance | Conflict | Stake, at: datetime) -> str:
    ends = entry.ends
    if ends is not None and ends <= entry.begins:
        begins = instant_text(entry.begins)
        return f"to: {instant_text(ends)} is not later than from, {begins}; put the later one last"
    if ends is not None and ends <= at:
        return f"to: {instant_text(ends)} is over already; name an instant to come"
    return ""


_EFFECTS: Final[Mapping[type, Effect]] = {
    Waiver: Effect.ROFR,
    StandingAcceptance: Effect.ROFR,
    Consent: Effect.EXCLUSIVE,
}


def _given(
    register: Register, edition: Edition, entry: Waiver | Consent | StandingAcceptance, by: str
) -> str:
    """What only the holder of a right can give, for a clause of its own."""
    kind, holder = KINDS[type(entry)], edition.holder.id
    clause = next((c for c in edition.clauses if c.id == entry.of_clause), None)
    fitting = [c.id for c in edition.clauses if c.effect is _EFFECTS[type(entry)]]
    if by != holder:
        return f"by: {by!r} is not the holder; only {holder!r} can give a {kind}"
    if clause is None or clause.id not in fitting:
        known = ", ".join(fitting) or "none"
        what = "there is no clause" if clause is None else f"no {kind} can be given of"
        return f"of_clause: {what} {entry.of_clause!r} in {edition.id}; it can be of: {known}"
    if isinstance(entry, Consent) and "consent" not in clause.exceptions:
        return f"of_clause: {clause.id} takes no consent; only its amendment can open it"
    if isinstance(entry, Waiver):
        return _capped(register, edition, entry)
    return _new(register, edition, entry.id)


def _capped(register: Register, edition: Edition, waiver: Waiver) -> str:
    """A waiver may be given anew under its name, with another cap or other dates."""
    used = register.drawn.get(waiver.id, 0)
    if waiver.id in {one.id for one in register.waivers} and waiver.id not in register.revoked:
        if waiver.cap_units < used:
            return f"cap_units: {used} units are placed under {waiver.id} already; write {used}+"
        return ""
    return _new(register, edition, waiver.id)


def _new(register: Register, edition: Edition, record: str) -> str:
    known = {one.id for one in _records(register, edition)} | {s.id for s in register.stakes}
    return f"id: {record!r} is on record already; choose another" if record in known else ""


def _share(entry: Conflict | Stake) -> str:
    share = entry.share
    if share is not None and not 0 < share <= 1:
        return f"share: {share} is no share; write a number over 0 and up to 1, such as 0.49"
    return ""


def _attestable(register: Register, edition: Edition, entry: Attestation) -> str | None:
    condition = edition.conditions.get(entry.condition)
    if condition is None:
        known = ", ".join(sorted(edition.conditions)) or "none"
        return (
            f"condition: edition {edition.id} knows no condition {entry.condition!r}; "
            f"known are: {known}"
        )
    attestor = edition.party(condition.attestor)
    if entry.by != attestor:
        return f"by: {entry.by!r} cannot attest {entry.condition}; only {attestor!r} can"
    if any((one.condition, one.by) == (entry.condition, entry.by) for one in register.attested):
        return f"condition: {entry.condition} is attested by {entry.by} already; nothing to do"
    return None


_Revocable: TypeAlias = Waiver | Consent | StandingAcceptance | Conflict


def _records(register: Register, edition: Edition) -> Iterator[_Revocable]:
    yield from edition.waivers
    yield from edition.consents
    yield from register.waivers
    yield from register.consents
    yield from register.acceptances
    yield from register.conflicts


def _revocable(register: Register, edition: Edition, entry: Revocation, by: str) -> str | None:
    found = _found(register, edition, entry.record)
    if found is None:
        return f"record: {entry.record!r} is not on record of {register.agreement}; check its id"
    if entry.record in register.revoked:
        since = instant_text(register.revoked[entry.record])
        return f"record: {entry.record} was revoked at {since} already; nothing to do"
    if not isinstance(found, Conflict) and by != found.given_by:
        return f"by: {by!r} did not give {entry.record}; only {found.given_by!r} can revoke it"
    return None


def _found(register: Register, edition: Edition, record: str) -> _Revocable | None:
    return next((one for one in _records(register, edition) if one.id == record), None)


def enter(
    register: Register, edition: Edition, entry: Entry, by: str, at: datetime
) -> tuple[Register, Event]:
    """The register with an entry to which there is no objection, and the fact that tells it."""
    read = replace(register, reading=register.reading + 1)
    match entry:
        case Waiver():
            others = tuple(one for one in read.waivers if one.id != entry.id)
            after = replace(read, waivers=(*others, entry))
        case Consent():
            after = replace(read, consents=(*read.consents, entry))
        case Attestation():
            after = replace(read, attested=(*read.attested, entry))
        case StandingAcceptance():
            after = replace(read, acceptances=(*read.acceptances, entry))
        case Conflict():
            after = replace(read, conflicts=(*read.conflicts, entry))
        case Stake():
            after = replace(read, stakes=(*read.stakes, entry))
        case Revocation(record=record):
            after = replace(read, revoked={**read.revoked, record: at})
            found = _found(register, edition, record)
            return after, _revoked(found, register.agreement, by)
        case _:
            assert_never(entry)
    return after, _told(entry, register.agreement, by)


def _told(
    entry: Waiver | Consent | Attestation | StandingAcceptance | Conflict | Stake,
    agreement: str,
    by: str,
) -> Event:
    if isinstance(entry, Attestation):
        return events.ConditionAttested(agreement=agreement, condition=entry.condition, by=by)
    dated: dict[str, Any] = {
        "agreement": agreement,
        "since": entry.begins,
        "to": entry.ends,
        "by": by,
    }
    match entry:
        case Waiver():
            return events.WaiverGranted(
                waiver=entry.id,
                of_clause=entry.of_clause,
                match=entry.match.document(),
                cap_units=entry.cap_units,
                **dated,
            )
        case Consent():
            return events.ConsentRecorded(
                consent=entry.id,
                of_clause=entry.of_clause,
                match=entry.match.document(),
                excludes=entry.excludes.document() if entry.excludes else None,
                **dated,
            )
        case StandingAcceptance():
            return events.StandingAcceptanceGiven(
                acceptance=entry.id,
                of_clause=entry.of_clause,
                match=entry.match.document(),
                units=entry.units,
                price_usd_hour=entry.price_usd_hour,
                hold=entry.hold,
                region=entry.region,
                sku=entry.sku,
                purchase=entry.purchase,
                **dated,
            )
        case Conflict():
            return events.ConflictRecorded(
                conflict=entry.id,
                tenant=entry.tenant,
                party=entry.party,
                because=entry.because,
                share=entry.share,
                **dated,
            )
        case Stake():
            return events.StakeRecorded(
                stake=entry.id,
                owner=entry.owner,
                supplier=entry.supplier,
                share=entry.share,
                **dated,
            )
        case _:
            assert_never(entry)


_REVOKED: Final[Mapping[type, Callable[[str, str, str], Event]]] = {
    Waiver: lambda record, agreement, by: events.WaiverRevoked(
        waiver=record, agreement=agreement, by=by
    ),
    Consent: lambda record, agreement, by: events.ConsentRevoked(
        consent=record, agreement=agreement, by=by
    ),
    StandingAcceptance: lambda record, agreement, by: events.StandingAcceptanceRevoked(
        acceptance=record, agreement=agreement, by=by
    ),
    Conflict: lambda record, agreement, by: events.ConflictLifted(
        conflict=record, agreement=agreement, by=by
    ),
}


def _revoked(found: _Revocable | None, agreement: str, by: str) -> Event:
    if found is None:
        raise KeyError(agreement)
    return _REVOKED[type(found)](found.id, agreement, by)
