"""What a replay has to say, counted from its facts as they are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
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
    _hears: dict[type[Event], Callable[[Any, datetime], None]] = field(default_factory=dict)
    """The other facts are only counted."""

    def __post_init__(self) -> None:
        self._hears |= {
            f.JobSubmitted: self._submitted,
            f.OfferIssued: self._issued,
            **dict.fromkeys(_DECIDED, self._decided),
            f.ThirdPartyCommitted: self._committed,
            f.HolderCommitted: self._committed,
            f.CommitmentFailed: self._failed,
            f.LeaseActivated: self._placed,
            f.LeaseEnded: self._ended,
        }

    def hear(self, event: Event, at: datetime) -> None:
        self.count += 1
        self.lost.hear(event, at)
        hears = self._hears.get(type(event))
        if hears is not None:
            hears(event, at)

    def _submitted(self, event: f.JobSubmitted, at: datetime) -> None:
        self._jobs[event.job] = _Open(at, event.units)

    def _issued(self, event: f.OfferIssued, at: datetime) -> None:
        self.offers["issued"] += 1
        self._offered[event.offer] = at

    def _decided(
        self,
        event: f.OfferAccepted | f.OfferRefused | f.OfferLapsed | f.OfferWithdrawn,
        at: datetime,
    ) -> None:
        self.offers[_DECIDED[type(event)]] += 1
        self.holder_wait += (at - self._offered.pop(event.offer)).total_seconds()

    def _committed(self, event: f.ThirdPartyCommitted | f.HolderCommitted, _: datetime) -> None:
        how = Purchase(event.purchase)
        place = Place(ProviderName(event.provider), event.region, event.sku, how)
        self._sizes[event.commitment] = self.gpus_of.get(place, 0)

    def _failed(self, event: f.CommitmentFailed, _: datetime) -> None:
        self._sizes.pop(event.commitment, None)

    def _ended(self, event: f.LeaseEnded, at: datetime) -> None:
        self._sizes.pop(event.commitment, None)
        since, price, gpus = self._leases.pop(event.lease)
        seconds = (at - since).total_seconds()
        self.gpu_seconds += gpus * seconds
        self.cost += price * Decimal(seconds) / 3600

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
