"""What an audit reads out of a recorded edition; on purpose apart from the code that decides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from broker.domain.values import instant

OWN: Final = "own"
"""The provider name of machines of one's own."""

_DURATION: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_MATCHED: Final = frozenset({"class", "tags_any", "pool", "pool_kind", "capacity"})


class Sought(NamedTuple):
    """What a commitment asks of an edition: whether these units may go to that pool."""

    work_class: str
    tags: Collection[str]
    provider: str
    pool_kind: str
    at: datetime
    attested: Collection[str]
    """The conditions attested so far by those who may."""
    capacity: str = "new"


@dataclass(frozen=True, slots=True)
class Edition:
    """One recorded edition, in force over `[since, until)`."""

    agreement: str
    name: str
    since: datetime
    until: datetime | None
    draft: bool
    clauses: Mapping[str, Mapping[str, Any]]
    consents: Mapping[str, Mapping[str, Any]]
    waivers: Collection[str]
    clarifications: Sequence[Mapping[str, Any]]
    holder_id: str
    holder_pools: Collection[str]
    via_pools: Mapping[str, str]
    """The pools of others through which the holder may supply, and what opens each."""
    holder: str = ""
    attestors: Mapping[str, str] = field(default_factory=dict)
    """Who may attest each condition."""
    supersedes: str | None = None
    ends_offers: bool = False
    """Whether offers that are open when it begins are withdrawn."""
    position: int = 0
    recorded_at: datetime | None = None

    def in_force(self, at: datetime) -> bool:
        return not self.draft and self.since <= at and (self.until is None or at < self.until)

    def pool_kind(self, provider: str) -> str:
        if provider == OWN:
            return "own_built"
        return "holder" if provider in self.holder_pools else "third_party_cloud"

    def uncut(self, effects: Collection[str], sought: Sought) -> Iterator[Mapping[str, Any]]:
        """The live clauses of these effects that fit and that no live permit cuts by name."""
        cut = {
            name
            for clause in self.clauses.values()
            if clause.get("effect") == "permit" and self.fits(clause, sought)
            for name in clause.get("carves_out") or ()
        }
        for name, clause in self.clauses.items():
            if clause.get("effect") in effects and name not in cut and self.fits(clause, sought):
                yield clause

    def fits(self, clause: Mapping[str, Any], sought: Sought) -> bool:
        """Whether a clause is live and matches; a match by a name unknown here opens nothing."""
        match = clause.get("match") or {}
        if clause.get("effect") == "permit" and not match.keys() <= _MATCHED:
            return False
        return self.matches(match, sought) and self._live(clause, sought)

    def matches(self, match: Mapping[str, Any], sought: Sought) -> bool:
        return (
            _lists(match.get("class"), self._read(sought))
            and _lists(match.get("pool"), sought.provider)
            and _lists(match.get("pool_kind"), sought.pool_kind)
            and _lists(match.get("capacity"), sought.capacity)
            and not (match.get("tags_any") and not set(match["tags_any"]) & set(sought.tags))
        )

    def consented(self, consent: Mapping[str, Any], clause: str, sought: Sought) -> bool:
        """Whether a consent opens an exclusive clause for what is sought."""
        excludes = consent.get("excludes") or {}
        until = consent.get("to")
        return (
            consent.get("of_clause") == clause
            and instant(consent["from"]) <= sought.at
            and (until is None or sought.at < instant(until))
            and self.matches(consent.get("match") or {}, sought)
            and not (excludes and self.matches(excludes, sought))
        )

    def opens_via(self, name: str, sought: Sought, consents: Iterable[Mapping[str, Any]]) -> bool:
        """Whether the holder may supply by way of this pool, once it has accepted.

        `consents` are those that stand, the edition's own among them.
        """
        if self.via_pools.get(name) != "consent":
            return name in self.via_pools
        through = sought._replace(provider=name, pool_kind="holder_via")
        return any(self.consented(one, one.get("of_clause", ""), through) for one in consents)

    def refusal_max_age(self) -> timedelta | None:
        """The longest a refusal of the holder may stand, where a clause bounds it."""
        ages = [
            age
            for clause in self.clauses.values()
            if (age := duration(mechanic(clause, "standing_answers", "refusal_max_age")))
        ]
        return max(ages, default=None)

    def _read(self, sought: Sought) -> str:
        """The class a contested class is read as; its own otherwise."""
        for note in self.clarifications:
            contested = note.get("contested") or {}
            if (
                sought.work_class in contested.get("class", ())
                and instant(note["from"]) <= sought.at
            ):
                return str(contested["treat_as"])
        return sought.work_class

    def _live(self, clause: Mapping[str, Any], sought: Sought) -> bool:
        for bound in (clause.get("until") or {}).get("earliest_of", ()):
            if "date" in bound and instant(bound["date"]) <= sought.at:
                return False
            if bound.get("condition") in sought.attested:
                return False
        return True


def edition(data: Mapping[str, Any]) -> Edition:
    """The edition that an `EditionRecorded` carries whole."""
    effective, holder = data["effective"], data["parties"]["holder"]
    return Edition(
        agreement=data["agreement"],
        name=data["edition"],
        since=instant(effective["from"]),
        until=instant(effective["to"]) if effective.get("to") else None,
        draft=data.get("status") == "draft",
        clauses={clause["id"]: clause for clause in data.get("clauses") or ()},
        consents={consent["id"]: consent for consent in data.get("consents") or ()},
        waivers=frozenset(waiver["id"] for waiver in data.get("waivers") or ()),
        clarifications=data.get("clarifications") or (),
        holder_id=holder.get("id", ""),
        holder_pools=frozenset(holder.get("pools") or ()),
        via_pools={via["pool"]: via["needs"] for via in holder.get("fulfil_via") or ()},
        holder=holder.get("id", ""),
        attestors=_attestors(data),
        supersedes=data.get("supersedes"),
        ends_offers=(data.get("transition") or {}).get("open_offers") in ("withdraw", "reissue"),
    )


def _attestors(data: Mapping[str, Any]) -> dict[str, str]:
    roles = {role: party.get("id", "") for role, party in data["parties"].items()}
    conditions = data.get("conditions") or {}
    return {
        name: roles.get(said.get("attestor"), said.get("attestor", ""))
        for name, said in conditions.items()
    }


def mechanic(clause: Mapping[str, Any], group: str, name: str) -> object:
    """One value of a clause's `rofr` part, None where it is silent."""
    return ((clause.get("rofr") or {}).get(group) or {}).get(name)


def duration(value: object) -> timedelta | None:
    """A duration in whole seconds or in ISO form, `PT30M`; None for none."""
    if value is None:
        return None
    if isinstance(value, int):
        return timedelta(seconds=value)
    parts = _DURATION.fullmatch(str(value))
    if parts is None:
        raise ValueError(f"{value!r} is no duration; write it like PT30M or in whole seconds")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _lists(names: Collection[str] | None, name: str) -> bool:
    """Whether a match leaves a name in; no list, and `*`, leave everything in."""
    return not names or name in names or "*" in names
