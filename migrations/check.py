"""Whether the migrations lead to the tables: `python -m migrations.check`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from broker.store import schema
from broker.store.engine import engine_for
from broker.store.tables import METADATA


def differences() -> list[str]:
    """What autogenerate would still change after every migration, on a new SQLite database."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_for(f"sqlite:///{Path(folder) / 'check.db'}")
        schema.upgrade(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            found = [str(one) for one in compare_metadata(context, METADATA)]
        engine.dispose()
    return found


def main() -> int:
    found = differences()
    for one in found:
        sys.stderr.write(f"no migration says: {one}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
