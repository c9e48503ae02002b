"""Bills and draw-downs: what a lease came to, and the commitment that it counts towards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from broker.domain.agreement import Edition
from broker.domain.clause import Effect, PoolView, Question
from broker.domain.commitment import Commitment
from broker.domain.events import LeaseBilled
from broker.domain.job import Job
from broker.domain.machine import Machine
from broker.domain.market import Pool, PoolKind
from broker.domain.values import Usd
from broker.domain.workload import Scope, Workload

MICROSECOND: Final = timedelta(microseconds=1)
_HOUR_US: Final = 3_600_000_000
_MILLIONTH: Final = Decimal("0.000001")
_HOLDERS: Final = frozenset({PoolKind.HOLDER, PoolKind.HOLDER_VIA})


def drawn_from(
    edition: Edition, work: Workload, pool: Pool, at: datetime, scope: Scope = Scope.NEW
) -> str | None:
    """The first `commit` clause of the edition that a lease in this pool draws down, by its id.

    One in favour of the holder is drawn by what the holder supplies; one in favour of somebody
    else, by the pools that it names.
    """
    return _drawn(edition, work, PoolView(pool.place.provider, pool.kind), at, scope)


def _drawn(
    edition: Edition, work: Workload, pool: PoolView, at: datetime, scope: Scope
) -> str | None:
    seen = edition.seen(pool)
    for clause in edition.clauses:
        if clause.effect is Effect.COMMIT:
            asked = Question(work.work_class, frozenset(work.tags), seen, scope, at)
            named = clause.match.pools is not None
            holders = clause.in_favour_of in (None, edition.holder.id)
            theirs = seen.kind in _HOLDERS if holders else named
            if theirs and clause.applies(asked):
                return clause.id
    return None


def draws_of_holder(
    edition: Edition, work: Workload, at: datetime, scope: Scope
) -> Mapping[str, str]:
    """The clause that leases at each of the holder's providers draw down, where there is one."""
    asked = ("draws_of_holder", work.work_class, work.tags, edition.era(at), scope)
    drawn: dict[str, str] | None = edition.worked_out.get(asked)
    if drawn is None:
        names = (*edition.holder_pools, *edition.holder.fulfil_via)
        found = {n: _drawn(edition, work, PoolView(n, PoolKind.HOLDER), at, scope) for n in names}
        drawn = {name: clause for name, clause in found.items() if clause is not None}
        edition.worked_out[asked] = drawn
    return drawn


def billed(
    job: Job, machine: Machine, commitment: Commitment, now: datetime, *, goes_on: bool = False
) -> LeaseBilled:
    """The bill of what a machine's lease came to under a commitment that ends for it now."""
    assert machine.lease is not None  # noqa: S101 - asked by the caller
    since = machine.billed_at or machine.leased_at or machine.up_at or now
    spent = (now - since) // MICROSECOND
    seconds = Decimal(spent).scaleb(-6)
    return LeaseBilled(
        lease=machine.lease,
        job=job.id,
        unit=machine.unit,
        provider=machine.place.provider,
        pool_kind=commitment.pool_kind,
        work_class=job.workload.work_class,
        agreement=job.agreement,
        gpus=commitment.gpus,
        seconds=seconds,
        gpu_seconds=seconds * commitment.gpus,
        usd=cost(machine.price_usd_hour, spent),
        draws=commitment.draws,
        commitment=commitment.id,
        goes_on=goes_on,
    )


def cost(price_usd_hour: Usd, microseconds: int) -> Usd:
    """The hourly price times the hours, rounded to a millionth of a dollar, half to even."""
    exact = price_usd_hour * microseconds / _HOUR_US
    return exact.quantize(_MILLIONTH, ROUND_HALF_EVEN)
