"""What an agreement and a market leave open to one kind of work: asked once for all jobs alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.clause import PoolView
from broker.domain.market import Market, Pool, PoolKind
from broker.domain.ranking import ranked
from broker.domain.release import Basis
from broker.domain.terms import Terms, better_for_supplier
from broker.domain.values import Usd
from broker.domain.verdict import Verdict, VerdictKind, verdict
from broker.domain.workload import Scope, Workload

_SOME_CLOUD: Final = PoolView("", PoolKind.THIRD_PARTY_CLOUD)
"""Stands for any third party, where none of those known would fit the work."""


_OPEN_UNDER_A_RELEASE: Final = frozenset({VerdictKind.ALLOW, VerdictKind.OFFER})


class Choice(NamedTuple):
    """A pool that may be committed to, and what the commitment would stand on."""

    pool: Pool
    basis: Basis | None
    """None: only under a release, whose basis it takes."""
    cites: tuple[str, ...]


Ceiling: TypeAlias = tuple[tuple[object, ...], tuple[object, ...], Decimal, bool]
"""What is asked for, what was noticed, the tolerance, and whether a release is needed."""
_CEILINGS: Final = 64
"""How many ceilings the options of one line are compared with before the first is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    holder: tuple[Pool, ...]
    """The holder's pools that fit."""
    right: str | None
    """The clause under which the holder is offered the work first."""
    exclusive: str | None
    """The clause that keeps the work with the holder, where no other pool may have it."""
    free: tuple[Choice, ...]
    """Where there is no right: the pools that are open without a release, the holder's included."""
    released: tuple[Choice, ...]
    """Everybody else's pools that are open once the holder has let the units go."""
    some: bool
    """Whether any pool fits at all."""
    notice_price: Usd | None
    """The job's own limit, else the highest list price among the pools that fit (3.5, 16)."""
    _within: dict[Ceiling, tuple[Choice, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def within(
        self, asked: Terms, ceiling: Terms, tolerance: Decimal, *, released: bool
    ) -> tuple[Choice, ...]:
        """The choices on whose terms a supplier is in nothing better off than under the ceiling.

        The order is partial (design 3.3): cheaper and later is not comparable, and left out.
        """
        key = (asked.compared(), ceiling.compared(), tolerance, released)
        found = self._within.get(key)
        if found is None:
            if len(self._within) >= _CEILINGS:
                self._within.clear()
            choices = self.released if released else self.free
            found = self._within[key] = tuple(
                choice
                for choice in choices
                if better_for_supplier(ceiling, at(choice.pool, asked), tolerance) is None
            )
        return found


def at(pool: Pool, asked: Terms) -> Terms:
    """What was asked for, narrowed to one pool and its price."""
    accelerators = (pool.accelerator,) if pool.accelerator else asked.accelerators
    return asked.narrowed(accelerators, (pool.place.region,), pool.price_usd_hour)


_MEMO_SIZE: Final = 20_000

Memo: TypeAlias = dict[tuple[str, str, int], Options]
"""Options by line, edition and era: nothing else changes them while the pools are the same."""


def remembered(
    memo: Memo, line: str, work: Workload, market: Market, edition: Edition, now: datetime
) -> Options:
    """The options of a line, worked out once for each era of the edition."""
    key = (line, edition.id, edition.era(now))
    found = memo.get(key)
    if found is None:
        if len(memo) >= _MEMO_SIZE:
            memo.clear()
        found = memo[key] = options_for(work, market, edition, now)
    return found


def options_for(work: Workload, market: Market, edition: Edition, now: datetime) -> Options:
    """What the edition says of every pool that fits, taken together (design 5.1, rule 3)."""
    order = ranked(p for p in market.pools if p.fits(work.shape) and p.within(work.limits))
    seen = [PoolView(p.place.provider.value, p.kind) for p in order]
    tags = frozenset(work.tags)
    views = set(seen)
    others = {view for view in views if not edition.holds(view.name)} or {_SOME_CLOUD}
    said = {
        view: verdict(edition, work.work_class, tags, view, Scope.NEW, now)
        for view in views | others
    }
    right = _clause(said, others, VerdictKind.OFFER)
    open_to_others = any(said[view].reads_as is VerdictKind.ALLOW for view in others)
    exclusive = None if open_to_others else _clause(said, others, VerdictKind.FORBID)
    return Options(
        holder=tuple(p for p, view in zip(order, seen, strict=True) if view not in others),
        right=right,
        exclusive=exclusive if right is None else None,
        free=()
        if right or exclusive
        else tuple(
            _choice(p, said[view])
            for p, view in zip(order, seen, strict=True)
            if said[view].reads_as is VerdictKind.ALLOW
        ),
        released=tuple(
            _choice(p, said[view])
            for p, view in zip(order, seen, strict=True)
            if view in others and said[view].reads_as in _OPEN_UNDER_A_RELEASE
        ),
        some=bool(order),
        notice_price=work.limits.max_price_usd_hour
        or (order[-1].price_usd_hour if order else None),
    )


def _clause(said: dict[PoolView, Verdict], views: set[PoolView], answer: VerdictKind) -> str | None:
    for view in sorted(views):
        if said[view].reads_as is answer:
            return said[view].clause or "holder"
    return None


def _choice(pool: Pool, said: Verdict) -> Choice:
    if said.reads_as is VerdictKind.OFFER:
        return Choice(pool, None, ())
    basis = Basis(said.basis) if said.basis else Basis.FREE
    cites = said.consent or (f"clause:{said.clause}" if said.clause else None)
    return Choice(pool, basis, (cites,) if cites else ())
