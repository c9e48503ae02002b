"""The tables of what parties put on record, are told, and may speak with."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlmodel import Field

from broker.domain.key import Role
from broker.domain.notice import NoticeState
from broker.store.row import SORTED, Row, one_of, partial_index


class RegisterRow(Row, table=True):
    """What is on record of an agreement. `version` is the guard of every write."""

    __tablename__ = "registers"

    agreement: str = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    doc: str = Field(sa_type=Text)


class NoticeRow(Row, table=True):
    __tablename__ = "notices"
    __table_args__ = (
        one_of("state", NoticeState),
        partial_index("ix_notices_due_at", "due_at", "due_at IS NOT NULL"),
    )

    id: str = Field(primary_key=True, sa_type=SORTED)
    agreement: str
    state: str
    body: str = Field(sa_type=Text)
    sha256: str
    tries: int
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    doc: str = Field(sa_type=Text)


class KeyRow(Row, table=True):
    """Whom a party lets speak for it; of the secret there is a hash only."""

    __tablename__ = "keys"
    __table_args__ = (
        one_of("role", Role),
        UniqueConstraint("secret_sha256"),
        Index("ix_keys_party", "party"),
    )

    id: str = Field(primary_key=True, sa_type=SORTED)
    party: str
    role: str
    secret_sha256: str
    granted_at: int = Field(sa_type=BigInteger)
    doc: str = Field(sa_type=Text)
