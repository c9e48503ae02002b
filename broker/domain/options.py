"""What an agreement and a market leave open to one kind of work: asked once for all jobs alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.clause import PoolView, Question
from broker.domain.exemptions import NO_EXEMPTIONS, Choice, Exemptions, exemptions, stands_on
from broker.domain.market import Market, Pool, PoolKind
from broker.domain.ranking import ranked
from broker.domain.register import Register
from broker.domain.release import Basis
from broker.domain.terms import Terms, better_for_supplier
from broker.domain.values import Purchase, Usd
from broker.domain.verdict import Verdict, VerdictKind, verdict
from broker.domain.workload import Scope, Workload

_SOME_CLOUD: Final = PoolView("", PoolKind.THIRD_PARTY_CLOUD)
"""Stands for any third party, where none of those known would fit the work."""


_NOTHING: Final[frozenset[str]] = frozenset()
_OPEN_UNDER_A_RELEASE: Final = frozenset({VerdictKind.ALLOW, VerdictKind.OFFER})


Which: TypeAlias = Literal["existing", "free", "released", "anybody"]
Ceiling: TypeAlias = tuple[tuple[object, ...], tuple[object, ...], Decimal, Which]
"""What is asked for, what was noticed, the tolerance, and which choices are meant."""
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
    existing: tuple[Choice, ...]
    """What is paid for already and open to this work: it is used first, and triggers no offer.

    It leads all that follows here, too, so that whatever else is taken, it is known to be full.
    """
    free: tuple[Choice, ...]
    """Where there is no right: the pools that are open without a release, the holder's included."""
    released: tuple[Choice, ...]
    """Everybody else's pools that are open once the holder has let the units go."""
    exempt: Exemptions
    """What may be placed without a notice, although there is a right or an exclusive clause."""
    holder_barred: bool
    """Whether the holder is in the tenant's conflict set, so that no notice may reach it."""
    asked: Question
    """What was asked of the edition, of any pool."""
    some: bool
    """Whether any pool fits at all."""
    notice_price: Usd | None
    """The job's own limit, else the highest list price among the pools that fit (3.5, 16)."""
    _within: dict[Ceiling, tuple[Choice, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def anybody(self) -> tuple[Choice, ...]:
        """What is released with the holder's own, which are open while its right is suspended."""
        own = (Choice(pool, Basis.FREE, ()) for pool in self.holder)
        by_pool = {choice.pool: choice for choice in (*self.released, *own)}
        return tuple(by_pool[pool] for pool in ranked(by_pool))

    def within(
        self, asked: Terms, ceiling: Terms, tolerance: Decimal, *, of: Which
    ) -> tuple[Choice, ...]:
        """The choices on whose terms a supplier is in nothing better off than under the ceiling.

        The order is partial (design 3.3): cheaper and later is not comparable, and left out.
        """
        key = (asked.compared(), ceiling.compared(), tolerance, of)
        found = self._within.get(key)
        if found is None:
            if len(self._within) >= _CEILINGS:
                self._within.clear()
            choices = getattr(self, of)
            found = self._within[key] = within(choices, asked, ceiling, tolerance)
        return found


def within(
    choices: tuple[Choice, ...], asked: Terms, ceiling: Terms, tolerance: Decimal
) -> tuple[Choice, ...]:
    return tuple(
        choice
        for choice in choices
        if better_for_supplier(ceiling, at(choice.pool, asked), tolerance) is None
    )


def at(pool: Pool, asked: Terms) -> Terms:
    """What was asked for, narrowed to one pool and its price."""
    accelerators = (pool.accelerator,) if pool.accelerator else asked.accelerators
    return asked.narrowed(
        accelerators, (pool.place.region,), pool.price_usd_hour, pool.place.interruptible
    )


_MEMO_SIZE: Final = 20_000

Memo: TypeAlias = dict[tuple[str, str, int, int, frozenset[str], bool], Options]
"""Options by line, edition, era, what is on record, who is in conflict, who is away.

Nothing else changes them while the pools are the same.
"""


class Record(NamedTuple):
    """What is on record beside the edition, and what is asked of it."""

    attested: frozenset[str] = _NOTHING
    barred: frozenset[str] = _NOTHING
    """Providers whose pools do not come into it."""
    away: bool = False
    """Whether the holder is not there; continuity is looked at only then."""
    scope: Scope = Scope.NEW


_NO_RECORD: Final = Record()


def remembered(
    memo: Memo,
    line: str,
    work: Workload,
    market: Market,
    edition: Edition,
    now: datetime,
    register: Register,
) -> Options:
    """The options of a line, worked out once for each era and each reading of the agreement."""
    return _remembered(memo, (line, register), work, market, edition, now, Scope.NEW)


def for_renewal(
    memo: Memo,
    line: str,
    work: Workload,
    market: Market,
    edition: Edition,
    now: datetime,
    register: Register,
) -> Options:
    """As `remembered`, where the work runs already and is to run on."""
    asked = f"{line} {Scope.RENEWAL}", register
    return _remembered(memo, asked, work, market, edition, now, Scope.RENEWAL)


def _remembered(
    memo: Memo,
    asked: tuple[str, Register],
    work: Workload,
    market: Market,
    edition: Edition,
    now: datetime,
    scope: Scope,
) -> Options:
    line, register = asked
    barred = register.barred(work.tenant, now, edition)
    away = register.health.unavailable is not None
    key = (line, edition.id, edition.era(now), register.reading, barred, away)
    found = memo.get(key)
    if found is None:
        if len(memo) >= _MEMO_SIZE:
            memo.clear()
        record = Record(register.attested_in(edition), barred, away, scope)
        found = memo[key] = options_for(work, market, edition, now, record)
    return found


def options_for(
    work: Workload,
    market: Market,
    edition: Edition,
    now: datetime,
    record: Record = _NO_RECORD,
) -> Options:
    """What the edition says of every pool that fits, taken together (design 5.1, rule 3)."""
    attested, barred, away, scope = record
    sold = market.pools
    if barred:
        sold = tuple(p for p in sold if p.place.provider.value not in barred)
    fitting = ranked(p for p in sold if p.fits(work.shape) and p.within(work.limits))
    order = tuple(p for p in fitting if p.place.purchase is not Purchase.RESERVED)
    seen = [PoolView(p.place.provider.value, p.kind) for p in order]
    tags = frozenset(work.tags)
    views = set(seen)
    others = {view for view in views if not edition.holds(view.name)} or {_SOME_CLOUD}
    said = {
        view: verdict(edition, work.work_class, tags, view, scope, now, attested)
        for view in views | others
    }
    right = _clause(said, others, VerdictKind.OFFER)
    open_to_others = any(said[view].reads_as is VerdictKind.ALLOW for view in others)
    exclusive = None if open_to_others else _clause(said, others, VerdictKind.FORBID)
    asked = Question(
        edition.disputed(work.work_class, now) or work.work_class,
        tags,
        None,
        scope,
        now,
        attested,
    )
    existing = _existing(fitting, asked, edition, scope)
    pools = list(zip(order, seen, strict=True))
    how = {
        view: stands_on(answer)
        for view, answer in said.items()
        if answer.reads_as in _OPEN_UNDER_A_RELEASE
    }
    return Options(
        holder=tuple(p for p, view in pools if view not in others),
        right=right,
        exclusive=exclusive if right is None else None,
        existing=existing,
        free=()
        if right or exclusive
        else (
            *existing,
            *(
                Choice(p, *how[view])
                for p, view in pools
                if said[view].reads_as is VerdictKind.ALLOW
            ),
        ),
        released=(
            *existing,
            *(Choice(p, *how[view]) for p, view in pools if view in others and view in how),
        ),
        exempt=exemptions(edition, asked, pools, said, shut=right is None).behind(existing)
        if right or (exclusive and away)
        else NO_EXEMPTIONS,
        holder_barred=bool(barred) and not barred.isdisjoint(edition.holder_pools),
        asked=asked,
        some=bool(fitting),
        notice_price=work.limits.max_price_usd_hour
        or (order[-1].price_usd_hour if order else None),
    )


def _existing(
    fitting: tuple[Pool, ...], asked: Question, edition: Edition, scope: Scope
) -> tuple[Choice, ...]:
    """What is reserved and that a clause on existing capacity does not keep this work from.

    A lease that is to be renewed stays where it is, so nothing else comes into it.
    """
    choices: list[Choice] = []
    for pool in fitting:
        if pool.place.purchase is not Purchase.RESERVED or scope is Scope.RENEWAL:
            continue
        view = PoolView(pool.place.provider.value, pool.kind)
        said = verdict(
            edition, asked.work_class, asked.tags, view, Scope.EXISTING, asked.at, asked.attested
        )
        if said.reads_as is VerdictKind.ALLOW:
            choices.append(Choice(pool, *stands_on(said)))
    return tuple(choices)


def _clause(said: dict[PoolView, Verdict], views: set[PoolView], answer: VerdictKind) -> str | None:
    for view in sorted(views):
        if said[view].reads_as is answer:
            return said[view].clause or "holder"
    return None
