"""Databases of an earlier broker."""

from __future__ import annotations

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from broker.store import schema


def one_behind(engine: Engine) -> str:
    """Bring a new database to the revision before the last; returns its name."""
    settings = schema.config()
    before = ScriptDirectory.from_config(settings).get_revision(schema.needed()).down_revision
    assert isinstance(before, str)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        settings.attributes["connection"] = connection
        command.upgrade(settings, before)
    return before
