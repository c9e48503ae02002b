"""How a machine is bought is a part of its place: spot and on demand are refused apart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = ["provider", "region", "sku", "purchase"]


def purchase() -> sa.Column[str]:
    return sa.Column("purchase", sa.String(), nullable=False, server_default="on_demand")


def upgrade() -> None:
    op.add_column("machines", purchase())
    with op.batch_alter_table("places") as places:
        places.add_column(purchase())
        places.drop_constraint("pk_places", type_="primary")
        places.create_primary_key("pk_places", KEY)
