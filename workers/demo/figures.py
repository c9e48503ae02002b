"""What a run comes to, computed from its exported log by the audit and from nothing else.

Only the price that the cheapest cloud would have asked is not in the log; the catalogue knows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.laws.agreement import ExclusiveStays
from broker.domain.laws.audit import Report, audit
from broker.domain.laws.commitments import NotWhileOffered, OneBasis
from broker.domain.laws.skipped import SkippedWithCause, StandingAnswers
from broker.domain.market import Pool
from broker.domain.values import instant
from broker.domain.workload import Limits, Shape

HOLDER: Final = "azure"
THIRD_PARTIES: Final = ("aws", "gcp", "oracle")
PROMISED: Final = (
    *("accepted", "refused", "lapsed", "accepted in part"),
    *(f"spilled to {name}" for name in THIRD_PARTIES),
    *("cancelled", "failed with an exit code"),
)
"""What every run shows at least once."""
_TURN: Final = frozenset(
    law.number
    for law in (OneBasis, NotWhileOffered, ExclusiveStays, SkippedWithCause, StandingAnswers)
)
"""The laws that a placement elsewhere breaks if the holder has not had its turn."""
_EARLY: Final = "started elsewhere before Azure had its turn"
_ENDS: Final = frozenset({"JobFinished", "JobFailed", "JobCancelled", "JobUnmet"})
_DECIDED: Final = frozenset({"OfferAccepted", "OfferRefused", "OfferLapsed", "OfferWithdrawn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    report: Report
    jobs: int
    lost: int
    """Jobs that were submitted and have not ended in any way."""
    early: int
    """Placements with others before the holder had its turn."""
    outcomes: Mapping[str, int]
    machines: Mapping[str, int]
    """Machines that went live, by provider."""
    dearer_percent: Decimal | None
    """What the holder's machines cost beyond the cheapest list price, as a share of all paid."""
    holder_wait_s: float
    """The median over jobs of the time that their offers were undecided."""

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in PROMISED if not self.outcomes.get(name))

    @property
    def good(self) -> bool:
        """Whether nothing was lost, every law holds and every promised outcome has happened."""
        return self.report.holds and not self.missing and not self.lost and not self.early


def figures(facts: Iterable[Fact], pools: Sequence[Pool]) -> Figures:
    """Read a whole log."""
    log = list(facts)
    report = audit(log)
    told = _Told(pools)
    for fact in log:
        told.hear(fact)
    broken = {p for b in report.breaches if b.law in _TURN for p in b.positions}
    waits = [told.waits[job] for job in told.terms]
    return Figures(
        report=report,
        jobs=len(told.terms),
        lost=len(told.terms.keys() - told.over),
        early=len(broken & told.elsewhere),
        outcomes=told.outcomes,
        machines=told.machines,
        dearer_percent=_percent(told.paid, told.cheapest),
        holder_wait_s=median(waits) if waits else 0.0,
    )


def _percent(paid: Decimal, cheapest: Decimal) -> Decimal | None:
    return round((paid / cheapest - 1) * 100, 1) if cheapest else None


