"""What is spent: the machines that live, summed up, and the sums of those that are gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import BigInteger, Connection, Select, and_, cast, func, literal, not_, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.caps import Spend, Spending
from broker.domain.case import Case
from broker.domain.machine import MachineState
from broker.domain.values import JobId, MachineName, ProviderName, Usd
from broker.store import locks
from broker.store.memory_tables import MemoryTables
from broker.store.queries import LIVE_MACHINE
from broker.store.rows import MILLION, micros
from broker.store.tables import JOBS, MACHINES, SPENT

_SECOND_US: Final = 1_000_000
_HOUR_S: Final = 3_600


class _Timed(Protocol):
    _connection: Connection

    @property
    def now(self) -> datetime: ...


class SpentRows:
    """The part of a transaction that knows what is spent, in a database."""

    _connection: Connection

    def tenants(self, jobs: AbstractSet[JobId]) -> Mapping[JobId, str]:
        whose = select(JOBS.c.id, JOBS.c.tenant).where(JOBS.c.id.in_(jobs))
        return {JobId(job): tenant for job, tenant in self._connection.execute(whose)}

    def spending(
        self: _Timed, *, hold: bool = False, without: AbstractSet[MachineName] = frozenset()
    ) -> Spending:
        if hold:
            locks.take(self._connection, locks.SPENDING, ["spending"])
        found: dict[tuple[ProviderName, str], Spend] = {}
        over = select(SPENT.c.provider, SPENT.c.tenant, literal(0), SPENT.c.micro_usd)
        for query in (over, _living(self.now).where(MACHINES.c.name.not_in(without))):
            for provider, tenant, hour, total in self._connection.execute(query):
                key = (ProviderName(provider), tenant)
                spend = Spend(Usd(int(hour)) / MILLION, Usd(int(total)) / MILLION)
                found[key] = found.get(key, Spend()).and_(spend)
        return found


class SpentInMemory:
    """The same in memory, where transactions come one at a time."""

    store: MemoryTables
    now: datetime

    def tenants(self, jobs: AbstractSet[JobId]) -> Mapping[JobId, str]:
        return {job: self.store.jobs[job].workload.tenant for job in jobs}

    def spending(
        self, *, hold: bool = False, without: AbstractSet[MachineName] = frozenset()
    ) -> Spending:
        del hold
        return self.store.spending(self.now, without)


def _living(now: datetime) -> Select[str, str, int, int]:
    price = func.coalesce(MACHINES.c.micro_usd_hour, 0)
    up_us = micros(now) - func.coalesce(MACHINES.c.up_at, micros(now))
    # In whole seconds: microseconds times millionths would pass 64 bits within a month.
    so_far = func.sum(price * (up_us / _SECOND_US)) / _HOUR_S
    unasked = and_(MACHINES.c.state == MachineState.WANTED.value, MACHINES.c.tries == 0)
    return (
        select(
            MACHINES.c.provider,
            JOBS.c.tenant,
            func.sum(price),
            cast(so_far, BigInteger),
        )
        .join(JOBS, JOBS.c.id == MACHINES.c.job)
        .where(MACHINES.c.state.in_(LIVE_MACHINE), not_(unasked))
        .group_by(MACHINES.c.provider, JOBS.c.tenant)
    )


def add(connection: Connection, cases: Iterable[Case]) -> None:
    """Add what the cases' machines came to, in one order, so that nobody waits in a ring."""
    sums: Counter[tuple[str, str]] = Counter()
    for case in cases:
        for provider, amount in case.spent:
            sums[provider.value, case.job.workload.tenant] += int(amount * MILLION)
    rows = [
        {"provider": provider, "tenant": tenant, "micro_usd": amount}
        for (provider, tenant), amount in sorted(sums.items())
        if amount
    ]
    if rows:
        postgres = connection.dialect.name == "postgresql"
        insert = (postgresql if postgres else sqlite).insert(SPENT)
        more = SPENT.c.micro_usd + insert.excluded.micro_usd
        keys = ["provider", "tenant"]
        adding = insert.on_conflict_do_update(index_elements=keys, set_={"micro_usd": more})
        connection.execute(adding, rows)
