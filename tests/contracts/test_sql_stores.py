"""What the stores that speak SQL keep beyond the common contract."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event

import psycopg
import pytest
from sqlalchemy import column, inspect, table, text

from broker.domain.chain import sealed_hash
from broker.domain.commitment import CommitmentState
from broker.domain.job import JobState
from broker.domain.machine import MachineState
from broker.domain.offer import OfferState
from broker.domain.places import PlaceRecord
from broker.domain.values import JobId, OfferId
from broker.domain.workload import Kind, WorkClass
from broker.ports import SubmissionKey, Transaction, Upcoming
from broker.store import schema
from broker.store.adding import COPIED
from broker.store.board import BadCursor, JobFilter
from broker.store.engine import TRUSTED_S, engine_for
from broker.store.event_log import LostRaceError, Tail, Told, append
from broker.store.rows import job_row
from broker.store.sql import SqlStore
from migrations.check import differences
from tests.support.revisions import one_behind
from tests.support.stores import (
    FULL,
    HOUR,
    OTHER,
    SECOND,
    CountingIds,
    StoppedClock,
    World,
    a_commitment,
    an_offer,
    started,
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'broker.db'}"
    found: str = request.getfixturevalue("fresh_postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    sql = SqlStore(url, StoppedClock(), CountingIds())
    sql.migrate()
    yield sql
    sql.close()


@pytest.fixture
def world(store: SqlStore) -> World:
    return World(store, CountingIds())


@pytest.fixture
def on_postgresql(fresh_postgres_url: str) -> Iterator[SqlStore]:
    sql = SqlStore(fresh_postgres_url, StoppedClock(), CountingIds())
    sql.migrate()
    yield sql
    sql.close()


# -- revisions


def test_a_database_without_tables_says_what_to_run(url: str) -> None:
    engine = engine_for(url)
    with pytest.raises(
        schema.WrongRevision,
        match=r"(at revision none, .* needs \d+|there is no database at .*): run `broker migrate`",
    ):
        schema.require_head(engine)
    schema.upgrade(engine)
    schema.upgrade(engine)
    schema.require_head(engine)
    assert schema.current(engine) == schema.needed()
    engine.dispose()


def test_a_job_older_than_the_digests_takes_any_body_under_its_key(url: str) -> None:
    store = SqlStore(url, StoppedClock(), CountingIds())
    one_behind(store.engine)
    world = World(store, CountingIds())
    job = world.job()
    old = job_row(job, SubmissionKey("k", "unknown"))
    del old["submission_sha256"]
    jobs = table("jobs", *map(column, old))
    with store.writers.begin() as connection:
        connection.execute(jobs.insert(), old)
    store.migrate()
    assert world.submit(world.job(), key="k", digest="whatever") == [job.id]
    store.close()


def test_the_migrations_lead_to_the_tables() -> None:
    assert differences() == []


def test_the_migrations_name_every_constraint_as_the_tables_do(store: SqlStore) -> None:
    found = inspect(store.engine).get_check_constraints("jobs")
    assert [one["name"] for one in found] == ["ck_jobs_state"]


def test_a_state_that_there_is_not_is_refused_by_the_database(world: World) -> None:
    job = world.submitted()
    store = world.store
    assert isinstance(store, SqlStore)
    with pytest.raises(Exception, match="ck_jobs_state"), store.engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET state = 'lost' WHERE id = :id"), {"id": job.id})


def test_a_url_of_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="'mysql' is no database of the broker's"):
        engine_for("mysql://host/broker")
    with pytest.raises(ValueError, match="SQLite needs a file"):
        engine_for("sqlite://")


# -- races


def test_the_loser_of_a_race_keeps_nothing(world: World) -> None:
    job = world.submitted()
    stale = world.read(job.id)
    with world.case(job.id) as case:
        case.tell(started(job))
    stale.set_job(trouble="stale")
    stale.tell(started(job))

    def keep_stale() -> None:
        with world.store.transaction() as tx:
            tx.keep([stale])

    with pytest.raises(LostRaceError):
        keep_stale()
    assert world.read(job.id).job.trouble == ""


@pytest.mark.slow
def test_what_one_transaction_holds_another_does_not_find_due(on_postgresql: SqlStore) -> None:
    world = World(on_postgresql, CountingIds())
    first, second = world.submitted(age=HOUR), world.submitted()
    now = world.now()
    for job in (first, second):
        world.machine(job)
        with world.case(job.id) as case:
            case.put_offer(an_offer(job, f"offer_{job.id}", now, due_at=now - SECOND))
    with on_postgresql.transaction() as one, on_postgresql.transaction() as other:
        assert [case.job.id for case in one.due_jobs(1)] == [first.id]
        assert [case.job.id for case in other.due_jobs(9)] == [second.id]
        assert one.due_offers(9) == one.due_jobs(9) == list(one.cases([first.id]).values())
        assert [m.job for m in one.claim_machines(FULL.provider, 9, now + HOUR)] == [first.id]


def in_two_rounds(store: SqlStore, step: Callable[[Transaction], None]) -> None:
    """Two transactions at once, which both have begun before either goes on."""
    begun = threading.Barrier(2)

    def round_() -> None:
        begun.wait(30)
        with store.transaction() as tx:
            step(tx)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(round_) for _ in range(2)]:
            done.result(60)


def test_two_rounds_at_one_place_lose_nothing_of_what_it_said(world: World) -> None:
    store = world.store
    assert isinstance(store, SqlStore)

    def hear_yes(tx: Transaction) -> None:
        known = tx.places(hold=(OTHER, FULL)).get(FULL) or PlaceRecord(place=FULL)
        Event().wait(0.05)  # long enough for the other to read, if nothing keeps it from that
        tx.put_place(replace(known, streak=known.streak + 1))

    in_two_rounds(store, hear_yes)
    in_two_rounds(store, hear_yes)
    with store.transaction() as tx:
        assert tx.places()[FULL].streak == 4


def test_two_answers_at_once_cannot_bind_one_hold(world: World) -> None:
    store = world.store
    assert isinstance(store, SqlStore)
    jobs = [world.submitted() for _ in range(2)]
    left = list(jobs)

    def accept(tx: Transaction) -> None:
        job = left.pop()
        case = tx.cases([job.id])[job.id]
        if not tx.bound_holds(("azure",), ["h1"]):
            Event().wait(0.05)  # as above
            fields = {"place": FULL, "offer": OfferId(f"offer_{job.id}"), "holds": ("h1",)}
            case.put_commitment(a_commitment(job, f"com_{job.id}", tx.now, **fields))
        tx.keep([case])

    in_two_rounds(store, accept)
    assert sum(len(world.read(job.id).commitments) for job in jobs) == 1


@pytest.mark.slow
def test_rounds_that_answer_the_same_places_in_any_order_do_not_lock_up(
    on_postgresql: SqlStore,
) -> None:
    world = World(on_postgresql, CountingIds())
    jobs = [world.submitted() for _ in range(4)]
    for job in jobs:
        with world.case(job.id) as case:
            case.set_job(stuck=True)
    both_in = threading.Barrier(2)

    def answer(mine: list[JobId], places: list[PlaceRecord]) -> None:
        for _ in range(10):
            both_in.wait(30)
            with on_postgresql.transaction() as tx:
                cases = tx.cases(mine)
                tx.places(hold=[place.place for place in places])
                for place in places:
                    tx.put_place(place)
                    tx.record(f"place/{place.place.region}", [started(cases[mine[0]].job)])
                tx.keep(cases.values())
                tx.call_heads()

    records = [PlaceRecord(place=FULL), PlaceRecord(place=OTHER)]
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(answer, [job.id for job in jobs[:2]], records)
        theirs = pool.submit(answer, [job.id for job in jobs[2:]], records[::-1])
        ours.result(60)
        theirs.result(60)


def test_many_writers_and_sealers_make_one_chain(world: World) -> None:
    jobs = [world.submitted() for _ in range(4)]

    def write(job: JobId) -> None:
        for _ in range(15):
            with world.case(job) as case:
                case.tell(started(case.job))
            world.store.seal(7)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [job.id for job in jobs]))
    while world.store.seal():
        pass
    facts = world.store.facts(limit=1000)
    assert [fact.position for fact in facts] == [*range(1, 65)]
    assert all(sealed_hash(fact) == fact.hash for fact in facts)
    assert all(now.previous == before.hash for before, now in pairwise(facts))
    for job in jobs:
        versions = [fact.version for fact in facts if fact.stream == f"job/{job.id}"]
        assert versions == [*range(1, 17)]


@pytest.mark.slow
def test_a_fact_whose_transaction_commits_late_is_sealed_late(on_postgresql: SqlStore) -> None:
    world = World(on_postgresql, CountingIds())
    late, early = world.job(), world.job()
    with on_postgresql.engine.begin() as slow:
        slow.execute(
            text(
                "INSERT INTO facts (stream, version, type, at, data) "
                "VALUES ('broker', 1, 'BrokerDown', '2025-06-02T12:00:00.000000Z', '{}')"
            )
        )
        world.submit(early)
        assert on_postgresql.seal() == 1
    world.submit(late)
    assert on_postgresql.seal() == 2
    streams = [fact.stream for fact in on_postgresql.facts()]
    assert streams == [f"job/{early.id}", "broker", f"job/{late.id}"]


def test_who_listens_is_told_of_new_facts(url: str, store: SqlStore) -> None:
    rung: list[Upcoming] = []
    other = SqlStore(url, StoppedClock(), CountingIds(), woken=rung.append)
    listening = store if url.startswith("postgresql") else other
    assert not listening.listen(0.01)
    World(other, CountingIds()).submitted()
    assert rung
    assert listening.listen(10)
    with other.transaction() as tx:
        assert tx.places() == {}
    assert not listening.listen(0.01)
    other.close()


@pytest.mark.usefixtures("store")
def test_who_commits_is_told_when_the_first_of_what_it_wrote_is_due(url: str) -> None:
    rung: list[Upcoming] = []
    other = SqlStore(url, StoppedClock(), CountingIds(), woken=rung.append)
    world = World(other, CountingIds())
    job = world.submitted(due_in=SECOND)
    waiting = world.machine(job, due_in=HOUR)
    elsewhere = world.machine(job, due_in=HOUR, place=OTHER)
    with other.transaction() as tx:
        now = tx.now
        tx.put_place(PlaceRecord(place=waiting.place, streak=1))
    with world.case(job.id) as case:
        case.put_offer(replace(an_offer(job, "offer_1", now), due_at=now - SECOND))
        case.put_machine(replace(waiting, due_at=now + SECOND))
    assert [(first.jobs, first.offers, dict(first.machines)) for first in rung] == [
        (job.due_at, None, {}),
        (None, None, {waiting.place.provider: waiting.due_at}),
        (None, None, {OTHER.provider: elsewhere.due_at}),
        (None, None, {waiting.place.provider: now}),
        (None, now - SECOND, {waiting.place.provider: now + SECOND}),
    ]
    other.close()


def test_many_jobs_at_once_are_kept_to_the_letter(world: World) -> None:
    run = 'printf "a\\tb\\\\n"\t\\N \r\n; echo "é" \\.'
    jobs = [world.job(name=f"job-{number}", run=run) for number in range(2 * COPIED)]
    assert world.submit(*jobs) == [job.id for job in jobs]
    for job in jobs:
        kept = world.read(job.id).job
        assert (kept.workload, kept.version) == (job.workload, 1)
    world.store.seal()
    streams = [fact.stream for fact in world.store.facts()]
    assert streams == [f"job/{job.id}" for job in jobs]


def test_who_loses_a_race_with_many_facts_writes_none(world: World, store: SqlStore) -> None:
    job = world.submitted()
    late = Told(f"job/{job.id}", [started(job)] * COPIED, Tail(0, ""))
    with store.writers.begin() as connection, pytest.raises(LostRaceError):
        append(connection, [late], job.submitted_at)
    store.seal()
    assert [fact.type for fact in store.facts()] == ["JobSubmitted"]


@pytest.mark.slow
def test_a_connection_that_the_server_ended_is_replaced_unnoticed(
    on_postgresql: SqlStore,
) -> None:
    world = World(on_postgresql, CountingIds())
    job = world.submitted()
    with psycopg.connect(_plain(on_postgresql), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    threading.Event().wait(TRUSTED_S + 0.1)
    assert world.read(job.id).job.id == job.id


def _plain(store: SqlStore) -> str:
    url = store.engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


# -- the board


def test_the_board_lists_jobs_newest_first_page_by_page(world: World, store: SqlStore) -> None:
    ages = [timedelta(minutes=number // 2) for number in range(7)]
    jobs = [world.submitted(age=age) for age in ages]
    newest = sorted(jobs, key=lambda job: (job.submitted_at, job.id), reverse=True)
    listed: list[JobId] = []
    cursor: str | None = None
    while True:
        page = store.board.jobs(limit=3, cursor=cursor)
        listed += [job.id for job in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert listed == [job.id for job in newest]
    with pytest.raises(BadCursor):
        store.board.jobs(cursor="yesterday")


def test_the_board_lists_what_is_asked_for(world: World, store: SqlStore) -> None:
    plain = world.submitted()
    special = world.submitted(
        name="serve",
        tenant="other",
        kind=Kind.INFERENCE,
        work_class=WorkClass.INFERENCE_API,
        labels={"team.name": "a", 'odd"key': "ü"},
    )
    with world.case(special.id) as case:
        case.put_commitment(a_commitment(special, "c_1", case.now))
        case.end(JobState.CANCELLED)
    with world.case(plain.id) as case:
        failed = CommitmentState.FAILED
        case.put_commitment(a_commitment(plain, "c_2", case.now, state=failed))
    for wanted in (
        JobFilter(states=(JobState.CANCELLED, JobState.UNMET)),
        JobFilter(tenant="other"),
        JobFilter(kind=Kind.INFERENCE),
        JobFilter(name="serve"),
        JobFilter(work_class=WorkClass.INFERENCE_API),
        JobFilter(provider=OTHER.provider),
        JobFilter(labels={"team.name": "a", 'odd"key': "ü"}),
    ):
        assert [job.id for job in store.board.jobs(wanted).items] == [special.id], wanted
    assert store.board.jobs(JobFilter(labels={"team.name": "b"})).items == ()
    counts = store.board.counts()
    assert (counts.jobs[JobState.CANCELLED], counts.jobs[JobState.UNMET]) == (1, 0)
    assert counts.oldest_queued_at == plain.submitted_at


def test_a_job_is_found_by_id_by_beginning_or_by_name(world: World, store: SqlStore) -> None:
    first, second = world.submitted(name="one"), world.submitted(name="two", age=HOUR)
    board = store.board
    assert [job.id for job in board.find_jobs(first.id)] == [first.id]
    assert [job.id for job in board.find_jobs("two")] == [second.id]
    assert [job.id for job in board.find_jobs("job_")] == [first.id, second.id]
    assert board.find_jobs("job_", tenant="other") == []
    assert board.find_jobs("%") == []
    found = board.job(second.id)
    assert found is not None
    assert found.id == second.id
    assert board.job(JobId("job_none")) is None


def test_the_board_shows_offers_fleet_and_places(world: World, store: SqlStore) -> None:
    job = world.submitted()
    with world.case(job.id) as case:
        older = an_offer(job, "offer_1", case.now - HOUR, state=OfferState.REFUSED)
        newer = an_offer(job, "offer_2", case.now)
        case.put_offer(older)
        case.put_offer(newer)
    board = store.board
    first = board.offers(limit=1)
    assert (first.items, board.offers(limit=1, cursor=first.cursor).items) == ((newer,), (older,))
    assert board.offers((OfferState.REFUSED,)).items == (older,)
    assert board.offers(job=JobId("job_none")).items == ()
    assert board.offer(older.id) == older
    assert board.offer(OfferId("offer_none")) is None

    machine = world.machine(job)
    world.machine(job, state=MachineState.GONE)
    with store.transaction() as tx:
        assert tx.enrol(machine.name, "a" * 64)
        at = tx.now
        tx.put_place(PlaceRecord(place=FULL, streak=1))
    (seen,) = board.fleet()
    assert seen.machine == replace(machine, due_at=seen.machine.due_at)
    assert seen.enrolled_at == seen.seen_at == at
    assert board.places() == [PlaceRecord(place=FULL, streak=1)]
