"""Meters: what commitments were drawn down by, and the share of own-built capacity by class.

Both are added up from bills. A lease counts when it is billed, at its end or its renewal, and a
share goes by whole days (UTC).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from broker.domain.chain import Fact
from broker.domain.laws.editions import duration
from broker.domain.values import decimal_text, instant, instant_text

_HOUR: Final = 3600
_MILLIONTH: Final = Decimal("0.000001")
_DAY: Final = timedelta(days=1)
DAYS_KEPT: Final = 400
"""How long the days of a share are kept, more than the longest period any edition measures."""
OWN_BUILT: Final = "own_built"


@dataclass(slots=True)
class Meter:
    """What was drawn from one `commit` clause; a clause that keeps its id goes on counting."""

    unit: str = ""
    amount: str | None = None
    note: str | None = None
    edition: str = ""
    """The last that names the clause."""
    months: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    gpu_months: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    leases: int = 0

    def figures(self, agreement: str, clause: str) -> dict[str, Any]:
        """Amounts as decimal strings in the meter's unit; None where nothing is defined."""
        by_month = {"usd": self.months, "gpu_hours": self.gpu_months}.get(self.unit)
        drawn = None if by_month is None else sum(by_month.values(), Decimal(0))
        amount = None if self.amount is None else Decimal(self.amount)
        left = None if amount is None or drawn is None else amount - drawn
        return {
            "agreement": agreement,
            "clause": clause,
            "edition": self.edition,
            "unit": self.unit,
            "amount": None if amount is None else decimal_text(amount),
            "drawn": None if drawn is None else _shown(drawn),
            "remaining": None if left is None else _shown(left),
            "leases": self.leases,
            "by_month": {month: _shown(n) for month, n in sorted((by_month or {}).items())},
            "note": self.note,
        }


class Share(NamedTuple):
    """How much of own-built capacity went to the classes that it is meant for."""

    agreement: str
    edition: str
    clause: str
    share: Decimal | None
    """None: own-built capacity was not used at all."""
    min_share: Decimal
    over_s: int
    until: datetime

    @property
    def below(self) -> bool:
        return self.share is not None and self.share < self.min_share

    def figures(self) -> dict[str, Any]:
        return {
            "agreement": self.agreement,
            "clause": self.clause,
            "edition": self.edition,
            "share": None if self.share is None else decimal_text(self.share),
            "min_share": decimal_text(self.min_share),
            "over_s": self.over_s,
            "until": instant_text(self.until),
            "below": self.below,
        }


class _Limit(NamedTuple):
    agreement: str
    edition: str
    clause: str
    classes: frozenset[str]
    min_share: Decimal
    over_s: int
    begins: datetime
    ends: datetime | None


class Meters:
    """Reads facts in order; bounded by the clauses, the months and the days there are."""

    def __init__(self) -> None:
        self.bills = 0
        self._meters: dict[tuple[str, str], Meter] = {}
        self._go_on: dict[str, set[tuple[str, str]]] = {}
        """The meters that count a renewed lease already, until it ends."""
        self._limits: list[_Limit] = []
        self._own: dict[str, dict[date, dict[str, Decimal]]] = {}
        """GPU-seconds of own-built machines by agreement, day and class."""

    def read(self, fact: Fact) -> None:
        if fact.type == "LeaseBilled":
            self._billed(fact.data, fact.at)
        elif fact.type == "EditionRecorded":
            self._edition(fact.data)

    def meters(self, agreement: str | None = None) -> list[dict[str, Any]]:
        """Every meter, or those of one agreement."""
        return [
            meter.figures(*name)
            for name, meter in sorted(self._meters.items())
            if agreement in (None, name[0])
        ]

    def shares(self, at: datetime, agreement: str | None = None) -> Iterator[Share]:
        """The soft limits in force at an instant, over the period up to the day's beginning."""
        until = datetime.combine(at.date(), time(), at.tzinfo)
        for limit in self._limits:
            in_force = limit.begins <= until and (limit.ends is None or until < limit.ends)
            if in_force and agreement in (None, limit.agreement):
                yield self._share(limit, until)

    def _share(self, limit: _Limit, until: datetime) -> Share:
        since = until - timedelta(seconds=limit.over_s)
        meant = whole = Decimal(0)
        for day, classes in self._own.get(limit.agreement, {}).items():
            if since.date() <= day < until.date():
                whole += sum(classes.values())
                meant += _of(classes, limit.classes)
        share = (meant / whole).quantize(_MILLIONTH) if whole else None
        return Share(
            limit.agreement,
            limit.edition,
            limit.clause,
            share,
            limit.min_share,
            limit.over_s,
            until,
        )

    def _billed(self, data: Mapping[str, Any], at: str) -> None:
        self.bills += 1
        seconds = Decimal(data["gpu_seconds"])
        goes_on = data.get("goes_on", False)
        counted = self._go_on.pop(data["lease"], set())
        if data["draws"] is not None:
            name = (data["agreement"], data["draws"])
            meter = self._meters.setdefault(name, Meter())
            meter.leases += name not in counted
            counted.add(name)
            meter.months[at[:7]] += Decimal(data["usd"])
            meter.gpu_months[at[:7]] += seconds / _HOUR
        if goes_on:
            self._go_on[data["lease"]] = counted
        if data["pool_kind"] == OWN_BUILT:
            days = self._own.setdefault(data["agreement"], {})
            day = date.fromisoformat(at[:10])
            if day not in days:
                for old in [one for one in days if one < day - DAYS_KEPT * _DAY]:
                    del days[old]
            classes = days.setdefault(day, {})
            classes[data["class"]] = classes.get(data["class"], Decimal(0)) + seconds

    def _edition(self, data: Mapping[str, Any]) -> None:
        effective = data["effective"]
        for clause in data.get("clauses") or ():
            if clause.get("effect") == "commit":
                said = clause.get("meter") or {}
                meter = self._meters.setdefault((data["agreement"], clause["id"]), Meter())
                amount = said.get("amount")
                meter.unit, meter.edition = said.get("unit") or "usd", data["edition"]
                meter.amount = None if amount is None else str(amount)
                meter.note = said.get("note")
            elif (soft := clause.get("soft_limit")) and effective.get("from"):
                ends = effective.get("to")
                self._limits.append(
                    _Limit(
                        agreement=data["agreement"],
                        edition=data["edition"],
                        clause=clause["id"],
                        classes=frozenset(soft["classes"]),
                        min_share=Decimal(str(soft["min_share"])),
                        over_s=_seconds(soft),
                        begins=instant(effective["from"]),
                        ends=None if ends is None else instant(ends),
                    )
                )


def _of(classes: Mapping[str, Decimal], wanted: Collection[str]) -> Decimal:
    return sum((n for name, n in classes.items() if name in wanted), Decimal(0))


def _seconds(soft: Mapping[str, Any]) -> int:
    over = duration(soft["over"])
    return int(over.total_seconds()) if over is not None else 0


def _shown(amount: Decimal) -> str:
    return decimal_text(amount.quantize(_MILLIONTH))
