"""Keys of parties: granted, shown once, revoked at once; and whether one that is shown will do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from broker.domain import events
from broker.domain.agreement import Agreement
from broker.domain.altered import altered
from broker.domain.key import Authority, Key, Role, Shown, authority, authority_to_record
from broker.domain.offer import Offer
from broker.domain.values import KeyId
from broker.ports import Ids, Store, Transaction
from broker.steps.rulebook import Rulebook

_ANY_PARTY: Final = frozenset({Role.ATTESTOR})
"""Roles of people whom an edition names only by what they are."""


class Denied(StrEnum):
    MISSING = "missing"
    """Nothing was shown where a key is needed."""
    FORBIDDEN = "forbidden"
    """What was shown is unknown, revoked, out of its dates, or another party's."""

    @classmethod
    def of(cls, shown: Authority) -> Denied:
        return cls.MISSING if shown.missing else cls.FORBIDDEN


class UnauthorisedError(Exception):
    """Whoever asks may not speak for the party; one sentence, and nothing was changed."""

    def __init__(self, shown: Authority) -> None:
        super().__init__(shown.flaw)
        self.denied = Denied.of(shown)


class GrantError(ValueError):
    """A key that cannot be granted or revoked; says which field and why."""

    def __init__(self, field: str, because: str) -> None:
        super().__init__(f"{field}: {because}")
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is asked for when a key is granted."""

    party: str
    role: Role
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    by: str


def grant_key(grant: Grant, secret: str, store: Store, rules: Rulebook, ids: Ids) -> Key:
    """Let whoever has the secret speak for a party. The secret is hashed here and not kept.

    Raises GrantError for a party that no agreement names, or dates that leave no time.
    """
    _known(grant, rules.agreements)
    with store.transaction() as tx:
        begins = grant.valid_from or tx.now
        if grant.valid_until is not None and grant.valid_until <= max(begins, tx.now):
            raise GrantError("valid_until", "it is over before it begins; give a later instant")
        key = Key(
            id=KeyId(ids.new("key")),
            party=grant.party,
            role=grant.role,
            secret_sha256=sha256(secret.encode()).hexdigest(),
            valid_from=begins,
            valid_until=grant.valid_until,
            granted_at=tx.now,
        )
        told = events.KeyGranted(
            key=key.id,
            party=key.party,
            role=key.role,
            valid_from=key.valid_from,
            valid_until=key.valid_until,
            by=grant.by,
        )
        tx.put_key(key, [told])
    return key


def revoke_key(key_id: KeyId, by: str, why: str, store: Store) -> Key:
    """Take a key back, from this instant. Raises KeyError, GrantError where it was taken back."""
    with store.transaction() as tx:
        key = next((known for known in tx.party_keys() if known.id == key_id), None)
        if key is None:
            raise KeyError(key_id)
        if key.revoked_at is not None:
            raise GrantError("key", f"{key.id} was revoked at {key.revoked_at.isoformat()} already")
        key = altered(key, revoked_at=tx.now)
        tx.put_key(key, [events.KeyRevoked(key=key.id, party=key.party, by=by, why=why)])
    return key


def authorised(party: str, role: Role, presented: Shown, tx: Transaction) -> Authority:
    """Whether what is presented lets somebody speak for a party in a role, now.

    While a party was never given a key for the role none is needed, so that a broker on one's own
    computer works as it is; from the first key on, one is always needed.
    """
    keys = tx.party_keys(None if presented is not None else party, hold=True)
    return authority(keys, party, role, presented, tx.now)


def may_record(
    parties: Iterable[str], roles: Collection[Role], presented: Shown, tx: Transaction
) -> Authority:
    """Whether what is presented lets somebody put something on record for all of these parties."""
    keys, shown = tx.party_keys(hold=True), Authority()
    for party in parties:
        shown = authority_to_record(keys, party, roles, presented, tx.now)
        if shown.flaw:
            return shown
    return shown


def desk_of(offer: Offer, agreements: Mapping[str, Agreement]) -> str:
    """The party whose desk answers an offer: the holder of the edition it was issued under."""
    agreement = agreements.get(offer.agreement)
    edition = agreement.edition(offer.edition) if agreement else None
    return edition.holder.id if edition else offer.agreement


def _known(grant: Grant, agreements: Mapping[str, Agreement]) -> None:
    parties = {
        party.id
        for agreement in agreements.values()
        for edition in agreement.editions
        for party in (edition.grantor, edition.holder)
    }
    holders = {e.holder.id for a in agreements.values() for e in a.editions}
    if grant.role in _ANY_PARTY:
        return
    allowed = holders if grant.role in (Role.DESK, Role.HOLDER) else parties
    if grant.party not in allowed:
        named = ", ".join(sorted(allowed))
        raise GrantError("party", f"no agreement names {grant.party!r}; known are {named}")
