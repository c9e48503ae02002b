"""The register of an agreement: what stands on record beside its editions.

Editions say what the parties agreed; the register says what has been attested, consented to and
waived since, how much of it is used up, and whether the right can be exercised at this instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from broker.domain.agreement import Edition
from broker.domain.altered import made_at_once
from broker.domain.clause import Consent, Waiver
from broker.domain.conflicts import Conflict, Stake, conflicted
from broker.domain.release import Basis
from broker.domain.right import DeMinimis
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.suspension import Conduct
from broker.domain.unavailability import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    condition: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPlacement:
    """Units placed as too few to be offered, kept as long as they count."""

    commitment: str
    tenant: str
    units: int
    at: datetime


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    agreement: str
    version: int = 0
    """How often it was written; the guard of every write."""
    reading: int = 0
    """Counts what may change an answer of the agreement's: all but what is drawn and counted."""
    editions: tuple[Mapping[str, Any], ...] = ()
    """Those recorded while the broker ran, as they were written, the oldest first."""
    attested: tuple[Attestation, ...] = ()
    consents: tuple[Consent, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    acceptances: tuple[StandingAcceptance, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    stakes: tuple[Stake, ...] = ()
    revoked: Mapping[str, datetime] = field(default_factory=dict)
    """Consents, waivers, acceptances and conflicts that ended before their day, by id."""
    drawn: Mapping[str, int] = field(default_factory=dict)
    """Units placed under each waiver and taken by each standing acceptance."""
    small: tuple[SmallPlacement, ...] = ()
    conduct: Conduct = field(default_factory=Conduct)
    health: Health = field(default_factory=Health)

    # -- what it says

    def attested_in(self, edition: Edition) -> frozenset[str]:
        """The conditions attested by the party that this very edition names."""
        return frozenset(
            one.condition
            for one in self.attested
            if one.condition in edition.conditions
            and one.by == edition.party(edition.conditions[one.condition].attestor)
        )

    def barred(self, tenant: str, at: datetime, edition: Edition) -> frozenset[str]:
        """The providers in a tenant's conflict set; the holder stands for all of its pools."""
        if not self.conflicts:
            return _NOBODY
        live = [c for c in self.conflicts if self.stands(c.id)]
        parties = conflicted(tenant, at, live, self.stakes)
        holder = edition.holder
        if holder.id in parties or not parties.isdisjoint(holder.pools):
            return parties | {*holder.pools}
        return parties

    def stands(self, record: str) -> bool:
        """Whether a record has not been revoked.

        Who reads of it is bound by it, though its own clock be a moment behind: the log has the
        revocation first.
        """
        return record not in self.revoked

    def left(self, waiver: Waiver) -> int:
        """How many more units may be placed under a waiver."""
        return waiver.cap_units - self.drawn.get(waiver.id, 0)

    def left_of(self, acceptance: StandingAcceptance) -> int:
        return acceptance.units - self.drawn.get(acceptance.id, 0)

    def small_left(self, tenant: str, rule: DeMinimis, at: datetime) -> int:
        """How many more units of a tenant's may be placed as de minimis now."""
        since = at - timedelta(seconds=rule.per_tenant_window_s)
        used = sum(one.units for one in self.small if one.tenant == tenant and one.at > since)
        return rule.cap_units - used

    # -- what is drawn from it

    def drew(self, basis: str, cites: Iterable[str], small: SmallPlacement) -> Register:
        """After a commitment to a third party."""
        if basis == Basis.WAIVER:
            return self.moved(tuple(cites)[:1], small.units)
        if basis == Basis.DE_MINIMIS:
            return replace(self, small=(*self.small, small))
        return self

    def undrew(self, basis: str, cites: Iterable[str], commitment: str, units: int) -> Register:
        """After a commitment that failed before it was live: nothing was placed."""
        if basis == Basis.WAIVER:
            return self.moved(tuple(cites)[:1], -units)
        if basis == Basis.DE_MINIMIS:
            return replace(
                self, small=tuple(one for one in self.small if one.commitment != commitment)
            )
        return self

    def moved(self, names: Iterable[str], units: int) -> Register:
        """With so many units more, or fewer, drawn under each of these records."""
        drawn = dict(self.drawn)
        for name in names:
            drawn[name] = max(0, drawn.get(name, 0) + units)
        return replace(self, drawn=drawn)

    def forgetting_small(self, before: datetime) -> Register:
        """Without the small placements that do not count any more."""
        if not self.small or self.small[0].at > before:
            return self
        return replace(self, small=tuple(one for one in self.small if one.at > before))


NOTHING_ON_RECORD: Final = Register(agreement="")
_NOBODY: Final[frozenset[str]] = frozenset()
Record = TypeVar("Record", Consent, Waiver)


def as_it_stands(edition: Edition, register: Register) -> Edition:
    """The edition with the consents and waivers on record beside its own that are not revoked."""
    if not (register.consents or register.waivers or register.revoked):
        return edition
    return replace(
        edition,
        consents=_standing((*edition.consents, *register.consents), register),
        waivers=_standing((*edition.waivers, *register.waivers), register),
    )


def _standing(records: tuple[Record, ...], register: Register) -> tuple[Record, ...]:
    return tuple(one for one in records if register.stands(one.id))
