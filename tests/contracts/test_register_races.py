"""On PostgreSQL: what is put on record while a round decides is in the log after the decision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from typing_extensions import override

from broker.agreements.registry import shipped
from broker.domain.agreement import Edition
from broker.domain.chain import Fact
from broker.domain.conflicts import Conflict
from broker.domain.key import Key, Role
from broker.domain.laws.audit import audit, sentences
from broker.domain.recording import Entry
from broker.domain.register import Register
from broker.domain.values import KeyId
from broker.domain.workload import WorkClass, Workload
from broker.steps.place import place_round
from broker.steps.put_on_record import put_on_record
from broker.steps.record import record_editions, record_prices
from broker.steps.rulebook import Rulebook
from broker.steps.submit import Submission, submit_jobs
from broker.store.sql import SqlStore
from tests.support.broker import EAST, OWN, pool, work
from tests.support.stores import CountingIds, StoppedClock

pytestmark = pytest.mark.slow

NAME: Final = "azure-first-refusal"
HOUR: Final = timedelta(hours=1)
_WAITS: Final = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def store(fresh_postgres_url: str) -> Iterator[SqlStore]:
    made = SqlStore(fresh_postgres_url, StoppedClock(), CountingIds())
    made.migrate()
    yield made
    made.close()


def _nothing() -> None: ...


@dataclass(frozen=True, kw_only=True)
class HeldUp(Rulebook):
    """A round that decides by it is held up right after it has read the register."""

    meanwhile: Callable[[], object] = _nothing

    @override
    def edition_as_it_stands(self, register: Register, at: datetime) -> Edition | None:
        self.meanwhile()
        return super().edition_as_it_stands(register, at)


class Another:
    """Another connection, which is at work while a transaction is held up, once."""

    def __init__(self, store: SqlStore, does: Callable[[], object]) -> None:
        self.store, self.thread = store, threading.Thread(target=does)

    def __call__(self) -> None:
        """Go on when it is done, or has to wait for somebody."""
        if self.thread.ident is None:
            self.thread.start()
            while self.thread.is_alive() and not self._waits():
                self.thread.join(0.01)
            self.store.seal()

    def _waits(self) -> bool:
        with self.store.engine.connect() as connection:
            return bool(connection.exec_driver_sql(_WAITS).scalar_one())


def ready(store: SqlStore, asked: Workload) -> HeldUp:
    """A job waits to be placed."""
    rules = HeldUp(agreements=shipped(), default_agreement=NAME, pools=(pool(EAST), pool(OWN)))
    record_editions(store, shipped().values())
    record_prices(store, rules.pools)
    submit_jobs([Submission(workload=asked)], store, rules, CountingIds())
    return rules


def placed_while(store: SqlStore, rules: HeldUp, entry: Entry, by: str) -> list[Fact]:
    """The log of a round in the midst of which something is put on record."""
    other = Another(store, lambda: put_on_record(NAME, entry, by, store, rules))
    place_round(store, replace(rules, meanwhile=other))
    other.thread.join()
    store.seal()
    return store.facts(limit=1000)


@pytest.mark.parametrize(
    ("asked", "party", "told"),
    [
        (work(), "azure", "OfferIssued"),
        (work(work_class=WorkClass.FINE_TUNING), "own", "ThirdPartyCommitted"),
    ],
    ids=["a notice", "a placement"],
)
def test_a_conflict_recorded_in_the_midst_of_a_round_comes_after_what_it_decided(
    store: SqlStore, asked: Workload, party: str, told: str
) -> None:
    rules = ready(store, asked)
    with store.transaction() as tx:
        since = tx.now - HOUR
    conflict = Conflict(
        id="c", tenant="lab", party=party, because="it sells the same", begins=since, ends=None
    )
    facts = placed_while(store, rules, conflict, "operator")
    report = audit(facts)
    assert report.holds, "\n".join(sentences(report))
    types = [fact.type for fact in facts]
    assert types.index(told) < types.index("ConflictRecorded")


def test_a_round_that_began_before_a_revocation_and_read_after_it_does_not_use_it(
    store: SqlStore,
) -> None:
    with store.transaction() as before:
        began = before.now
        with store.transaction() as tx:
            register = tx.registers([NAME])[NAME]
            revoked = {"w1": tx.now}
            tx.put_register(Register(agreement=NAME, reading=1, revoked=revoked))
        register = before.registers([NAME])[NAME]
        assert began < register.revoked["w1"]
        assert not register.stands("w1")


def test_a_key_is_taken_back_after_the_answers_that_it_opens(store: SqlStore) -> None:
    """Whoever judges by keys holds them; who takes one back waits."""
    with store.transaction() as tx:
        now = tx.now
    key = Key(
        id=KeyId("k"),
        party="azure",
        role=Role.DESK,
        secret_sha256="0" * 64,
        valid_from=now,
        valid_until=None,
        granted_at=now,
    )
    ended: list[str] = []

    def put() -> None:
        with store.transaction() as tx:
            tx.put_key(key)
        ended.append("given")

    other = Another(store, put)
    with store.transaction() as tx:
        assert tx.party_keys(hold=True) == []
        other()
        ended.append("judged")
    other.thread.join()
    assert ended == ["judged", "given"]
