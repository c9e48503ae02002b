"""Every place that could take the work, with the agreement's word on it and what leaves it out.

The list is the same for a quote, which asks before anything happens, and for an explanation, which
asks afterwards: it depends on the catalogue, the edition and the job's own limits, and on nothing
that a cloud has said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from broker.domain.agreement import Edition
from broker.domain.clause import PoolView
from broker.domain.market import Pool, PoolKind
from broker.domain.ranking import ranked
from broker.domain.values import ProviderName, Purchase, Usd
from broker.domain.verdict import Verdict, verdict
from broker.domain.workload import Limits, Scope, Shape, SpotUse, WorkClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What of a job decides where it may run."""

    work_class: WorkClass
    tags: frozenset[str]
    shape: Shape
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One place whose machine is big enough."""

    pool: Pool
    verdict: str
    """The agreement's answer for it; the words of `VerdictKind`."""
    reads_as: str
    """The answer to act on, which differs from it for a contested class."""
    clause: str | None
    because: str
    left_out: str | None
    """The limit of the job's that leaves it out, such as `limits.regions`; None: none does."""
    barred: bool = False
    """Whether its provider is in the tenant's conflict set."""

    @property
    def open(self) -> bool:
        return self.left_out is None and not self.barred


def considered(
    sought: Sought,
    pools: Iterable[Pool],
    edition: Edition | None,
    at: datetime,
    attested: frozenset[str] = frozenset(),
    barred: frozenset[str] = frozenset(),
) -> tuple[Considered, ...]:
    """Every pool that fits the shape, the cheapest first, as an edition sees it at an instant.

    `attested` are the conditions attested under it, `barred` the tenant's conflict set.
    """
    said: dict[tuple[PoolView, Scope], Verdict] = {}
    found = []
    for pool in ranked(p for p in pools if p.fits(sought.shape)):
        view = PoolView(pool.place.provider.value, pool.kind)
        scope = Scope.EXISTING if pool.place.purchase is Purchase.RESERVED else Scope.NEW
        if (view, scope) not in said:
            said[view, scope] = verdict(
                edition, sought.work_class, sought.tags, view, scope, at, attested
            )
        answer = said[view, scope]
        found.append(
            Considered(
                pool=pool,
                verdict=answer.answer.value,
                reads_as=answer.reads_as.value,
                clause=answer.clause,
                because=answer.because,
                left_out=_left_out(pool, sought.limits),
                barred=pool.place.provider.value in barred,
            )
        )
    return tuple(found)


def _left_out(pool: Pool, limits: Limits) -> str | None:
    most = limits.max_price_usd_hour
    if pool.place.provider in limits.exclude:
        return "limits.exclude"
    if not limits.spot.takes(pool.place.purchase):
        return "limits.spot"
    if not pool.within(limits):
        return "limits.regions"
    if most is not None and pool.price_usd_hour > most:
        return "limits.max_price_per_hour"
    return None


def what_would_change(sought: Sought, places: Sequence[Considered]) -> tuple[str, ...]:
    """What the job's owner could loosen, and how many more places each would open."""
    limits = sought.limits
    told = []
    dear = [c for c in places if c.left_out == "limits.max_price_per_hour" and not c.barred]
    if dear and limits.max_price_usd_hour is not None:
        more = dear[0].pool.price_usd_hour - limits.max_price_usd_hour
        told.append(f"{_usd(more)} $/h more on the price limit opens {dear[0].pool.place}")
    if limits.regions:
        told += _opens(places, replace(limits, regions=()), "without limits.regions")
    if limits.exclude:
        told += _opens(places, replace(limits, exclude=()), "without limits.exclude")
    if limits.spot is not SpotUse.PREFER:
        either = replace(limits, spot=SpotUse.PREFER)
        told += _opens(places, either, 'with limits.spot "prefer"')
    if sought.shape.accelerators and len(sought.shape.accelerators) == 1:
        told += _wider(sought, places)
    return tuple(told)


def _opens(places: Sequence[Considered], looser: Limits, how: str) -> list[str]:
    shut = (c for c in places if c.left_out and not c.barred)
    more = sum(1 for c in shut if _left_out(c.pool, looser) is None)
    if not more:
        return []
    return [f"{how}, {more} more {'place' if more == 1 else 'places'} could be asked"]


def _wider(sought: Sought, places: Sequence[Considered]) -> list[str]:
    """Nothing is left for the one GPU that was named."""
    if any(c.open for c in places):
        return []
    return [f"name other GPUs beside {sought.shape.accelerators[0]}"]


def kind_of(provider: str) -> PoolKind:
    """The kind of a provider's pools, before an edition says that they are the holder's."""
    return PoolKind.OWN_BUILT if provider == ProviderName.OWN else PoolKind.THIRD_PARTY_CLOUD


def _usd(amount: Usd) -> str:
    return format(amount.normalize(), "f")
