"""A scorecard for every party: what it was asked, what it answered, and what it delivered when.

Added up from facts in one pass; memory is bounded by what is open. Counts and amounts are exact,
quantiles within one per cent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from broker.domain.accounts.sketch import Sketch
from broker.domain.chain import Fact
from broker.domain.values import decimal_text, instant

_CENTS: Final = Decimal("0.01")
_HOUR: Final = 3600
_LET_GO: Final = frozenset({"finished", "failed", "cancelled", "unmet"})
"""Ends of a job, for which its commitments are dropped: no failure of the supplier's."""
_UNKNOWN: Final = "holder"


@dataclass(slots=True)
class Scorecard:
    offers: int = 0
    accepted: int = 0
    accepted_in_part: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason."""
    lapsed: int = 0
    withdrawn: int = 0
    defaults: int = 0
    answer: Sketch = field(default_factory=Sketch)
    """From an offer to its acceptance or refusal, in seconds."""
    capacity: Sketch = field(default_factory=Sketch)
    """From what first asked for a unit, offer or commitment, to its lease."""
    releases: int = 0
    units_released: int = 0
    commitments: int = 0
    """Made without an offer: those of third parties, and the holder's where its pool is free."""
    failures: Counter[str] = field(default_factory=Counter)
    """Of commitments, by code, else by reason."""
    places_refused: Counter[str] = field(default_factory=Counter)
    """Answers of the cloud itself, by code."""
    units: int = 0
    """Leases that began."""
    lost: int = 0
    preempted: int = 0
    gpu_seconds: Decimal = Decimal(0)
    usd: Decimal = Decimal(0)

    def figures(self) -> dict[str, Any]:
        return {
            "offers": self.offers,
            "accepted": self.accepted,
            "accepted_in_part": self.accepted_in_part,
            "refused": dict(sorted(self.refused.items())),
            "lapsed": self.lapsed,
            "withdrawn": self.withdrawn,
            "defaults": self.defaults,
            "answer_s": self.answer.figures(),
            "releases": self.releases,
            "units_released": self.units_released,
            "commitments": self.commitments,
            "failures": dict(sorted(self.failures.items())),
            "places_refused": dict(sorted(self.places_refused.items())),
            "capacity_s": self.capacity.figures(),
            "units": self.units,
            "lost": self.lost,
            "preempted": self.preempted,
            "gpu_hours": decimal_text((self.gpu_seconds / _HOUR).quantize(_CENTS)),
            "usd": decimal_text(self.usd.quantize(_CENTS)),
        }


class _Offer(NamedTuple):
    party: str
    units: int
    at: datetime


@dataclass(slots=True)
class _Bought:
    since: datetime
    units: int


