"""The board on SQLite or PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from typing import Final, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Select,
    and_,
    cast,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import ColumnElement

from broker.domain.commitment import CommitmentState
from broker.domain.job import Job, JobState
from broker.domain.market import Place
from broker.domain.offer import Offer, OfferState
from broker.domain.places import PlaceRecord
from broker.domain.quote import Waited
from broker.domain.register import Register
from broker.domain.values import JobId, OfferId, ProviderName, Purchase
from broker.ports import Lock
from broker.store import registers
from broker.store.board import (
    Counts,
    FleetMachine,
    JobFilter,
    Page,
    cursor_of,
    read_cursor,
)
from broker.store.queries import LIVE_MACHINE, MACHINE
from broker.store.rows import (
    instant_of,
    job_from,
    machine_from,
    micros,
    offer_from,
    place_from,
)
from broker.store.tables import AGENTS, COMMITMENTS, JOBS, MACHINES, OFFERS, PLACES

T = TypeVar("T")

EVERY_JOB: Final = JobFilter()
_WAITS_READ: Final = 20_000
"""The newest machines tell how long one waits; the older ones no more."""


class SqlBoard:
    """The contract is `broker.store.board.Board`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def _docs(self, wanted: Select[str]) -> Sequence[str]:
        with self._reading() as connection:
            return connection.execute(wanted).scalars().all()

    def jobs(
        self, wanted: JobFilter = EVERY_JOB, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Job]:
        query = select(JOBS.c.submitted_at, JOBS.c.id, JOBS.c.doc).where(*self._conditions(wanted))
        rows, after = self._page(query, JOBS.c.submitted_at, JOBS.c.id, limit, cursor)
        return Page(items=tuple(map(job_from, rows)), cursor=after)

    def job(self, job: JobId) -> Job | None:
        docs = self._docs(select(JOBS.c.doc).where(JOBS.c.id == job))
        return job_from(docs[0]) if docs else None

    def find_jobs(self, text: str, *, tenant: str | None = None, limit: int = 2) -> list[Job]:
        begins = and_(JOBS.c.id >= text, JOBS.c.id < text + "\U0010ffff")
        query = (
            select(JOBS.c.doc)
            .where(or_(begins, JOBS.c.name == text))
            .order_by(JOBS.c.submitted_at.desc(), JOBS.c.id.desc())
            .limit(limit)
        )
        exact = select(JOBS.c.doc).where(JOBS.c.id == text)
        if tenant is not None:
            query = query.where(JOBS.c.tenant == tenant)
            exact = exact.where(JOBS.c.tenant == tenant)
        return [job_from(doc) for doc in self._docs(exact) or self._docs(query)]

    def offers(
        self,
        states: tuple[OfferState, ...] = (),
        *,
        job: JobId | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Offer]:
        query = select(OFFERS.c.issued_at, OFFERS.c.id, OFFERS.c.doc)
        if states:
            query = query.where(OFFERS.c.state.in_([state.value for state in states]))
        if job is not None:
            query = query.where(OFFERS.c.job == job)
        rows, after = self._page(query, OFFERS.c.issued_at, OFFERS.c.id, limit, cursor)
        return Page(items=tuple(map(offer_from, rows)), cursor=after)

    def offer(self, offer: OfferId) -> Offer | None:
        docs = self._docs(select(OFFERS.c.doc).where(OFFERS.c.id == offer))
        return offer_from(docs[0]) if docs else None

    def fleet(self) -> list[FleetMachine]:
        wanted = (
            select(*MACHINE, AGENTS.c.enrolled_at, AGENTS.c.seen_at)
            .outerjoin(AGENTS, AGENTS.c.machine == MACHINES.c.name)
            .where(MACHINES.c.state.in_(LIVE_MACHINE))
            .order_by(MACHINES.c.wanted_at, MACHINES.c.name)
        )
        with self._reading() as connection:
            return [
                FleetMachine(
                    machine=machine_from(doc, due_at, tries),
                    enrolled_at=None if enrolled is None else instant_of(enrolled),
                    seen_at=None if seen is None else instant_of(seen),
                )
                for doc, due_at, tries, enrolled, seen in connection.execute(wanted)
            ]

    def counts(self) -> Counts:
        by_state = select(JOBS.c.state, func.count()).group_by(JOBS.c.state)
        oldest = select(func.min(JOBS.c.submitted_at)).where(JOBS.c.state == JobState.QUEUED.value)
        with self._reading() as connection:
            counted = {JobState(state): number for state, number in connection.execute(by_state)}
            first = connection.execute(oldest).scalar()
        return Counts(
            jobs={state: counted.get(state, 0) for state in JobState},
            oldest_queued_at=None if first is None else instant_of(first),
        )

    def waits(self, since: datetime) -> Mapping[Place, Waited]:
        query = (
            select(
                MACHINES.c.provider,
                MACHINES.c.region,
                MACHINES.c.sku,
                MACHINES.c.purchase,
                MACHINES.c.up_at - MACHINES.c.wanted_at,
            )
            .where(MACHINES.c.up_at.is_not(None), MACHINES.c.wanted_at >= micros(since))
            .order_by(MACHINES.c.wanted_at.desc())
            .limit(_WAITS_READ)
        )
        took: defaultdict[Place, list[int]] = defaultdict(list)
        with self._reading() as connection:
            for provider, region, sku, purchase, microseconds in connection.execute(query):
                took[Place(ProviderName(provider), region, sku, Purchase(purchase))].append(
                    microseconds // 1_000_000
                )
        return {
            place: Waited(_quantile(seconds, 0.5), _quantile(seconds, 0.9))
            for place, seconds in took.items()
        }

    def places(self) -> list[PlaceRecord]:
        query = select(PLACES.c.doc).order_by(
            PLACES.c.provider, PLACES.c.region, PLACES.c.sku, PLACES.c.purchase
        )
        return [place_from(doc) for doc in self._docs(query)]

    def register(self, agreement: str) -> Register:
        with self._reading() as connection:
            return registers.read(connection, [agreement], Lock.NONE)[agreement]

    def _page(
        self,
        query: Select[int, str, str],
        at: Column[int],
        name: Column[str],
        limit: int,
        cursor: str | None,
    ) -> tuple[list[str], str | None]:
        """The documents of a page, newest first, and the cursor for the next."""
        if cursor is not None:
            query = query.where(tuple_(at, name) < tuple_(*read_cursor(cursor)))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(at.desc(), name.desc()).limit(limit + 1)).all()
        shown = rows[:limit]
        more = len(rows) > limit
        after = cursor_of(shown[-1][0], shown[-1][1]) if more and shown else None
        return [doc for _, _, doc in shown], after

    def _conditions(self, wanted: JobFilter) -> Iterable[ColumnElement[bool]]:
        if wanted.states:
            yield JOBS.c.state.in_([state.value for state in wanted.states])
        if wanted.tenant is not None:
            yield JOBS.c.tenant == wanted.tenant
        if wanted.kind is not None:
            yield JOBS.c.kind == wanted.kind.value
        if wanted.name is not None:
            yield JOBS.c.name == wanted.name
        if wanted.work_class is not None:
            yield JOBS.c["class"] == wanted.work_class.value
        if wanted.provider is not None:
            yield (
                select(COMMITMENTS.c.id)
                .where(
                    COMMITMENTS.c.job == JOBS.c.id,
                    COMMITMENTS.c.provider == wanted.provider.value,
                    COMMITMENTS.c.state != CommitmentState.FAILED.value,
                )
                .exists()
            )
        for key, value in wanted.labels.items():
            yield self._label(key) == value

    def _label(self, key: str) -> ColumnElement[str]:
        if self._engine.dialect.name == "postgresql":
            labels = cast(JOBS.c.doc, JSONB)["workload"]["labels"]
            text: ColumnElement[str] = labels[key].astext
            return text
        label = func.json_each(JOBS.c.doc, "$.workload.labels").table_valued("key", "value")
        return select(label.c.value).where(label.c.key == key).scalar_subquery()


def _quantile(values: Sequence[int], share: float) -> int:
    return sorted(values)[ceil(share * len(values)) - 1]
