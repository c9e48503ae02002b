"""What a replay has to say, counted from its facts as they are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from broker.domain import events as f
from broker.domain.accounts.shortage import figures
from broker.domain.accounts.waits import Waits
from broker.domain.event import Event
from broker.domain.market import Place
from broker.domain.values import JobId, LeaseId, OfferId, ProviderName, Purchase, decimal_text

_CENTS: Final = Decimal("0.01")
_DECIDED: Final[Mapping[type[Event], str]] = {
    f.OfferAccepted: "accepted",
    f.OfferRefused: "refused",
    f.OfferLapsed: "lapsed",
    f.OfferWithdrawn: "withdrawn",
}
_HEARD: Final = frozenset(
    {
        *_DECIDED,
        f.JobSubmitted,
        f.OfferIssued,
        f.ThirdPartyCommitted,
        f.HolderCommitted,
        f.CommitmentFailed,
        f.LeaseActivated,
        f.LeaseEnded,
    }
)
"""The others are only counted."""


@dataclass(slots=True)
class _Open:
    """A job that is not placed yet."""

    submitted: datetime
    units: int
    active: int = 0


@dataclass(slots=True)
class Tally:
    """Listens to every fact, and keeps of each only what the figures need."""

    gpus_of: Mapping[Place, int]
    """GPUs of one unit."""
    count: int = 0
    offers: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    holder_wait: float = 0
    gpu_seconds: float = 0
    cost: Decimal = Decimal(0)
    activated: list[tuple[JobId, int]] = field(default_factory=list)
    """Units that became active since the replay last looked."""
    lost: Waits = field(default_factory=Waits)
    _jobs: dict[JobId, _Open] = field(default_factory=dict)
    _offered: dict[OfferId, datetime] = field(default_factory=dict)
    _leases: dict[LeaseId, tuple[datetime, Decimal, int]] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)

    def hear(self, event: Event, at: datetime) -> None:
        self.count += 1
        self.lost.hear(event, at)
        if type(event) not in _HEARD:
            return
        match event:
            case f.JobSubmitted(job=job, units=units):
                self._jobs[job] = _Open(at, units)
            case f.OfferIssued(offer=offer):
                self.offers["issued"] += 1
                self._offered[offer] = at
            case f.OfferAccepted() | f.OfferRefused() | f.OfferLapsed() | f.OfferWithdrawn():
                self._decided(event.offer, _DECIDED[type(event)], at)
            case f.ThirdPartyCommitted() | f.HolderCommitted():
                place = Place(
                    ProviderName(event.provider), event.region, event.sku, Purchase(event.purchase)
                )
                self._sizes[event.commitment] = self.gpus_of.get(place, 0)
            case f.LeaseActivated():
                self._placed(event, at)
            case f.CommitmentFailed(commitment=commitment):
                self._sizes.pop(commitment, None)
            case f.LeaseEnded(lease=lease, commitment=commitment):
                self._sizes.pop(commitment, None)
                since, price, gpus = self._leases.pop(lease)
                seconds = (at - since).total_seconds()
                self.gpu_seconds += gpus * seconds
                self.cost += price * Decimal(seconds) / 3600
            case _:
                pass

    def _decided(self, offer: OfferId, how: str, at: datetime) -> None:
        self.offers[how] += 1
        self.holder_wait += (at - self._offered.pop(offer)).total_seconds()

    def _placed(self, event: f.LeaseActivated, at: datetime) -> None:
        self.activated.append((event.job, event.unit))
        gpus = self._sizes[event.commitment]
        self._leases[event.lease] = (at, event.price_usd_hour, gpus)
        waiting = self._jobs.get(event.job)
        if waiting is None:
            return
        waiting.active += 1
        if waiting.active == waiting.units:
            del self._jobs[event.job]
            self.placed[event.provider] += 1
            self.waits.append((at - waiting.submitted).total_seconds())

    @property
    def unplaced(self) -> int:
        return len(self._jobs)

    def figures(self) -> dict[str, Any]:
        """The report's figures; money as decimal strings in dollars and cents, times in seconds."""
        ordered = sorted(self.waits)
        return {
            "jobs": len(ordered) + self.unplaced,
            "placed": {name.value: self.placed[name] for name in ProviderName},
            "unplaced": self.unplaced,
            "offers": {
                name: self.offers[name] for name in ("issued", "accepted", "refused", "lapsed")
            },
            "wait_s": {f"p{q}": _quantile(ordered, q) for q in (50, 90, 99)},
            "holder_wait_s": round(self.holder_wait),
            "delays_s": {cause: round(s) for cause, s in figures(self.lost.totals).items()},
            "gpu_hours": decimal_text(Decimal(self.gpu_seconds / 3600).quantize(_CENTS)),
            "cost_usd": decimal_text(self.cost.quantize(_CENTS)),
            "facts": self.count,
        }


def _quantile(ordered: list[float], percent: int) -> int | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)])