class Scorecards:
    """Reads every fact in order. What happened before `since` is followed, and not counted.

    `holders` says whose offers those of an agreement are, where no edition in the facts tells it.
    """

    def __init__(
        self, since: datetime | None = None, holders: Mapping[str, str] | None = None
    ) -> None:
        self.cards: dict[str, Scorecard] = {}
        self._since = since
        self._holders = dict(holders or {})
        self._jobs: dict[str, str] = {}
        """The agreement of each open job."""
        self._offers: dict[str, _Offer] = {}
        self._bought: dict[str, _Bought] = {}
        self._idle = Scorecard()
        """Takes what is not to be counted."""
        self._at = datetime.min.replace(tzinfo=UTC)
        self._reads: Final[Mapping[str, Callable[[Mapping[str, Any]], None]]] = {
            "EditionRecorded": self._edition,
            "JobSubmitted": lambda data: self._jobs.update({data["job"]: data["agreement"]}),
            "JobFinished": self._over,
            "JobFailed": self._over,
            "JobCancelled": self._over,
            "JobUnmet": self._over,
            "OfferIssued": self._issued,
            "OfferAccepted": self._accepted,
            "OfferRefused": self._refused,
            "OfferLapsed": self._lapsed,
            "OfferWithdrawn": self._withdrawn,
            "OfferFulfilled": self._fulfilled,
            "HolderDefaulted": self._defaulted,
            "UnitsReleased": self._released,
            "PlaceRefused": self._place_refused,
            "ThirdPartyCommitted": self._committed,
            "HolderCommitted": self._committed,
            "CommitmentFailed": self._failed,
            "LeaseActivated": self._activated,
            "LeaseEnded": self._ended,
            "LeaseBilled": self._billed,
        }

    def read(self, fact: Fact) -> None:
        reads = self._reads.get(fact.type)
        if reads is not None:
            self._at = instant(fact.at)
            reads(fact.data)

    def figures(self) -> dict[str, dict[str, Any]]:
        """The cards by party, in the order of their names."""
        return {party: card.figures() for party, card in sorted(self.cards.items())}

    def _card(self, party: str) -> Scorecard:
        if self._since is not None and self._at < self._since:
            return self._idle
        card = self.cards.get(party)
        if card is None:
            card = self.cards[party] = Scorecard()
        return card

    def _edition(self, data: Mapping[str, Any]) -> None:
        pools = data.get("parties", {}).get("holder", {}).get("pools") or [_UNKNOWN]
        self._holders[data["agreement"]] = pools[0]

    def _issued(self, data: Mapping[str, Any]) -> None:
        party = self._holders.get(data["agreement"], _UNKNOWN)
        self._offers[data["offer"]] = _Offer(party, len(data["units"]), self._at)
        self._card(party).offers += 1

    def _accepted(self, data: Mapping[str, Any]) -> None:
        if (offer := self._offers.get(data["offer"])) is not None:
            card = self._card(offer.party)
            if len(data["units"]) < offer.units:
                card.accepted_in_part += 1
            else:
                card.accepted += 1
            card.answer.add((self._at - offer.at).total_seconds())

    def _refused(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            card = self._card(offer.party)
            card.refused[data["reason"]] += 1
            card.answer.add((self._at - offer.at).total_seconds())

    def _lapsed(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            self._card(offer.party).lapsed += 1

    def _withdrawn(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            self._card(offer.party).withdrawn += 1

    def _defaulted(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            self._card(offer.party).defaults += 1

    def _fulfilled(self, data: Mapping[str, Any]) -> None:
        self._forget(data["offer"])

    def _forget(self, offer: str) -> _Offer | None:
        return self._offers.pop(offer, None)

    def _released(self, data: Mapping[str, Any]) -> None:
        if data.get("again"):  # the holder let go of them once
            return
        agreement = self._jobs.get(data["job"], "")
        card = self._card(self._holders.get(agreement, _UNKNOWN))
        card.releases += 1
        card.units_released += len(data["units"])

    def _place_refused(self, data: Mapping[str, Any]) -> None:
        self._card(data["provider"]).places_refused[data["code"]] += 1

    def _committed(self, data: Mapping[str, Any]) -> None:
        offer = self._offers.get(data.get("offer") or "")
        since = offer.at if offer is not None else self._at
        self._bought[data["commitment"]] = _Bought(since, len(data["units"]))
        if data.get("offer") is None:
            self._card(data["provider"]).commitments += 1

    def _failed(self, data: Mapping[str, Any]) -> None:
        self._bought.pop(data["commitment"], None)
        if data["reason"] not in _LET_GO:
            self._card(data["provider"]).failures[data["code"] or data["reason"]] += 1

    def _activated(self, data: Mapping[str, Any]) -> None:
        card = self._card(data["provider"])
        card.units += 1
        if (bought := self._bought.get(data["commitment"])) is not None:
            card.capacity.add((self._at - bought.since).total_seconds())
            bought.units -= 1
            if bought.units <= 0:
                del self._bought[data["commitment"]]

    def _ended(self, data: Mapping[str, Any]) -> None:
        card, cause = self._card(data["provider"]), data["cause"]
        card.lost += cause == "lost"
        card.preempted += cause == "preempted"

    def _billed(self, data: Mapping[str, Any]) -> None:
        card = self._card(data["provider"])
        card.gpu_seconds += Decimal(data["gpu_seconds"])
        card.usd += Decimal(data["usd"])

    def _over(self, data: Mapping[str, Any]) -> None:
        self._jobs.pop(data["job"], None)
