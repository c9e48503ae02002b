"""What is thought of places, as rows, and in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from broker.domain.market import Advised, Place
from broker.domain.offer import OfferState
from broker.domain.workload import Workload
from broker.store.memory_tables import MemoryTables
from broker.store.rows import job_from
from broker.store.tables import ADVICE, JOBS, OFFERS
from broker.store.writes import upsert

_UNDECIDED: Final = tuple(state.value for state in OfferState if state.undecided)
_ADVISED: Final = TypeAdapter(Advised)
_advised_from: Final[Callable[[str], Advised]] = lru_cache(maxsize=8192)(_ADVISED.validate_json)
"""Every round reads all of it, little of which has changed since the last."""


class AdviceRows:
    """The part of a transaction that keeps advice, in a database."""

    _connection: Connection

    def advice(self) -> Mapping[Place, Advised]:
        docs = self._connection.execute(select(ADVICE.c.doc)).scalars()
        return {heard.place: heard for heard in map(_advised_from, docs)}

    def offered(self, limit: int) -> list[Workload]:
        first = (
            select(func.min(JOBS.c.id))
            .join(OFFERS, OFFERS.c.job == JOBS.c.id)
            .where(OFFERS.c.state.in_(_UNDECIDED))
            .group_by(JOBS.c.line)
            .limit(limit)
        )
        docs = self._connection.execute(select(JOBS.c.doc).where(JOBS.c.id.in_(first))).scalars()
        return [job_from(doc).workload for doc in docs]

    def put_advice(self, heard: Sequence[Advised]) -> None:
        rows = [{"place": str(one.place), "doc": _ADVISED.dump_json(one).decode()} for one in heard]
        upsert(self._connection, ADVICE, rows)


class AdviceInMemory:
    """The same in memory: written when the transaction ends well."""

    _writes: list[Callable[[], object]]
    store: MemoryTables

    def advice(self) -> Mapping[Place, Advised]:
        return self.store.advice

    def offered(self, limit: int) -> list[Workload]:
        found: dict[str, Workload] = {}
        for job, offers in self.store.offers.items():
            if any(offer.state.undecided for offer in offers.values()):
                asked = self.store.jobs[job]
                found.setdefault(asked.line, asked.workload)
        return list(found.values())[:limit]

    def put_advice(self, heard: Sequence[Advised]) -> None:
        self._writes.append(lambda: self.store.advice.update({one.place: one for one in heard}))
