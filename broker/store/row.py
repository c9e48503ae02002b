"""What all tables share: the names of their constraints, and the kinds of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, MetaData, String, text
from sqlmodel import SQLModel

COUNTED: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A primary key that counts up; SQLite counts in a column called INTEGER only."""

SORTED: Final = String().with_variant(String(collation="C"), "postgresql")
"""An id: sorted by its bytes on every database, so that a prefix is a range of the index."""


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def partial_index(name: str, column: str, condition: str) -> Index:
    some = text(condition)
    return Index(name, column, postgresql_where=some, sqlite_where=some)


class Row(SQLModel):
    """What all tables share: the names of their constraints."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
