"""What Alembic runs. It is given a connection; it never opens one of its own."""

from __future__ import annotations

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString

from broker.store.tables import METADATA


def plain_types(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write SQLAlchemy's own types into a migration, so that it needs nothing else."""
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_item=plain_types,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
