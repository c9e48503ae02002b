"""What processes of one broker share beside the log: turns at work, and secrets."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, Table, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.ports import Clock
from broker.store.engine import began
from broker.store.rows import micros
from broker.store.sql import SqlStore
from broker.store.tables import SECRETS, TURNS


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if postgres else sqlite.insert(table)


class Turn:
    """A turn at work that one process at a time may have; it must be taken again before it ends."""

    def __init__(self, store: SqlStore, clock: Clock, name: str, owner: str) -> None:
        self._writers, self._clock = store.writers, clock
        self._name, self._owner = name, owner

    def take(self, seconds: float) -> bool:
        """Take the turn, or keep it, for so long from now; False while another has it."""
        with self._writers.begin() as connection:
            now = began(connection, self._clock)
            until = micros(now + timedelta(seconds=seconds))
            mine = _insert(connection, TURNS).values(
                name=self._name, owner=self._owner, until=until
            )
            taken = connection.execute(
                mine.on_conflict_do_update(
                    index_elements=[TURNS.c.name],
                    set_={"owner": self._owner, "until": until},
                    where=or_(TURNS.c.owner == self._owner, TURNS.c.until <= micros(now)),
                ).returning(TURNS.c.owner)
            )
            return taken.first() is not None

    def give_up(self) -> None:
        """Let another have it at once."""
        with self._writers.begin() as connection:
            connection.execute(
                delete(TURNS).where(TURNS.c.name == self._name, TURNS.c.owner == self._owner)
            )


def kept_secret(store: SqlStore, name: str, fresh: str) -> str:
    """The secret of that name; `fresh` becomes it where there is none yet."""
    with store.writers.begin() as connection:
        connection.execute(
            _insert(connection, SECRETS).values(name=name, value=fresh).on_conflict_do_nothing()
        )
        kept: str = connection.execute(
            select(SECRETS.c.value).where(SECRETS.c.name == name)
        ).scalar_one()
        return kept
