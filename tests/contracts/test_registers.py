"""What every store keeps of registers, and that no two rounds draw the same unit of a waiver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from broker.agreements.registry import shipped
from broker.domain.chain import Fact
from broker.domain.clause import Consent, Match
from broker.domain.conflicts import Stake
from broker.domain.events import WaiverRevoked
from broker.domain.register import Attestation, Register, SmallPlacement
from broker.domain.suspension import Conduct, Default, Suspended
from broker.domain.unavailability import Health, Probe, Unavailable
from broker.domain.values import OfferId
from broker.domain.workload import WorkClass
from broker.ports import Lock, Store
from broker.steps.place import place_round
from broker.steps.rulebook import Rulebook
from broker.steps.submit import Submission, submit_jobs
from broker.store.event_log import LostRaceError
from broker.store.memory import MemoryStore
from broker.store.sql import SqlStore
from tests.support.broker import AWS, EAST, pool, work
from tests.support.records import a_conflict, a_waiver, an_acceptance
from tests.support.stores import HOUR, NOON, CountingIds, StoppedClock

NAME: Final = "azure-first-refusal"
FULL: Final = Register(
    agreement=NAME,
    reading=7,
    attested=(Attestation(condition="agi", by="operator", at=NOON),),
    consents=(
        Consent(
            id="c1",
            of_clause="api-exclusive",
            given_by="azure",
            begins=NOON,
            ends=None,
            match=Match(
                classes=frozenset({WorkClass.INFERENCE_API}), pools=frozenset({"aws", "gcp"})
            ),
        ),
    ),
    waivers=(a_waiver(3),),
    acceptances=(an_acceptance(2),),
    conflicts=(a_conflict("meta", share=Decimal("0.3")),),
    stakes=(
        Stake(id="e", owner="meta", supplier="aws", share=Decimal("0.49"), begins=NOON, ends=None),
    ),
    revoked={"w0": NOON},
    drawn={"w1": 2},
    small=(SmallPlacement(commitment="com_1", tenant="lab", units=2, at=NOON),),
    conduct=Conduct(
        defaults=(Default(offer=OfferId("o1"), clause="compute-rofr", at=NOON),),
        suspensions=(
            Suspended(
                id="s",
                clause="compute-rofr",
                offers=(OfferId("o1"),),
                since=NOON,
                until=NOON + HOUR,
            ),
        ),
    ),
    health=Health(
        probes=(Probe(id="p1", agreement=NAME, provider="azure", vantage="here", at=NOON),),
        unavailable=Unavailable(id="u1", since=NOON, probes=("p1",)),
    ),
)
KINDS = ("memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    clock, ids = StoppedClock(), CountingIds()
    if request.param == "memory":
        yield MemoryStore(clock, ids)
        return
    url = f"sqlite:///{tmp_path / 'broker.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("fresh_postgres_url")
    sql = SqlStore(url, clock, ids)
    sql.migrate()
    yield sql
    sql.close()


def put(store: Store, register: Register) -> None:
    with store.transaction() as tx:
        tx.put_register(register)


def read(store: Store, lock: Lock = Lock.NONE) -> Register:
    with store.transaction() as tx:
        return tx.registers([NAME], lock)[NAME]


@pytest.mark.parametrize("lock", list(Lock))
def test_an_agreement_of_which_nothing_is_on_record_has_a_new_register(
    store: Store, lock: Lock
) -> None:
    assert read(store, lock) == Register(agreement=NAME)


def test_a_register_comes_back_as_it_was_put_one_version_on(store: Store) -> None:
    put(store, FULL)
    assert read(store) == replace(FULL, version=1)
    put(store, read(store, Lock.DRAW))
    assert read(store) == replace(FULL, version=2)


def test_its_facts_are_told_in_the_stream_of_the_agreement(store: Store) -> None:
    with store.transaction() as tx:
        register = tx.registers([NAME], Lock.CHANGE)[NAME]
        tx.put_register(register, [WaiverRevoked(waiver="w1", agreement=NAME, by="azure")])
    store.seal()
    told: list[Fact] = store.facts(stream=f"agreement/{NAME}")
    assert [(fact.type, fact.version) for fact in told] == [("WaiverRevoked", 1)]


def test_what_fails_leaves_nothing_on_record(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            tx.put_register(FULL)
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail()
    assert read(store) == Register(agreement=NAME)


def test_a_stale_register_is_not_written(store: Store) -> None:
    if isinstance(store, MemoryStore):
        pytest.skip("its transactions come one at a time")
    put(store, FULL)
    with pytest.raises(LostRaceError):
        put(store, FULL)
    assert read(store).version == 1


@pytest.mark.parametrize("rows_there", [False, True], ids=["a new register", "a known one"])
def test_two_rounds_at_once_never_overdraw_a_waiver(store: Store, *, rows_there: bool) -> None:
    """The waiver is the edition's own in one case: then no row is there to be locked yet."""
    agreement = shipped()[NAME]
    rules = Rulebook(
        agreements={NAME: agreement},
        default_agreement=NAME,
        pools=(pool(EAST), pool(AWS)),
        slow_start=False,
    )
    with store.transaction() as tx:
        now = tx.now
    if rows_there:
        waiver = a_waiver(5, begins=now - HOUR, ends=now + HOUR)
        put(store, Register(agreement=NAME, reading=1, waivers=(waiver,)))
    else:
        edition = replace(
            agreement.editions[0],
            waivers=(a_waiver(5, begins=now - HOUR, ends=now + HOUR),),
        )
        rules = replace(rules, agreements={NAME: replace(agreement, editions=(edition,))})
    submit_jobs([Submission(workload=work()) for _ in range(24)], store, rules, CountingIds())
    start = threading.Barrier(4)

    def place(_: int) -> None:
        start.wait()
        for _ in range(6):
            place_round(store, replace(rules, memo={}), limit=2)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(place, range(4)))
    store.seal(10_000)
    facts = store.facts(limit=10_000)
    waived = [fact for fact in facts if fact.type == "ThirdPartyCommitted"]
    assert sum(len(fact.data["units"]) for fact in waived) == 5
    assert {fact.data["basis"] for fact in waived} == {"waiver"}
    assert sum(fact.type == "OfferIssued" for fact in facts) == 19
    assert read(store).drawn == {"w1": 5}
