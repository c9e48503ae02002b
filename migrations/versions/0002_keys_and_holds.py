"""A key remembers what was submitted under it; a commitment, under which hold it was accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("submission_sha256", sa.String()))
    op.add_column("commitments", sa.Column("hold", sa.String()))
    some = sa.text("hold IS NOT NULL")
    op.create_index(
        "ix_commitments_hold", "commitments", ["hold"], postgresql_where=some, sqlite_where=some
    )
