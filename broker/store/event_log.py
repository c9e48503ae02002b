"""The log: facts are appended in the transaction that makes them true, and sealed after it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.exc import IntegrityError

from broker.domain.chain import GENESIS, Fact, seal
from broker.domain.event import Event
from broker.domain.values import instant_text
from broker.store import locks
from broker.store.adding import add
from broker.store.tables import FACTS

SEALING: Final = 0x5EA1
"""The key of the lock that lets one sealer work."""


class LostRaceError(Exception):
    """Somebody else wrote first what this transaction was about to write; nothing of it is kept."""


class Tail(NamedTuple):
    """How long a stream is, and the instant of its last fact."""

    version: int
    at: str


@dataclass(frozen=True, slots=True)
class Told:
    """Facts to be appended to one stream. Without a `tail` the stream is locked and looked up."""

    stream: str
    events: Sequence[Event]
    tail: Tail | None = None


def append(connection: Connection, told: Sequence[Told], now: datetime) -> int:
    """Append facts in the order they were told; returns how many. Raises LostRaceError.

    Streams are locked in the order of their names, so that no two writers wait for each other.
    """
    tails = _tails(connection, {one.stream for one in told if one.tail is None})
    this = instant_text(now)
    rows: list[dict[str, Any]] = []
    for one in told:
        version, last = one.tail or tails.get(one.stream, Tail(0, ""))
        at = max(this, last)
        for fact in one.events:
            version += 1
            rows.append(
                {
                    "stream": one.stream,
                    "version": version,
                    "type": type(fact).__name__,
                    "at": at,
                    "data": fact.text(),
                }
            )
        if one.tail is None:
            tails[one.stream] = Tail(version, at)
    if rows:
        _insert(connection, rows)
    return len(rows)


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    try:
        add(connection, FACTS, rows)
    except IntegrityError as clash:
        raise LostRaceError(
            f"another transaction has told the next fact of one of {len(rows)} streams first"
        ) from clash


def _tails(connection: Connection, streams: set[str]) -> dict[str, Tail]:
    if not streams:
        return {}
    locks.take(connection, locks.STREAMS, streams)
    last = [
        select(FACTS.c.stream, FACTS.c.version, FACTS.c.at)
        .where(FACTS.c.stream == stream)
        .order_by(FACTS.c.version.desc())
        .limit(1)
        .subquery()
        for stream in sorted(streams)
    ]
    found = connection.execute(union_all(*(select(one) for one in last)))
    return {stream: Tail(version, at) for stream, version, at in found}


def told(connection: Connection, stream: str) -> bool:
    any_of = select(FACTS.c.id).where(FACTS.c.stream == stream).limit(1)
    return connection.execute(any_of).first() is not None


def unsealed(connection: Connection) -> bool:
    waiting = select(FACTS.c.id).where(FACTS.c.position.is_(None)).limit(1)
    return connection.execute(waiting).first() is not None


_UNSEALED: Final = (
    select(FACTS.c.id, FACTS.c.at, FACTS.c.stream, FACTS.c.version, FACTS.c.type, FACTS.c.data)
    .where(FACTS.c.position.is_(None))
    .order_by(FACTS.c.id)
)
_LAST: Final = (
    select(FACTS.c.position, FACTS.c.hash)
    .where(FACTS.c.position.is_not(None))
    .order_by(FACTS.c.position.desc())
    .limit(1)
)


def seal_some(connection: Connection, limit: int) -> int:
    """Give the oldest unsealed facts their positions and hashes; 0 where another does it now.

    A number is drawn before the transaction commits, so a fact may come to light after one with a
    higher number; it then gets a later position. A fact that continues a stream or cites another
    was told by somebody who had seen the other committed: it has the higher number, and whoever
    sees it sees the other. So the order of numbers among what is seen keeps both promises.
    """
    if (
        connection.dialect.name == "postgresql"
        and not connection.execute(select(func.pg_try_advisory_xact_lock(SEALING))).scalar_one()
    ):
        return 0
    position, head = connection.execute(_LAST).first() or (0, GENESIS)
    first = position + 1
    ids: list[int] = []
    hashes: list[str] = []
    for id_, at, stream, version, kind, data in connection.execute(_UNSEALED.limit(limit)):
        position += 1
        head = seal(position, at, stream, version, kind, data, head)
        ids.append(id_)
        hashes.append(head)
    if ids:
        _write_seals(connection, first, ids, hashes)
    return len(ids)


def _write_seals(connection: Connection, first: int, ids: list[int], hashes: list[str]) -> None:
    if connection.dialect.name == "postgresql":
        sealed = (
            func.unnest(
                bindparam("ids", ids, ARRAY(BIGINT)), bindparam("hashes", hashes, ARRAY(TEXT))
            )
            .table_valued("id", "hash", with_ordinality="nth", name="sealed")
            .render_derived()
        )
        connection.execute(
            update(FACTS)
            .where(FACTS.c.id == sealed.c.id)
            .values(position=sealed.c.nth + (first - 1), hash=sealed.c.hash)
        )
        return
    by_id = update(FACTS).where(FACTS.c.id == bindparam("fact"))
    connection.execute(
        by_id,
        [
            {"fact": id_, "position": position, "hash": hash_}
            for position, (id_, hash_) in enumerate(zip(ids, hashes, strict=True), start=first)
        ],
    )


def sealed_facts(connection: Connection, after: int, limit: int, stream: str | None) -> list[Fact]:
    """Sealed facts by position, each with the hash of the one before it."""
    before = FACTS.alias("before")
    wanted = (
        select(
            FACTS.c.position,
            FACTS.c.at,
            FACTS.c.stream,
            FACTS.c.version,
            FACTS.c.type,
            FACTS.c.data,
            func.coalesce(before.c.hash, literal_column(f"'{GENESIS}'")),
            FACTS.c.hash,
        )
        .outerjoin(before, before.c.position == FACTS.c.position - 1)
        .where(FACTS.c.position > after)
        .order_by(FACTS.c.position)
        .limit(limit)
    )
    if stream is not None:
        wanted = wanted.where(FACTS.c.stream == stream)
    return [
        Fact(position, at, name, version, kind, json.loads(data), previous, hash_)
        for position, at, name, version, kind, data, previous, hash_ in connection.execute(wanted)
    ]


def editions(connection: Connection) -> set[tuple[str, str]]:
    """Agreement and edition of every `EditionRecorded`, sealed or not."""
    recorded = select(FACTS.c.data).where(FACTS.c.type == literal_column("'EditionRecorded'"))
    documents: Iterable[Mapping[str, Any]] = (
        json.loads(data) for data in connection.execute(recorded).scalars()
    )
    return {(document["agreement"], document["edition"]) for document in documents}
