"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def _one_of(words: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words.split())
    return f"state IN ({listed})"


def _partial_index(table: str, name: str, column: str, condition: str) -> None:
    """An index over some rows only, on both databases."""
    some = sa.text(condition)
    op.create_index(name, table, [column], postgresql_where=some, sqlite_where=some)


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger()),
        sa.Column("hash", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_facts"),
        sa.UniqueConstraint("position", name="uq_facts_position"),
        sa.UniqueConstraint("stream", "version", name="uq_facts_stream_version"),
    )
    _partial_index("facts", "ix_facts_editions", "id", "type = 'EditionRecorded'")
    _partial_index("facts", "ix_facts_unsealed", "id", "position IS NULL")

    op.create_table(
        "jobs",
        sa.Column("id", SORTED, nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("agreement", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("stuck", sa.Boolean(), nullable=False),
        sa.Column("in_line", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("idempotency_key", sa.String()),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.CheckConstraint(
            _one_of("queued running finished failed cancelled unmet"), name=op.f("ck_jobs_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("tenant", "idempotency_key", name="uq_jobs_tenant_idempotency_key"),
    )
    _partial_index("jobs", "ix_jobs_due_at", "due_at", "due_at IS NOT NULL")
    _partial_index("jobs", "ix_jobs_stuck", "line", "stuck")
    _partial_index("jobs", "ix_jobs_in_line", "line", "in_line")
    op.create_index("ix_jobs_name", "jobs", ["name"])
    op.create_index("ix_jobs_state_submitted_at", "jobs", ["state", "submitted_at"])
    op.create_index("ix_jobs_submitted_at_id", "jobs", ["submitted_at", "id"])

    op.create_table(
        "log_chunks",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_chunks"),
        sa.UniqueConstraint("lease", "seq", name="uq_log_chunks_lease_seq"),
    )
    op.create_index("ix_log_chunks_job_id", "log_chunks", ["job", "id"])

    op.create_table(
        "places",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "region", "sku", name="pk_places"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
    )
    op.create_table(
        "turns",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turns"),
    )
    op.create_table(
        "commitments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.CheckConstraint(_one_of("made live failed ended"), name=op.f("ck_commitments_state")),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_commitments_job_jobs"),
        sa.PrimaryKeyConstraint("id", name="pk_commitments"),
    )
    op.create_index("ix_commitments_job", "commitments", ["job"])

    op.create_table(
        "machines",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("up_at", sa.BigInteger()),
        sa.Column("offer", sa.String()),
        sa.Column("commitment", sa.String()),
        sa.Column("lease", sa.String()),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.CheckConstraint(
            _one_of("wanted asked running ending refused gone"), name=op.f("ck_machines_state")
        ),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_machines_job_jobs"),
        sa.PrimaryKeyConstraint("name", name="pk_machines"),
    )
    _partial_index("machines", "ix_machines_due_at", "due_at", "due_at IS NOT NULL")
    op.create_index("ix_machines_job", "machines", ["job"])
    op.create_index("ix_machines_state_provider", "machines", ["state", "provider"])

    op.create_table(
        "offers",
        sa.Column("id", SORTED, nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.CheckConstraint(
            _one_of("sent open accepted refused lapsed withdrawn fulfilled defaulted"),
            name=op.f("ck_offers_state"),
        ),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_offers_job_jobs"),
        sa.PrimaryKeyConstraint("id", name="pk_offers"),
    )
    _partial_index("offers", "ix_offers_due_at", "due_at", "due_at IS NOT NULL")
    op.create_index("ix_offers_issued_at_id", "offers", ["issued_at", "id"])
    op.create_index("ix_offers_job", "offers", ["job"])

    op.create_table(
        "agents",
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("session_sha256", sa.String(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["machine"], ["machines.name"], name="fk_agents_machine_machines"),
        sa.PrimaryKeyConstraint("machine", name="pk_agents"),
        sa.UniqueConstraint("session_sha256", name="uq_agents_session_sha256"),
    )
