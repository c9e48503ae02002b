"""When machines are looked at: woken by what their place answers, put off while they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import Connection, or_, select, tuple_, update

from broker.domain.machine import MachineState
from broker.domain.market import Place
from broker.domain.place import areas, is_area
from broker.domain.places import PlaceRecord
from broker.domain.values import MachineName, ProviderName, Purchase
from broker.store.dues import Dues
from broker.store.queries import chunks
from broker.store.rows import micros
from broker.store.tables import JOBS, MACHINES


def opened(connection: Connection, records: Iterable[PlaceRecord], now: datetime) -> list[Place]:
    """The places at which what is wanted looks again: those written, and all of an open area."""
    written = list(records)
    around = {one.place for one in written if is_area(one.place) and not one.shuts(now)}
    found = [one.place for one in written if not is_area(one.place)]
    if not around:
        return found
    columns = (MACHINES.c.provider, MACHINES.c.region, MACHINES.c.sku, MACHINES.c.purchase)
    wanted = select(*columns).where(
        MACHINES.c.provider.in_(sorted({area.provider.value for area in around})),
        MACHINES.c.state == MachineState.WANTED.value,
    )
    there = [
        Place(ProviderName(provider), region, sku, Purchase(purchase))
        for provider, region, sku, purchase in connection.execute(wanted.distinct())
    ]
    return [*found, *(place for place in there if not around.isdisjoint(areas(place)))]


def wake_wanted(
    connection: Connection,
    places: Sequence[Place],
    now: datetime,
    besides: AbstractSet[str],
    dues: Dues,
) -> None:
    """Machines never asked for at these places become due, but for those whose job somebody holds.

    And `besides` those that are written by whoever wakes them, with an instant of its own.
    """
    at = micros(now)
    waiting = (
        select(MACHINES.c.name, MACHINES.c.provider)
        .join(JOBS, JOBS.c.id == MACHINES.c.job)
        .where(
            tuple_(MACHINES.c.provider, MACHINES.c.region, MACHINES.c.sku, MACHINES.c.purchase).in_(
                [tuple(map(str, place)) for place in places]
            ),
            MACHINES.c.state == MachineState.WANTED.value,
            MACHINES.c.tries == 0,
            or_(MACHINES.c.due_at.is_(None), MACHINES.c.due_at > at),
        )
        .with_for_update(of=(JOBS, MACHINES), skip_locked=True, key_share=True)
    )
    found = connection.execute(waiting)
    woken = {name: provider for name, provider in found if name not in besides}
    for provider in woken.values():
        dues.add(provider, at)
    for some in chunks(woken):
        connection.execute(update(MACHINES).where(MACHINES.c.name.in_(some)).values(due_at=at))


def keep_claims(
    connection: Connection, machines: Iterable[MachineName], now: int, until: int
) -> None:
    """Rows that somebody else is writing are passed over: nobody waits in a ring."""
    for some in chunks(machines):
        standing = (
            select(MACHINES.c.name)
            .where(MACHINES.c.name.in_(some), MACHINES.c.due_at > now)
            .with_for_update(skip_locked=True, key_share=True)
        )
        kept = connection.execute(standing).scalars().all()
        put_off = update(MACHINES).where(MACHINES.c.name.in_(kept)).values(due_at=until)
        connection.execute(put_off)
