"""What facts tell of what stood on record of a job's agreement, beside its editions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.chain import Fact
from broker.domain.conflicts import Conflict, Stake
from broker.domain.register import Attestation, Register
from broker.domain.values import instant

ReadEdition: TypeAlias = Callable[[Mapping[str, Any]], Edition]

_REVOKED: Final = {"ConsentRevoked": "consent", "ConflictLifted": "conflict"}


@dataclass(slots=True)
class Records:
    """The facts of every agreement's register that bear on where work may run."""

    editions: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """The document of each recorded edition, by agreement and name."""
    said: list[Fact] = field(default_factory=list)

    def edition_recorded(self, fact: Fact) -> None:
        self.editions[fact.data["agreement"], fact.data["edition"]] = fact.data

    def edition(self, agreement: str, at: datetime, read: ReadEdition) -> Edition | None:
        """The edition in force at an instant, with the consents that had been given by then."""
        more = list(self._consents(agreement, at))
        for (name, _), document in self.editions.items():
            if name == agreement:
                edition = read(document)
                if edition.runs_at(at):
                    with_more = {"consents": [*(document.get("consents") or ()), *more]}
                    return read({**document, **with_more}) if more else edition
        return None

    def register(self, agreement: str, at: datetime) -> Register:
        """Attestations, conflicts and stakes, as they stood at an instant."""
        told = list(self._of(agreement, at))
        return Register(
            agreement=agreement,
            attested=tuple(
                Attestation(condition=f.data["condition"], by=f.data["by"], at=instant(f.at))
                for f in told
                if f.type == "ConditionAttested"
            ),
            conflicts=tuple(_conflict(f.data) for f in told if f.type == "ConflictRecorded"),
            stakes=tuple(_stake(f.data) for f in told if f.type == "StakeRecorded"),
            revoked=self._revoked(agreement, at),
        )

    def _of(self, agreement: str, at: datetime) -> Iterator[Fact]:
        return (f for f in self.said if f.data["agreement"] == agreement and instant(f.at) <= at)

    def _revoked(self, agreement: str, at: datetime) -> dict[str, datetime]:
        told = self._of(agreement, at)
        return {f.data[_REVOKED[f.type]]: instant(f.at) for f in told if f.type in _REVOKED}

    def _consents(self, agreement: str, at: datetime) -> Iterator[dict[str, Any]]:
        """As an edition file writes them, without those that were revoked."""
        revoked = self._revoked(agreement, at)
        for fact in self._of(agreement, at):
            data = fact.data
            if fact.type == "ConsentRecorded" and data["consent"] not in revoked:
                names = ("of_clause", "from", "to", "match", "excludes")
                said = {name: data[name] for name in names if data[name] is not None}
                given = {"id": data["consent"], "given_by": data["by"], "standing": "stated"}
                yield {**given, **said}


def _conflict(data: Mapping[str, Any]) -> Conflict:
    return Conflict(
        id=data["conflict"],
        tenant=data["tenant"],
        party=data["party"],
        because=data["because"],
        begins=instant(data["from"]),
        ends=None if data["to"] is None else instant(data["to"]),
        share=None if data["share"] is None else Decimal(data["share"]),
    )


def _stake(data: Mapping[str, Any]) -> Stake:
    return Stake(
        id=data["stake"],
        owner=data["owner"],
        supplier=data["supplier"],
        share=Decimal(data["share"]),
        begins=instant(data["from"]),
        ends=None if data["to"] is None else instant(data["to"]),
    )
