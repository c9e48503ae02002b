"""What machines cost by the hour, and what those that are gone came to: for spend caps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ON_POSTGRES = "(doc::json ->> 'price_usd_hour')::numeric * 1000000"
_ON_SQLITE = "CAST(json_extract(doc, '$.price_usd_hour') * 1000000 AS INTEGER)"
_MACHINES = sa.table("machines", sa.column("state"), sa.column("micro_usd_hour", sa.BigInteger()))


def upgrade() -> None:
    op.add_column("machines", sa.Column("micro_usd_hour", sa.BigInteger()))
    postgres = op.get_bind().dialect.name == "postgresql"
    price: sa.ColumnElement[int] = sa.literal_column(_ON_POSTGRES if postgres else _ON_SQLITE)
    living = _MACHINES.c.state.not_in(["refused", "gone"])
    op.execute(_MACHINES.update().where(living).values(micro_usd_hour=price))
    op.create_table(
        "spent",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("micro_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "tenant", name="pk_spent"),
    )
