"""The law of the own-built share: too small a one is on record within its period."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from broker.domain.chain import Fact
from broker.domain.laws.book import Book
from broker.domain.laws.editions import duration
from broker.domain.laws.law import Breach, Law
from broker.domain.values import instant

_DAY: Final = timedelta(days=1)
_SETTLED: Final = timedelta(minutes=10)
_DIGITS: Final = Decimal("0.000001")
_KEPT_DAYS: Final = 400


class _Limit(NamedTuple):
    agreement: str
    edition: str
    clause: str
    classes: frozenset[str]
    least: Decimal
    over: timedelta


class OwnShare(Law):
    number = "I33"
    text = (
        "Own-built capacity goes to the classes of its carve-out for at least the share that the "
        "clause names, by bills, or the breach is on record within the same period."
    )
    guards = "agreement 3.6; 004-7: soft_limit of a carve-out"
    sees = frozenset({"LeaseBilled", "ShareBelow"})

    def __init__(self) -> None:
        self._days: defaultdict[str, dict[date, Counter[str]]] = defaultdict(dict)
        """Millionths of GPU-seconds of own-built machines by agreement, day and class."""
        self._judged: date | None = None
        """The last day whose beginning was looked at."""
        self._owed: dict[tuple[str, str], tuple[datetime, timedelta, int]] = {}
        """Since when a share has been too small and not told, and the last bill before that."""
        self._bill = 0

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        yield from self._judge(book, book.now)
        if fact.type == "ShareBelow":
            yield from self._reported(fact, book)
        elif fact.data["pool_kind"] == "own_built":
            days, today = self._days[fact.data["agreement"]], book.now.date()
            if today not in days:
                for old in [day for day in days if day < today - _KEPT_DAYS * _DAY]:
                    del days[old]
            amount = int(Decimal(fact.data["gpu_seconds"]) * 1_000_000)
            days.setdefault(today, Counter())[fact.data["class"]] += amount
            self._bill = fact.position

    def end(self, book: Book) -> Iterator[Breach]:
        yield from self._judge(book, book.latest)

    def _judge(self, book: Book, now: datetime) -> Iterator[Breach]:
        """Look at every day's beginning since the last, once all bills before it are sealed."""
        today = (now - _SETTLED).date()
        day = self._judged or today - _DAY
        while self._days and day < today:
            day += _DAY
            start = datetime.combine(day, time(), now.tzinfo)
            for limit in _limits(book, start):
                share = self._share(limit, start)
                if share is not None and share < limit.least:
                    owed = (start, limit.over, self._bill)
                    self._owed.setdefault((limit.agreement, limit.clause), owed)
        self._judged = max(day, today)
        for name, (since, over, position) in list(self._owed.items()):
            if now > since + over:
                del self._owed[name]
                yield self.breach(
                    f"the own-built share of {' '.join(name)} has been too small since "
                    f"{since:%Y-%m-%d}, and that was not reported within its period",
                    position,
                )

    def _reported(self, fact: Fact, book: Book) -> Iterator[Breach]:
        data = fact.data
        until = instant(data["until"])
        named = (data["agreement"], data["edition"], data["clause"])
        limit = next((one for one in _limits(book, until) if one[:3] == named), None)
        if limit is None or until > book.now or until.time() != time():
            yield self.breach(f"no soft limit {' '.join(named)} is measured then", fact.position)
            return
        share = self._share(limit, until)
        if share is None or share >= limit.least or Decimal(data["share"]) != share:
            told = f"{data['share']} is reported, and the bills say {share}"
            yield self.breach(f"a share of {told}", fact.position)
        said = (Decimal(data["min_share"]), timedelta(seconds=data["over_s"]))
        if said != (limit.least, limit.over):
            yield self.breach(
                "a share is measured by other values than its clause's", fact.position
            )
        self._owed.pop((limit.agreement, limit.clause), None)

    def _share(self, limit: _Limit, until: datetime) -> Decimal | None:
        first, last = (until - limit.over).date(), until.date()
        sums: Counter[str] = Counter()
        for day, classes in self._days.get(limit.agreement, {}).items():
            if first <= day < last:
                sums.update(classes)
        if not (whole := sums.total()):
            return None
        meant = sum(sums[name] for name in limit.classes)
        return (Decimal(meant) / whole).quantize(_DIGITS)


def _limits(book: Book, at: datetime) -> Iterator[_Limit]:
    for edition in book.in_force(at):
        for name, clause in edition.clauses.items():
            soft: dict[str, Any] | None = clause.get("soft_limit")
            over = duration(soft["over"]) if soft else None
            if soft and over:
                yield _Limit(
                    edition.agreement,
                    edition.name,
                    name,
                    frozenset(soft["classes"]),
                    Decimal(str(soft["min_share"])),
                    over,
                )