@dataclass(slots=True)
class _Told:
    """Keeps of each fact what the figures need."""

    pools: Sequence[Pool]
    terms: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    elsewhere: set[int] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    machines: Counter[str] = field(default_factory=Counter)
    waits: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    paid: Decimal = Decimal(0)
    cheapest: Decimal = Decimal(0)
    _offers: dict[str, tuple[str, int, datetime]] = field(default_factory=dict)
    _leases: dict[str, tuple[datetime, Decimal, Decimal]] = field(default_factory=dict)

    def hear(self, fact: Fact) -> None:
        data, at = fact.data, instant(fact.at)
        if fact.type == "JobSubmitted":
            self.terms[data["job"]] = data["terms"]
        elif fact.type == "OfferIssued":
            self._offers[data["offer"]] = (data["job"], len(data["units"]), at)
        elif fact.type in _DECIDED:
            self._decided(fact.type, data, at)
        elif fact.type == "ThirdPartyCommitted":
            self.elsewhere.add(fact.position)
        elif fact.type == "LeaseActivated":
            self._live(data, at)
        elif fact.type == "LeaseEnded" and data["lease"] in self._leases:
            since, price, least = self._leases.pop(data["lease"])
            hours = Decimal(str((at - since).total_seconds())) / 3600
            self.paid += price * hours
            self.cheapest += least * hours
        elif fact.type in _ENDS:
            self._over(fact.type, data)

    def _decided(self, how: str, data: Mapping[str, Any], at: datetime) -> None:
        job, units, since = self._offers.pop(data["offer"])
        self.waits[job] += (at - since).total_seconds()
        if how == "OfferAccepted":
            part = len(data["units"]) < units
            self.outcomes["accepted in part" if part else "accepted"] += 1
        elif how != "OfferWithdrawn":
            self.outcomes["refused" if how == "OfferRefused" else "lapsed"] += 1

    def _live(self, data: Mapping[str, Any], at: datetime) -> None:
        provider, price = data["provider"], Decimal(data.get("price_usd_hour") or 0)
        self.machines[provider] += 1
        if provider in THIRD_PARTIES:
            self.outcomes[f"spilled to {provider}"] += 1
        least = self._least(self.terms[data["job"]]) if provider == HOLDER else price
        self._leases[data["lease"]] = (at, price, min(price, least or price))

    def _over(self, how: str, data: Mapping[str, Any]) -> None:
        self.over.add(data["job"])
        if how == "JobCancelled":
            self.outcomes["cancelled"] += 1
        elif how == "JobFailed" and data["exit_code"]:
            self.outcomes["failed with an exit code"] += 1

    def _least(self, terms: Mapping[str, Any]) -> Decimal | None:
        """The lowest list price of any machine that the job could have run on."""
        shape = Shape(
            accelerators=tuple(terms["accelerators"] or ()), gpus=terms["gpus_per_unit"] or 0
        )
        limits = Limits(regions=tuple(terms["regions"] or ()))
        fitting = (p.price_usd_hour for p in self.pools if p.fits(shape) and p.within(limits))
        return min(fitting, default=None)


def plain(found: Figures) -> dict[str, Any]:
    """The figures for programs."""
    report = found.report
    return {
        "good": found.good,
        "jobs": found.jobs,
        "lost": found.lost,
        "early": found.early,
        "outcomes": {name: found.outcomes.get(name, 0) for name in PROMISED},
        "missing": found.missing,
        "machines": {name: found.machines.get(name, 0) for name in (HOLDER, *THIRD_PARTIES)},
        "dearer_percent": None if found.dearer_percent is None else float(found.dearer_percent),
        "holder_wait_s": round(found.holder_wait_s, 3),
        "facts": report.facts,
        "head": report.head_hash,
        "holds": report.holds,
        "laws": report.laws_checked,
        "breaches": [breach._asdict() for breach in report.breaches],
    }


def sentences(found: Figures) -> list[str]:
    """The figures, said in lines for a person."""
    report = found.report
    said = [f"{name} {found.outcomes.get(name, 0)}" for name in PROMISED]
    verdict = (
        f"chain and {len(report.laws_checked)} laws verified"
        if report.holds
        else f"{len(report.breaches)} breaches: {report.breaches[0].sentence}"
    )
    dearer = "-" if found.dearer_percent is None else f"{found.dearer_percent} %"
    waited = f"{found.holder_wait_s:.1f} s of waiting (median)"
    spilled = ", ".join(
        f"{name} {found.outcomes.get(f'spilled to {name}', 0)}" for name in THIRD_PARTIES
    )
    lines = [
        f"{found.jobs} jobs, {found.lost} lost, {found.early} {_EARLY}",
        f"first refusal cost {dearer} against the cheapest cloud, {waited}",
        f"offers: {', '.join(said[:4])}",
        f"spilled to {spilled}; {', '.join(said[-2:])}",
        f"log: {report.facts} facts, {verdict}",
    ]
    if found.missing:
        lines.append(f"missing, though promised: {', '.join(found.missing)}")
    return lines
