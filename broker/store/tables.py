"""The tables. Each has the columns that are asked about, and `doc`: the frozen whole, as JSON.

Instants in columns are whole microseconds since the epoch: they sort, index and compare alike on
every database, and lose no zone. Text columns with a closed vocabulary are held to it by CHECKs,
not by native enums, so that a new word is one small migration.

The row of a job is the lock of all that hangs on it: offers, commitments and machines change only
in the hands of who holds their job.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Index,
    Table,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field

from broker.domain.commitment import CommitmentState
from broker.domain.job import JobState
from broker.domain.machine import MachineState
from broker.domain.offer import OfferState
from broker.domain.values import Purchase
from broker.store.party_tables import KeyRow, NoticeRow, RegisterRow
from broker.store.row import COUNTED, SORTED, Row, one_of, partial_index


class JobRow(Row, table=True):
    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("tenant", "idempotency_key"),
        one_of("state", JobState),
        partial_index("ix_jobs_due_at", "due_at", "due_at IS NOT NULL"),
        Index("ix_jobs_submitted_at_id", "submitted_at", "id"),
        Index("ix_jobs_state_submitted_at", "state", "submitted_at"),
        Index("ix_jobs_name", "name"),
        partial_index("ix_jobs_stuck", "line", "stuck"),
        partial_index("ix_jobs_in_line", "line", "in_line"),
    )

    id: str = Field(primary_key=True, sa_type=SORTED)
    tenant: str
    name: str
    kind: str
    work_class: str = Field(sa_column_kwargs={"name": "class"})
    state: str
    priority: int
    submitted_at: int = Field(sa_type=BigInteger)
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    agreement: str
    line: str
    stuck: bool
    in_line: bool
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    idempotency_key: str | None = None
    submission_sha256: str | None = None
    """Of what was submitted under the key; empty on rows older than this column."""
    doc: str = Field(sa_type=Text)


class OfferRow(Row, table=True):
    __tablename__ = "offers"
    __table_args__ = (
        one_of("state", OfferState),
        Index("ix_offers_job", "job"),
        partial_index("ix_offers_due_at", "due_at", "due_at IS NOT NULL"),
        Index("ix_offers_issued_at_id", "issued_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=SORTED)
    job: str = Field(foreign_key="jobs.id")
    state: str
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    issued_at: int = Field(sa_type=BigInteger)
    doc: str = Field(sa_type=Text)


class CommitmentRow(Row, table=True):
    __tablename__ = "commitments"
    __table_args__ = (
        one_of("state", CommitmentState),
        Index("ix_commitments_job", "job"),
        partial_index("ix_commitments_hold", "hold", "hold IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    job: str = Field(foreign_key="jobs.id")
    provider: str
    state: str
    hold: str | None = None
    """Where it was accepted under one; the machines of an automatic desk's gang are many."""
    doc: str = Field(sa_type=Text)


class MachineRow(Row, table=True):
    """`due_at` and `tries` are true in their columns: claims and answers of places move them there.

    What the document says of these two is what was written last by its job.
    """

    __tablename__ = "machines"
    __table_args__ = (
        one_of("state", MachineState),
        Index("ix_machines_job", "job"),
        partial_index("ix_machines_due_at", "due_at", "due_at IS NOT NULL"),
        Index("ix_machines_state_provider", "state", "provider"),
    )

    name: str = Field(primary_key=True)
    job: str = Field(foreign_key="jobs.id")
    unit: int
    provider: str
    region: str
    sku: str
    purchase: str = Purchase.ON_DEMAND.value
    state: str
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    tries: int
    wanted_at: int = Field(sa_type=BigInteger)
    up_at: int | None = Field(default=None, sa_type=BigInteger)
    offer: str | None = None
    commitment: str | None = None
    lease: str | None = None
    micro_usd_hour: int | None = Field(default=None, sa_type=BigInteger)
    """Millionths of a dollar; empty on rows that were over before this column."""
    doc: str = Field(sa_type=Text)


class SpentRow(Row, table=True):
    """What a tenant's machines at a cloud came to that are gone."""

    __tablename__ = "spent"

    provider: str = Field(primary_key=True)
    tenant: str = Field(primary_key=True)
    micro_usd: int = Field(sa_type=BigInteger)


class AgentRow(Row, table=True):
    """Who speaks for a machine. Apart from it, so that a heartbeat waits for nobody's decision."""

    __tablename__ = "agents"
    __table_args__ = (UniqueConstraint("session_sha256"),)

    machine: str = Field(primary_key=True, foreign_key="machines.name")
    session_sha256: str
    enrolled_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)


class PlaceRow(Row, table=True):
    __tablename__ = "places"

    provider: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    purchase: str = Field(primary_key=True)
    doc: str = Field(sa_type=Text)


class AdviceRow(Row, table=True):
    __tablename__ = "advice"

    place: str = Field(primary_key=True)
    """Its words."""
    doc: str = Field(sa_type=Text)


class FactRow(Row, table=True):
    """`position` and `hash` are empty until the fact is sealed, and never change afterwards."""

    __tablename__ = "facts"
    __table_args__ = (
        UniqueConstraint("stream", "version"),
        UniqueConstraint("position"),
        partial_index("ix_facts_unsealed", "id", "position IS NULL"),
        partial_index("ix_facts_editions", "id", "type = 'EditionRecorded'"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=COUNTED)
    stream: str
    version: int
    type: str
    at: str
    data: str = Field(sa_type=Text)
    position: int | None = Field(default=None, sa_type=BigInteger)
    hash: str | None = None


class LogChunkRow(Row, table=True):
    __tablename__ = "log_chunks"
    __table_args__ = (UniqueConstraint("lease", "seq"), Index("ix_log_chunks_job_id", "job", "id"))

    id: int | None = Field(default=None, primary_key=True, sa_type=COUNTED)
    job: str
    unit: int
    lease: str
    seq: int
    at: str
    stream: str
    text: str = Field(sa_type=Text)


class TurnRow(Row, table=True):
    """A turn at work that one process at a time may have, such as the ticker's."""

    __tablename__ = "turns"

    name: str = Field(primary_key=True)
    owner: str
    until: int = Field(sa_type=BigInteger)


class BeatRow(Row, table=True):
    """When a part of the broker last gave a sign of life."""

    __tablename__ = "beats"

    part: str = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)


class SecretRow(Row, table=True):
    __tablename__ = "secrets"

    name: str = Field(primary_key=True)
    value: str


METADATA: Final = Row.metadata
PARTIES: Final = (RegisterRow, NoticeRow, KeyRow)
"""Written in a file of their own, and known here with the rest."""


def _table(name: str) -> Table:
    return METADATA.tables[name]


JOBS: Final = _table("jobs")
OFFERS: Final = _table("offers")
COMMITMENTS: Final = _table("commitments")
MACHINES: Final = _table("machines")
SPENT: Final = _table("spent")
AGENTS: Final = _table("agents")
PLACES: Final = _table("places")
ADVICE: Final = _table("advice")
REGISTERS: Final = _table("registers")
FACTS: Final = _table("facts")
LOG_CHUNKS: Final = _table("log_chunks")
NOTICES: Final = _table("notices")
KEYS: Final = _table("keys")
TURNS: Final = _table("turns")
BEATS: Final = _table("beats")
SECRETS: Final = _table("secrets")
