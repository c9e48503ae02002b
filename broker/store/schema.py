"""The revision of the tables: what the database is at, what this broker needs, how to get there.

The migrations lie beside the broker in the same distribution; no `alembic.ini` is needed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

MIGRATING: Final = 0x3164
"""The key of the lock that lets one process migrate."""


class WrongRevision(Exception):
    """The tables are not those that this broker needs."""


def config() -> Config:
    """Where Alembic finds the migrations."""
    found = find_spec("migrations")
    if found is None or not found.submodule_search_locations:
        raise WrongRevision("the package `migrations` is missing: install the broker as a whole")
    settings = Config()
    settings.set_main_option("script_location", found.submodule_search_locations[0])
    settings.set_main_option("path_separator", "os")
    return settings


def needed() -> str:
    """The revision this broker was written for."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise WrongRevision("the package `migrations` has no revision: install the broker anew")
    return head


def upgrade(engine: Engine) -> None:
    """Bring the tables to the head revision, in one transaction; nothing is done at the head.

    Raises WrongRevision where a file's folder is not there: a mistyped path makes none.
    """
    file = _file(engine)
    if file is not None and not file.parent.is_dir():
        raise WrongRevision(
            f"database_url: there is no folder {file.parent}: make it, or correct the path"
        )
    writing = engine.connect().execution_options(writes=True)
    with writing as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
        if _revision(connection) == needed():
            return
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def current(engine: Engine) -> str | None:
    """The revision the database is at; None for one without tables, or for none at all."""
    if not _there(engine):
        return None
    with engine.connect() as connection:
        return _revision(connection)


def require_head(engine: Engine) -> None:
    """Raises WrongRevision, saying what to do, unless the database is at the head revision."""
    at, head = current(engine), needed()
    if not _there(engine):
        raise WrongRevision(
            f"there is no database at {engine.url.database}: run `broker migrate`, "
            "or name another in BROKER_DATABASE_URL"
        )
    if at != head:
        file = engine.dialect.name == "sqlite"
        where = f" --database {engine.url.render_as_string()}" if file else ""
        raise WrongRevision(
            f"the database is at revision {at or 'none'}, this broker needs {head}: "
            f"run `broker migrate{where}`"
        )


def _there(engine: Engine) -> bool:
    """Whether there is anything to connect to: SQLite would make a file by being asked."""
    file = _file(engine)
    return file is None or (file.is_file() and file.stat().st_size > 0)


def _file(engine: Engine) -> Path | None:
    sqlite = engine.dialect.name == "sqlite" and engine.url.database
    return Path(sqlite) if sqlite else None


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
