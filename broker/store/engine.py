"""The two databases we speak to, and what is different between them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from typing import Final, Literal, TypeAlias

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

Durability: TypeAlias = Literal["NORMAL", "FULL"]

BUSY_TIMEOUT_MS: Final = 10_000
POOL_SIZE: Final = 10


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
            psycopg = parts.set(drivername="postgresql+psycopg")
            return create_engine(
                psycopg, pool_size=POOL_SIZE, max_overflow=POOL_SIZE, pool_pre_ping=True
            )
        case other:
            raise ValueError(
                f"{other!r} is no database of the broker's; "
                "its URL begins with sqlite:/// or postgresql://"
            )


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
        self._queue = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        if self._queue is None:
            with self.engine.begin() as connection:
                yield connection
            return
        with (
            self._queue,
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection
