"""A scorecard for every party: what it was asked, what it answered, and what it delivered when.

Added up from facts in one pass; memory is bounded by what is open. Counts and amounts are exact,
quantiles within one per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from broker.domain.accounts.scorecard import Asked, Scorecard
from broker.domain.chain import Fact
from broker.domain.values import instant

_LET_GO: Final = frozenset({"finished", "failed", "cancelled", "unmet"})
"""Ends of a job, for which its commitments are dropped: no failure of the supplier's."""
_UNKNOWN: Final = "holder"


class _Offer(NamedTuple):
    party: str
    units: int
    at: datetime
    renewal: bool


@dataclass(slots=True)
class _Bought:
    since: datetime
    units: int
    renewal: bool


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
        self._renewing: dict[str, set[int]] = {}
        """The units of each job whose leases are to be followed by others."""
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
            "RenewalDue": self._due,
            "LeaseRenewed": self._followed,
            "LeaseFenced": self._followed,
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

    def _asked(self, offer: _Offer) -> Asked:
        return self._card(offer.party).asked(renewal=offer.renewal)

    def _issued(self, data: Mapping[str, Any]) -> None:
        party = self._holders.get(data["agreement"], _UNKNOWN)
        renewal = data.get("scope") == "renewal"
        offer = _Offer(party, len(data["units"]), self._at, renewal)
        self._offers[data["offer"]] = offer
        self._asked(offer).offers += 1

    def _accepted(self, data: Mapping[str, Any]) -> None:
        if (offer := self._offers.get(data["offer"])) is not None:
            asked = self._asked(offer)
            if len(data["units"]) < offer.units:
                asked.accepted_in_part += 1
            else:
                asked.accepted += 1
            asked.answer.add((self._at - offer.at).total_seconds())

    def _refused(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            asked = self._asked(offer)
            asked.refused[data["reason"]] += 1
            asked.answer.add((self._at - offer.at).total_seconds())

    def _lapsed(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            self._asked(offer).lapsed += 1

    def _withdrawn(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            self._asked(offer).withdrawn += 1

    def _defaulted(self, data: Mapping[str, Any]) -> None:
        if (offer := self._forget(data["offer"])) is not None:
            self._asked(offer).defaults += 1

    def _fulfilled(self, data: Mapping[str, Any]) -> None:
        self._forget(data["offer"])

    def _forget(self, offer: str) -> _Offer | None:
        return self._offers.pop(offer, None)

    def _released(self, data: Mapping[str, Any]) -> None:
        if data.get("again"):  # the holder let go of them once
            return
        agreement = self._jobs.get(data["job"], "")
        card = self._card(self._holders.get(agreement, _UNKNOWN))
        renewal = self._renewing.get(data["job"], set()).issuperset(data["units"])
        asked = card.asked(renewal=renewal)
        asked.releases += 1
        asked.units_released += len(data["units"])

    def _due(self, data: Mapping[str, Any]) -> None:
        self._renewing.setdefault(data["job"], set()).update(data["units"])

    def _followed(self, data: Mapping[str, Any]) -> None:
        if (units := self._renewing.get(data["job"])) is not None:
            units.discard(data["unit"])

    def _place_refused(self, data: Mapping[str, Any]) -> None:
        self._card(data["provider"]).places_refused[data["code"]] += 1

    def _committed(self, data: Mapping[str, Any]) -> None:
        offer = self._offers.get(data.get("offer") or "")
        since = offer.at if offer is not None else self._at
        goes_on = bool(data.get("renews"))
        renewal = goes_on or (offer is not None and offer.renewal)
        if not goes_on:
            self._bought[data["commitment"]] = _Bought(since, len(data["units"]), renewal)
        if data.get("offer") is None:
            self._card(data["provider"]).asked(renewal=renewal).commitments += 1

    def _failed(self, data: Mapping[str, Any]) -> None:
        self._bought.pop(data["commitment"], None)
        if data["reason"] not in _LET_GO:
            self._card(data["provider"]).failures[data["code"] or data["reason"]] += 1

    def _activated(self, data: Mapping[str, Any]) -> None:
        card = self._card(data["provider"])
        card.units += 1
        if (bought := self._bought.get(data["commitment"])) is not None:
            asked = card.asked(renewal=bought.renewal)
            asked.capacity.add((self._at - bought.since).total_seconds())
            bought.units -= 1
            if bought.units <= 0:
                del self._bought[data["commitment"]]

    def _ended(self, data: Mapping[str, Any]) -> None:
        self._followed(data)
        card, cause = self._card(data["provider"]), data["cause"]
        card.lost += cause == "lost"
        card.preempted += cause == "preempted"

    def _billed(self, data: Mapping[str, Any]) -> None:
        card = self._card(data["provider"])
        card.gpu_seconds += Decimal(data["gpu_seconds"])
        card.usd += Decimal(data["usd"])

    def _over(self, data: Mapping[str, Any]) -> None:
        self._jobs.pop(data["job"], None)
        self._renewing.pop(data["job"], None)
