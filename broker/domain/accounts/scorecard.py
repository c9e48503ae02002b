"""What the scorecard of one party says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from broker.domain.accounts.sketch import Sketch
from broker.domain.values import decimal_text

_CENTS: Final = Decimal("0.01")
_HOUR: Final = 3600


@dataclass(slots=True)
class Asked:
    """What it was asked for, and what came of it."""

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
    releases: int = 0
    units_released: int = 0
    commitments: int = 0
    """Made without an offer: those of third parties, and the holder's where its pool is free."""
    capacity: Sketch = field(default_factory=Sketch)
    """From what first asked for a unit, offer or commitment, to its lease."""

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
            "capacity_s": self.capacity.figures(),
        }


@dataclass(slots=True)
class Scorecard:
    new: Asked = field(default_factory=Asked)
    """New capacity."""
    renewals: Asked = field(default_factory=Asked)
    """Leases that were to go on, or to go to the holder: apart, for nobody waited for them."""
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

    def asked(self, *, renewal: bool) -> Asked:
        return self.renewals if renewal else self.new

    def figures(self) -> dict[str, Any]:
        """Those of new capacity as they are, those of renewals under their name."""
        return {
            **self.new.figures(),
            "renewals": self.renewals.figures(),
            "failures": dict(sorted(self.failures.items())),
            "places_refused": dict(sorted(self.places_refused.items())),
            "units": self.units,
            "lost": self.lost,
            "preempted": self.preempted,
            "gpu_hours": decimal_text((self.gpu_seconds / _HOUR).quantize(_CENTS)),
            "usd": decimal_text(self.usd.quantize(_CENTS)),
        }
