"""The two databases we speak to, and what is different between them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from sqlite3 import Connection as SqliteConnection
from typing import Final, Literal, TypeAlias

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from broker.ports import Clock

Durability: TypeAlias = Literal["NORMAL", "FULL"]

BUSY_TIMEOUT_MS: Final = 10_000
POOL_SIZE: Final = 10
TRUSTED_S: Final = 1.0
"""A connection that was used so lately is not asked whether it is still there."""
_BEGAN: Final = "began"
_LAID_BY: Final = "laid_by"


def engine_for(url: str, durability: Durability = "NORMAL") -> Engine:
    """The engine of a `sqlite:///` or `postgresql://` URL. It connects when it is first used.

    On SQLite a commit is always atomic. With `NORMAL` it survives the death of the process, but a
    power cut may take back the last commits before it; with `FULL` it survives that too, at about
    a third of the speed of single commits. PostgreSQL does what its server is set to.
    """
    parts = make_url(url)
    match parts.get_backend_name():
        case "sqlite":
            return _sqlite(parts, durability)
        case "postgresql":
            return _postgresql(parts)
        case other:
            raise ValueError(
                f"{other!r} is no database of the broker's; "
                "its URL begins with sqlite:/// or postgresql://"
            )


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), pool_size=POOL_SIZE, max_overflow=POOL_SIZE
    )

    @event.listens_for(engine, "connect")
    def settle(connection: psycopg.Connection, _: ConnectionPoolEntry) -> None:
        connection.autocommit = True  # transactions begin below, and a commit still ends them

    @event.listens_for(engine, "checkin")
    def laid_by(_: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_LAID_BY] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken_up(
        connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection
    ) -> None:
        if time.monotonic() - entry.info.get(_LAID_BY, math.inf) < TRUSTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as gone:
            raise InvalidatePoolError from gone  # the pool opens a new one

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql("BEGIN")
            return
        # One message to the server instead of two.
        told: datetime = connection.exec_driver_sql("SELECT clock_timestamp(); BEGIN").scalar_one()
        connection.info[_BEGAN] = told.astimezone(UTC)

    return engine


def began(connection: Connection, clock: Clock) -> datetime:
    """The instant of a writing transaction: by the server's clock where there is a server."""
    if connection.dialect.name != "postgresql":
        return clock.now()
    told: datetime = connection.info[_BEGAN]
    return told


def commit_and_notify(connection: Connection, channel: str) -> None:
    """Ends the transaction, in one message; the commit that follows finds nothing to do."""
    connection.exec_driver_sql(f"NOTIFY {channel}; COMMIT")


def _sqlite(url: URL, durability: Durability) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: sqlite:///path/to/broker.db")
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, pool_size=POOL_SIZE
    )

    @event.listens_for(engine, "connect")
    def settle(connection: SqliteConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the module must not begin transactions of its own
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {durability}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Writers:
    """Begins writing transactions. On SQLite those of one process queue, instead of polling."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        sqlite = engine.dialect.name == "sqlite"
        self._queue = threading.Lock() if sqlite else nullcontext()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with (
            self._queue,
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection
