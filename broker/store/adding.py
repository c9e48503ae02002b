"""New rows, a few or very many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Table
from sqlalchemy.exc import IntegrityError, OperationalError

from broker.store.rows import Values

_COPY: Final = "COPY"
COPIED: Final = 20
"""From so many rows on PostgreSQL takes them as a copy, at less than half the cost a row."""


def add(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows that all have the same columns. Raises IntegrityError."""
    if connection.dialect.name != "postgresql" or len(rows) < COPIED:
        connection.execute(table.insert(), rows)
        return
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    names = list(rows[0])
    copy_in = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    try:
        with driver.cursor() as cursor, cursor.copy(copy_in) as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])
    except psycopg.IntegrityError as clash:
        raise IntegrityError(_COPY, None, clash) from clash
    except psycopg.OperationalError as away:
        raise OperationalError(_COPY, None, away) from away
