"""Registers on SQLite or PostgreSQL: read, locked while something is drawn, written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql

from broker.domain.register import Register
from broker.ports import Lock
from broker.store import locks
from broker.store.event_log import LostRaceError
from broker.store.rows import register_from, register_row
from broker.store.tables import REGISTERS


def read(connection: Connection, agreements: Iterable[str], lock: Lock) -> Mapping[str, Register]:
    """One for each name. Those to be written are locked in the order of their names.

    SQLite has one writer at a time. On PostgreSQL the rounds that decide share a lock on the name,
    which costs no write and needs no row; who changes what a register says waits for them, so that
    its fact has the later number. To draw takes a row, which is made where there is none.
    """
    names = sorted(set(agreements))
    if lock in (Lock.READ, Lock.CHANGE):
        locks.take(connection, locks.REGISTERS, names, shared=lock is Lock.READ)
    written = lock in (Lock.DRAW, Lock.CHANGE)
    wanted = select(REGISTERS.c.doc).where(REGISTERS.c.agreement.in_(names))
    if written and connection.dialect.name == "postgresql":
        fresh = [register_row(Register(agreement=name)) for name in names]
        if fresh:
            unless_there = postgresql.insert(REGISTERS).on_conflict_do_nothing()
            connection.execute(unless_there, fresh)
        wanted = wanted.order_by(REGISTERS.c.agreement).with_for_update()
    found = {}
    for doc in connection.execute(wanted).scalars() if names else ():
        register = register_from(doc)
        found[register.agreement] = register
    return {name: found.get(name) or Register(agreement=name) for name in names}


def write(connection: Connection, registers: Iterable[Register]) -> None:
    """One version on, each. Raises LostRaceError where another has written since it was read."""
    for register in sorted(registers, key=lambda one: one.agreement):
        row = register_row(replace(register, version=register.version + 1))
        changed = connection.execute(
            update(REGISTERS)
            .where(
                REGISTERS.c.agreement == register.agreement,
                REGISTERS.c.version == register.version,
            )
            .values(version=row["version"], doc=row["doc"])
        ).rowcount
        if changed:
            continue
        there = select(REGISTERS.c.version).where(REGISTERS.c.agreement == register.agreement)
        if register.version > 0 or connection.execute(there).first() is not None:
            raise LostRaceError(f"the register of {register.agreement} was written by another")
        connection.execute(REGISTERS.insert(), row)
