"""Keys: who may speak for a party of an agreement, in which role, and from when until when."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from broker.domain.values import KeyId


class Role(StrEnum):
    DESK = "desk"
    """Answers offers for the holder."""
    HOLDER = "holder"
    """Waives, consents and takes that back for the holder; its desk may do so too."""
    GRANTOR = "grantor"
    """Speaks for the party that gives the right."""
    ATTESTOR = "attestor"
    """Says that a condition has come about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    id: KeyId
    party: str
    role: Role
    secret_sha256: str
    """The secret itself is shown once and kept nowhere."""
    valid_from: datetime
    valid_until: datetime | None
    granted_at: datetime
    revoked_at: datetime | None = None

    def opens(self, presented: str) -> bool:
        shown = sha256(presented.encode()).hexdigest()
        return hmac.compare_digest(shown, self.secret_sha256)

    def flaw(self, party: str, roles: Collection[Role], now: datetime) -> str:
        """Why it gives no authority to speak for a party in any of these roles; else empty."""
        if self.revoked_at is not None:
            return f"key {self.id} was revoked at {self.revoked_at.isoformat()}"
        if self.party != party or self.role not in roles:
            wanted = " or ".join(role.value for role in roles)
            own = f"{self.role.value} key of {self.party}"
            return f"key {self.id} is the {own}, not the {wanted} key of {party}"
        if now < self.valid_from:
            return f"key {self.id} is valid from {self.valid_from.isoformat()}"
        if self.valid_until is not None and now >= self.valid_until:
            return f"key {self.id} was valid until {self.valid_until.isoformat()}"
        return ""


@dataclass(frozen=True, slots=True)
class Authority:
    """What came of asking whether somebody may speak for a party."""

    key: KeyId | None = None
    """None where no key was asked for."""
    flaw: str = ""
    """Why not; empty where they may."""
    missing: bool = False
    """No key was shown, and one is needed."""


@dataclass(frozen=True, slots=True)
class LinkOf:
    """A signed link was shown, and its signature is good; it stands for this key, or for none."""

    key: KeyId | None


Shown: TypeAlias = str | LinkOf | None
"""The secret of a key, a link that was signed here, or nothing."""


def authority(
    keys: Iterable[Key], party: str, role: Role, presented: Shown, now: datetime
) -> Authority:
    """Whether what is presented lets somebody speak for a party in a role.

    A party that was never given a key for a role needs none; a key that is shown must be right
    all the same. Whoever was given one, be it revoked since, needs one for ever.
    """
    known = list(keys)
    needed = any(key.party == party and key.role is role for key in known)
    return _authority(known, party, (role,), presented, now, needed=needed)


def authority_to_record(
    keys: Iterable[Key], party: str, roles: Collection[Role], presented: Shown, now: datetime
) -> Authority:
    """Whether what is presented lets somebody put something on record in a party's name.

    A key of any of these roles does. Once anybody was given a key, whatever for, everybody needs
    one: a record binds the other parties too, so a name alone is worth nothing beside keys.
    """
    known = list(keys)
    return _authority(known, party, roles, presented, now, needed=bool(known))


def _authority(
    known: Collection[Key],
    party: str,
    roles: Collection[Role],
    presented: Shown,
    now: datetime,
    *,
    needed: bool,
) -> Authority:
    if presented is None or presented == LinkOf(None):
        if needed:
            wanted = " or ".join(role.value for role in roles)
            why = f"to speak for {party} as its {wanted} a key is needed"
            has = any(key.party == party for key in known)
            then = "show it as Broker-Key, or --key" if has else f"{party} was given none yet"
            return Authority(flaw=f"{why}; {then}", missing=True)
        return Authority()
    shown = next((key for key in known if _is(key, presented)), None)
    if shown is None:
        return Authority(flaw="the key that was shown is not known here")
    flaw = shown.flaw(party, roles, now)
    return Authority(flaw=flaw) if flaw else Authority(key=shown.id)


def _is(key: Key, presented: str | LinkOf) -> bool:
    return key.id == presented.key if isinstance(presented, LinkOf) else key.opens(presented)
