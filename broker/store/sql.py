"""The store on SQLite or PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, func, literal, select, union_all

from broker.domain.chain import Fact
from broker.domain.values import JobId, LeaseId
from broker.ports import Clock, Ids, LogChunk, Transaction, Upcoming
from broker.store import event_log, schema
from broker.store.dues import JOBS_DUE, NOTICES_DUE, OFFERS_DUE, Dues, upcoming
from broker.store.engine import Durability, Writers, commit_and_notify, engine_for
from broker.store.reading import SqlBoard
from broker.store.tables import JOBS, LOG_CHUNKS, MACHINES, NOTICES, OFFERS
from broker.store.unit_of_work import SqlTransaction

CHANNEL: Final = "broker_facts"


class SqlStore:
    """The contract is `broker.ports.Store`; `board` is what people read.

    `woken` is called after every commit of this process that appended facts or set an instant at
    which something is due; it is told the first of those instants. On PostgreSQL every process
    that listens is told of facts by the commit itself.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        ids: Ids,
        *,
        durability: Durability = "NORMAL",
        woken: Callable[[Upcoming], object] | None = None,
    ) -> None:
        self._engine = engine_for(url, durability)
        self.writers: Final = Writers(self._engine)
        self._clock, self._ids, self._woken = clock, ids, woken
        self._told = threading.Event()
        self._ear: psycopg.Connection | None = None
        self.board: Final = SqlBoard(self._engine)

    @property
    def _postgresql(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    @property
    def engine(self) -> Engine:
        """For `broker.store.schema` and for tests; nobody else speaks SQL."""
        return self._engine

    def migrate(self) -> None:
        """Bring the tables to the revision this broker needs."""
        schema.upgrade(self._engine)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.writers.begin() as connection:
            work = SqlTransaction(connection, self._clock, self._ids)
            yield work
            facts = work.write()
            if facts and self._postgresql:
                commit_and_notify(connection, CHANNEL)
        if facts:
            self._told.set()
        self._wake(work.dues, told=bool(facts))
        if work.calls:
            work.dues.first.clear()
            with self.writers.begin() as connection:
                work.call(connection)
            self._wake(work.dues)

    def _wake(self, dues: Dues, *, told: bool = False) -> None:
        if self._woken is not None and (told or dues.first):
            self._woken(upcoming(dues.first))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def upcoming(self) -> Upcoming:
        with self._reading() as connection:
            first = {kind: at for kind, at in connection.execute(_FIRST_DUE) if at is not None}
        return upcoming(first)

    def next_due(self) -> datetime | None:
        first = self.upcoming()
        instants = (first.jobs, first.offers, first.notices, *first.machines.values())
        return min((at for at in instants if at is not None), default=None)

    def seal(self, limit: int = 1000) -> int:
        with self._reading() as connection:
            if not event_log.unsealed(connection):
                return 0
        with self.writers.begin() as connection:
            return event_log.seal_some(connection, limit)

    def facts(self, after: int = 0, limit: int = 1000, stream: str | None = None) -> list[Fact]:
        with self._reading() as connection:
            return event_log.sealed_facts(connection, after, limit, stream)

    def logs(self, job: JobId, after: int = 0, limit: int = 1000) -> list[tuple[int, LogChunk]]:
        wanted = (
            select(LOG_CHUNKS)
            .where(LOG_CHUNKS.c.job == job, LOG_CHUNKS.c.id > after)
            .order_by(LOG_CHUNKS.c.id)
            .limit(limit)
        )
        with self._reading() as connection:
            return [
                (
                    number,
                    LogChunk(
                        job=JobId(of),
                        unit=unit,
                        lease=LeaseId(lease),
                        seq=seq,
                        at=at,
                        stream=stream,
                        text=piece,
                    ),
                )
                for number, of, unit, lease, seq, at, stream, piece in connection.execute(wanted)
            ]

    def listen(self, timeout_s: float) -> bool:
        """Wait until facts were appended, at most for a time; whether any were. For one thread.

        On SQLite only this process is heard: for the facts of others, ask in short steps. The
        first call on PostgreSQL may miss what was appended before it.
        """
        if not self._postgresql:
            told = self._told.wait(timeout_s)
            self._told.clear()
            return told
        try:
            if self._ear is None or self._ear.closed:
                self._ear = self._open_ear()
            heard = list(self._ear.notifies(timeout=timeout_s, stop_after=1))
        except psycopg.OperationalError:
            self._close_ear()  # opened anew by the next call; the caller asks the rows anyway
            return False
        return bool(heard)

    def _open_ear(self) -> psycopg.Connection:
        url = self._engine.url.set(drivername="postgresql")
        ear = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
        ear.execute(f"LISTEN {CHANNEL}")
        return ear

    def _close_ear(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def after_fork(self) -> None:
        """Forget connections that belong to the parent process, without closing them for it."""
        self._engine.dispose(close=False)
        self._ear = None

    def close(self) -> None:
        self._close_ear()
        self._engine.dispose()


_FIRST_DUE: Final = union_all(
    select(literal(JOBS_DUE), func.min(JOBS.c.due_at)).where(JOBS.c.due_at.is_not(None)),
    select(literal(OFFERS_DUE), func.min(OFFERS.c.due_at)).where(OFFERS.c.due_at.is_not(None)),
    select(literal(NOTICES_DUE), func.min(NOTICES.c.due_at)).where(NOTICES.c.due_at.is_not(None)),
    select(MACHINES.c.provider, func.min(MACHINES.c.due_at))
    .where(MACHINES.c.due_at.is_not(None))
    .group_by(MACHINES.c.provider),
)
