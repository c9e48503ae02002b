"""What every store keeps: in memory, on SQLite, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.domain.chain import GENESIS, Fact, sealed_hash
from broker.domain.commitment import CommitmentState
from broker.domain.events import BrokerDown, EditionRecorded, PlaceTroubled
from broker.domain.job import JobState, UnitState
from broker.domain.machine import MachineState
from broker.domain.market import Refusal
from broker.domain.offer import OfferState
from broker.domain.place import Reach, area, areas
from broker.domain.places import PlaceRecord, Trouble
from broker.domain.release import Basis, Release
from broker.domain.values import (
    CommitmentId,
    JobId,
    LeaseId,
    MachineName,
    OfferId,
    RefusalId,
    RefusalReason,
    instant_text,
    usd,
)
from broker.domain.workload import Limits, Shape, WorkClass
from broker.ports import KeyTakenError, LogChunk, Store
from broker.steps.submit import submitted
from broker.store.memory import MemoryStore
from broker.store.sql import SqlStore
from tests.support.stores import (
    FULL,
    HOUR,
    OTHER,
    SECOND,
    TERMS,
    CountingIds,
    StoppedClock,
    World,
    a_commitment,
    a_machine,
    an_offer,
    started,
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


@pytest.fixture
def world(store: Store) -> World:
    return World(store, CountingIds())


def all_sealed(store: Store, stream: str | None = None) -> list[Fact]:
    while store.seal():
        pass
    return store.facts(limit=10_000, stream=stream)


# -- jobs


def test_a_job_comes_back_as_it_was_submitted_with_one_fact(world: World) -> None:
    job = world.job(
        units=2,
        env={"SEED": "7"},
        labels={"team": "ü"},
        limits=Limits(regions=("eu-*",), max_price_usd_hour=usd("100")),
        shape=Shape(accelerators=("H100", "H200"), gpus=8),
    )
    assert world.submit(job) == [job.id]
    kept = world.read(job.id).job
    assert kept == replace(job, version=1, last_at=kept.last_at)
    assert kept.last_at >= job.last_at
    assert str(kept.workload.limits.max_price_usd_hour) == "1E+2"
    assert [(fact.version, fact.type) for fact in all_sealed(world.store)] == [(1, "JobSubmitted")]


def test_a_job_submitted_twice_under_one_key_is_one_job(world: World) -> None:
    first, again = world.job(), world.job()
    assert world.submit(first, key="k") == [first.id]
    assert world.submit(again, key="k") == [first.id]
    assert len(all_sealed(world.store)) == 1
    with world.store.transaction() as tx:
        assert list(tx.cases([first.id, again.id])) == [first.id]


def test_one_key_twice_in_one_batch_is_one_job(world: World) -> None:
    first, again = world.job(), world.job()
    assert world.submit(first, again, key="k") == [first.id, first.id]
    assert len(all_sealed(world.store)) == 1


def test_one_key_for_two_things_is_refused_and_keeps_nothing(world: World) -> None:
    first, other, again = world.job(), world.job(), world.job()
    world.submit(first, key="k", digest="one")
    with pytest.raises(KeyTakenError, match=f"'k' stands for {first.id} already") as refused:
        world.submit(other, key="k", digest="another")
    assert refused.value.index == 0
    assert world.submit(again, key="k", digest="one") == [first.id]
    assert len(all_sealed(world.store)) == 1


def test_two_tenants_may_use_one_key(world: World) -> None:
    ours, theirs = world.job(), world.job(tenant="other")
    assert world.submit(ours, key="k") == [ours.id]
    assert world.submit(theirs, key="k") == [theirs.id]


def test_everything_on_a_file_comes_back_as_it_was_kept(world: World) -> None:
    job = world.submitted()
    now = world.now()
    release = Release(
        number=1,
        basis=Basis.REFUSAL,
        offer=None,
        ceiling=TERMS,
        since=now,
        tail_until=now + HOUR,
        stale_at=None,
        cites=("refusal_1",),
    )
    with world.case(job.id) as case:
        case.set_job(releases=(release,), released=1, trouble="no quota")
        case.put_offer(an_offer(job, "offer_1", now, asked=(FULL, OTHER), due_at=now + HOUR))
        case.put_commitment(a_commitment(job, "commitment_1", now, basis=Basis.REFUSAL))
        case.put_machine(a_machine(job, "cb-1", now))
        case.move((0,), UnitState.OFFERED)
        case.tell(started(job))
    kept = world.read(job.id)
    assert kept.job == replace(case.job, version=2, last_at=kept.job.last_at)
    assert (kept.offers, kept.commitments, kept.machines) == (
        case.offers,
        case.commitments,
        case.machines,
    )


def test_a_file_holds_nothing_that_is_over(world: World) -> None:
    job = world.submitted()
    now = world.now()
    with world.case(job.id) as case:
        case.put_offer(an_offer(job, "offer_1", now, state=OfferState.REFUSED))
        case.put_offer(an_offer(job, "offer_2", now, state=OfferState.ACCEPTED))
        case.put_commitment(a_commitment(job, "c_1", now, state=CommitmentState.ENDED))
        case.put_commitment(a_commitment(job, "c_2", now, state=CommitmentState.LIVE))
        case.put_machine(replace(a_machine(job, "cb-1", now), state=MachineState.GONE, due_at=None))
        case.put_machine(a_machine(job, "cb-2", now))
    kept = world.read(job.id)
    assert [*kept.offers, *kept.commitments, *kept.machines] == ["offer_2", "c_2", "cb-2"]


def test_nothing_is_kept_when_the_block_raises(world: World) -> None:
    job, other = world.submitted(), world.job()

    def work() -> None:
        with world.store.transaction() as tx:
            tx.submit([(other, submitted(other), None)])
            case = tx.cases([job.id])[job.id]
            case.set_job(trouble="lost")
            case.tell(started(job))
            tx.keep([case])
            tx.put_place(PlaceRecord(place=FULL, streak=3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert world.read(job.id).job.trouble == ""
    assert len(all_sealed(world.store)) == 1
    with world.store.transaction() as tx:
        assert not tx.cases([other.id])
        assert not tx.places()


# -- holds


def test_a_hold_is_bound_for_as_long_as_its_commitment_lives(world: World) -> None:
    job = world.submitted(units=2)
    now, offer = world.now(), OfferId("offer_1")
    of_azure = {"place": FULL, "offer": offer, "holds": ("h1",)}
    with world.case(job.id) as case:
        case.put_commitment(a_commitment(job, "com_1", now, **of_azure))
        case.put_commitment(a_commitment(job, "com_2", now, **of_azure, units=(1,)))
        case.put_commitment(a_commitment(job, "com_3", now, holds=("h3",)))
    for state, bound in (
        (CommitmentState.LIVE, {"h1": offer}),
        (CommitmentState.ENDED, {"h1": offer}),
        (CommitmentState.FAILED, {}),
    ):
        name = CommitmentId("com_1" if state is CommitmentState.ENDED else "com_2")
        with world.case(job.id) as case:
            case.put_commitment(replace(case.commitments[name], state=state))
        with world.store.transaction() as tx:
            assert tx.bound_holds(("azure",), ["h1", "h2", "h3"]) == bound
            assert tx.bound_holds(("aws",), ["h1"]) == {}


def test_a_hold_that_replaces_a_unit_is_bound_by_its_commitment(world: World) -> None:
    job = world.submitted(units=1)
    now = world.now()
    with world.case(job.id) as case:
        case.put_commitment(a_commitment(job, "com_1", now, place=FULL, holds=("h1",)))
    with world.store.transaction() as tx:
        assert tx.bound_holds(("azure",), ["h1"]) == {"h1": "com_1"}


# -- what is due


def test_due_jobs_come_by_priority_and_then_by_age(world: World) -> None:
    young = world.submitted(age=SECOND)
    old = world.submitted(age=HOUR)
    urgent = world.submitted(priority=5)
    world.submitted(due_in=HOUR)
    world.submitted(due_in=None)
    with world.store.transaction() as tx:
        assert [case.job.id for case in tx.due_jobs(10)] == [urgent.id, old.id, young.id]
        assert [case.job.id for case in tx.due_jobs(1)] == [urgent.id]


def test_a_job_put_off_is_not_due(world: World) -> None:
    job = world.submitted()
    with world.case(job.id) as case:
        case.set_job(due_at=case.now + HOUR)
    with world.store.transaction() as tx:
        assert tx.due_jobs(10) == []


def test_a_job_that_has_ended_is_not_due(world: World) -> None:
    job = world.submitted()
    with world.case(job.id) as case:
        case.end(JobState.CANCELLED)
    with world.store.transaction() as tx:
        assert tx.due_jobs(10) == []


def test_a_job_is_found_by_its_due_offer_once(world: World) -> None:
    job, calm = world.submitted(due_in=None), world.submitted(due_in=None)
    now = world.now()
    with world.case(job.id) as case:
        for number in (1, 2):
            case.put_offer(an_offer(job, f"offer_{number}", now, due_at=now - SECOND))
    with world.case(calm.id) as case:
        case.put_offer(an_offer(calm, "offer_3", now, due_at=now + HOUR))
    with world.store.transaction() as tx:
        assert [case.job.id for case in tx.due_offers(10)] == [job.id]


def test_the_next_due_instant_is_the_first_of_jobs_offers_and_machines(world: World) -> None:
    assert world.store.next_due() is None
    job = world.submitted(due_in=3 * HOUR)
    assert world.store.next_due() == job.due_at
    now = world.now()
    with world.case(job.id) as case:
        case.put_offer(an_offer(job, "offer_1", now, due_at=now + 2 * HOUR))
    assert world.store.next_due() == now + 2 * HOUR
    machine = world.machine(job, due_in=HOUR)
    assert world.store.next_due() == machine.due_at


# -- lines


def test_the_head_of_a_line_is_its_first_stuck_job(world: World) -> None:
    young, old, calm = world.submitted(), world.submitted(age=HOUR), world.submitted(age=2 * HOUR)
    other = world.submitted(work_class=WorkClass.EVALUATION)
    for job in (young, old, other):
        with world.case(job.id) as case:
            case.set_job(stuck=True)
    with world.store.transaction() as tx:
        assert tx.heads({calm.line}) == {calm.line: old.rank}
        assert tx.heads({other.line, "none"}) == {other.line: other.rank}
        assert tx.heads(set()) == {}
    with world.case(old.id) as case:
        case.end(JobState.CANCELLED)
    with world.store.transaction() as tx:
        assert tx.heads({calm.line}) == {calm.line: young.rank}


def test_the_first_of_a_line_are_called_up_and_stand_in_it_no_more(world: World) -> None:
    jobs = [world.submitted(age=number * HOUR) for number in (1, 2, 3)]
    urgent = world.submitted(priority=1)
    for job in (*jobs, urgent):
        with world.case(job.id) as case:
            case.set_job(in_line=True, due_at=case.now + HOUR)
    with world.store.transaction() as tx:
        tx.call_up({urgent.line: 2, "none": 5})
    with world.store.transaction() as tx:
        due = tx.due_jobs(10)
        assert [case.job.id for case in due] == [urgent.id, jobs[2].id]
        assert not any(case.job.in_line for case in due)
        tx.call_up({urgent.line: 2})
    with world.store.transaction() as tx:
        assert len(tx.due_jobs(10)) == 4


def test_every_stuck_job_becomes_due_when_the_heads_are_called(world: World) -> None:
    stuck = [world.submitted(due_in=HOUR, work_class=kind) for kind in WorkClass]
    world.submitted(due_in=HOUR)
    for job in stuck:
        with world.case(job.id) as case:
            case.set_job(stuck=True)
    with world.store.transaction() as tx:
        tx.call_heads()
    with world.store.transaction() as tx:
        due = tx.due_jobs(20)
        assert {case.job.id for case in due} == {job.id for job in stuck}
        assert all(case.job.stuck for case in due)


# -- machines


def test_a_claimed_machine_is_put_off_and_counts_a_try(world: World) -> None:
    job = world.submitted()
    machine = world.machine(job)
    world.machine(job, due_in=HOUR)
    world.machine(job, place=OTHER)
    until = world.now() + HOUR
    with world.store.transaction() as tx:
        claimed = tx.claim_machines(FULL.provider, 10, until)
    assert claimed == [replace(machine, tries=1, due_at=until)]
    with world.store.transaction() as tx:
        assert tx.claim_machines(FULL.provider, 10, until) == []
        assert tx.machine(machine.name) == claimed[0]
        assert tx.cases([job.id])[job.id].machines[machine.name] == claimed[0]


def test_a_machine_is_enrolled_by_one_session_only(world: World) -> None:
    machine = world.machine(world.submitted())
    with world.store.transaction() as tx:
        assert tx.enrol(machine.name, "a" * 64)
    with world.store.transaction() as tx:
        assert not tx.enrol(machine.name, "b" * 64)
    with world.store.transaction() as tx:
        assert tx.enrol(machine.name, "a" * 64)


def test_a_session_leads_to_its_machine(world: World) -> None:
    machine = world.machine(world.submitted())
    with world.store.transaction() as tx:
        tx.enrol(machine.name, "a" * 64)
    with world.store.transaction() as tx:
        assert tx.machine_of_session("a" * 64) == machine
        assert tx.machine_of_session("b" * 64) is None
        assert tx.machine(MachineName("unheard-of")) is None


def test_a_leased_machine_is_silent_until_its_agent_is_heard_of(world: World) -> None:
    job = world.submitted()
    up_at = world.now() - HOUR
    lease = LeaseId("lease")
    machine = world.machine(job, state=MachineState.RUNNING, up_at=up_at, lease=lease)
    world.machine(job, state=MachineState.RUNNING, up_at=up_at)
    with world.store.transaction() as tx:
        assert [m.name for m in tx.silent_machines(up_at + SECOND, 10)] == [machine.name]
        assert tx.silent_machines(up_at - SECOND, 10) == []
    with world.store.transaction() as tx:
        tx.enrol(machine.name, "a" * 64)
    with world.store.transaction() as tx:
        assert tx.silent_machines(up_at + SECOND, 10) == []
        assert len(tx.silent_machines(tx.now + SECOND, 10)) == 1


def test_machines_are_those_that_are_not_over(world: World) -> None:
    job = world.submitted()
    world.machine(job, state=MachineState.REFUSED)
    ours, theirs = world.machine(job), world.machine(job, place=OTHER)
    with world.store.transaction() as tx:
        assert {m.name for m in tx.machines()} == {ours.name, theirs.name}
        assert [m.name for m in tx.machines(provider=OTHER.provider)] == [theirs.name]


# -- places


def test_a_place_s_refusal_and_streak_are_remembered(world: World) -> None:
    now = world.now()
    refusal = Refusal(
        id=RefusalId("refusal_1"),
        place=FULL,
        units=1,
        code="AllocationFailed",
        reason=RefusalReason.NO_CAPACITY,
        at=now,
        valid_until=now + HOUR,
    )
    record = PlaceRecord(place=FULL, refusal=refusal, closed=trouble(now, SECOND))
    for one in (PlaceRecord(place=FULL, streak=3), record, PlaceRecord(place=OTHER, streak=2)):
        with world.store.transaction() as tx:
            tx.put_place(one)
    with world.store.transaction() as tx:
        places = tx.places()
    assert dict(places) == {FULL: record, OTHER: PlaceRecord(place=OTHER, streak=2)}


def trouble(now: datetime, lasts: timedelta) -> Trouble:
    return Trouble(kind="auth", code="Expired", message="renew it", since=now, until=now + lasts)


@pytest.mark.parametrize("reach", [Reach.FAMILY, Reach.ZONE, Reach.REGION, Reach.CLOUD])
def test_an_area_is_remembered_as_a_place_is(world: World, reach: Reach) -> None:
    now, around = world.now(), area(FULL, reach)
    record = PlaceRecord(place=around, closed=trouble(now, HOUR), paused=trouble(now, SECOND))
    with world.store.transaction() as tx:
        tx.put_place(record, [troubled("told")])
    with world.store.transaction() as tx:
        assert dict(tx.places(hold=[around])) == {around: record}
    (fact,) = all_sealed(world.store)
    assert fact.stream == f"place/{around.provider}/{around.region}/{around.sku}"


@pytest.mark.parametrize("reach", [Reach.FAMILY, Reach.REGION, Reach.CLOUD])
def test_an_area_wakes_what_is_wanted_in_it_once_nothing_shuts_it(
    world: World, reach: Reach
) -> None:
    job = world.submitted()
    waiting = world.machine(job, due_in=HOUR)
    elsewhere = world.machine(job, due_in=HOUR, place=OTHER)
    around = area(FULL, reach)
    with world.store.transaction() as tx:
        tx.put_place(PlaceRecord(place=around, paused=trouble(tx.now, HOUR)))
    with world.store.transaction() as tx:
        assert tx.claim_machines(FULL.provider, 10, tx.now + HOUR) == []
        tx.put_place(PlaceRecord(place=around))
    with world.store.transaction() as tx:
        claimed = {m.name for m in tx.claim_machines(FULL.provider, 10, tx.now + HOUR)}
    inside = {m.name for m in (waiting, elsewhere) if around in areas(m.place)}
    assert waiting.name in claimed
    assert claimed == inside


def test_an_answer_of_a_place_wakes_what_is_only_wanted_there(world: World) -> None:
    job = world.submitted()
    waiting = world.machine(job, due_in=HOUR)
    asked = world.machine(job, due_in=HOUR, state=MachineState.ASKED)
    elsewhere = world.machine(job, due_in=HOUR, place=OTHER)
    with world.store.transaction() as tx:
        tx.put_place(PlaceRecord(place=FULL, streak=1))
    with world.store.transaction() as tx:
        claimed = tx.claim_machines(FULL.provider, 10, tx.now + HOUR)
        assert [m.name for m in claimed] == [waiting.name]
        assert tx.machine(asked.name) == asked
        assert tx.machine(elsewhere.name) == elsewhere


def test_unresolved_counts_what_each_place_has_not_answered(world: World) -> None:
    job = world.submitted()
    machine = world.machine(job)
    world.machine(job, state=MachineState.ASKED)
    world.machine(job, state=MachineState.RUNNING, place=OTHER)
    with world.store.transaction() as tx:
        assert {place: n for place, n in tx.unresolved().items() if n} == {FULL: 2}
    with world.case(job.id) as case:
        case.put_machine(replace(machine, state=MachineState.RUNNING))
    with world.store.transaction() as tx:
        assert tx.unresolved()[FULL] == 1


# -- the log


def troubled(text: str) -> PlaceTroubled:
    return PlaceTroubled(
        provider="azure",
        region="eastus",
        sku="nd96",
        kind="auth",
        code="401",
        message=text,
        until=StoppedClock().at,
    )


def test_the_facts_of_a_stream_are_numbered_without_a_gap(world: World) -> None:
    job = world.submitted()
    for _ in range(3):
        with world.case(job.id) as case:
            case.tell(started(job))
            case.tell(started(job))
        with world.store.transaction() as tx:
            tx.put_place(PlaceRecord(place=FULL), [troubled("one"), troubled("two")])
            tx.record("broker", [BrokerDown(since=tx.now)])
    assert [f.version for f in all_sealed(world.store, f"job/{job.id}")] == [*range(1, 8)]
    place = all_sealed(world.store, "place/azure/eastus/nd96")
    assert [f.version for f in place] == [*range(1, 7)]
    assert [f.version for f in all_sealed(world.store, "broker")] == [1, 2, 3]
    for stream in ("broker", f"job/{job.id}"):
        instants = [fact.at for fact in all_sealed(world.store, stream)]
        assert instants == sorted(instants)


def test_a_fact_is_never_older_than_the_one_before_it(world: World) -> None:
    job = world.submitted()
    ahead = world.now() + HOUR
    with world.case(job.id) as case:
        case.set_job(last_at=ahead)
    with world.case(job.id) as case:
        case.tell(started(job))
    kept = world.read(job.id)
    assert (case.now, kept.job.last_at, kept.now) == (ahead, ahead, ahead)
    assert all_sealed(world.store)[-1].at == instant_text(ahead)


def test_facts_told_in_one_transaction_are_sealed_in_the_order_they_were_told(
    world: World,
) -> None:
    job = world.submitted()
    with world.store.transaction() as tx:
        case = tx.cases([job.id])[job.id]
        tx.put_place(PlaceRecord(place=FULL), [troubled("cited")])
        case.tell(started(job))
        tx.keep([case])
        tx.record("broker", [BrokerDown(since=tx.now)])
    kinds = [fact.type for fact in all_sealed(world.store)]
    assert kinds == ["JobSubmitted", "PlaceTroubled", "JobStarted", "BrokerDown"]


def test_sealing_makes_one_chain_however_it_is_cut(world: World) -> None:
    world.submit(*(world.job() for _ in range(7)))
    assert world.store.facts() == []
    assert [world.store.seal(limit) for limit in (3, 1, 100, 100)] == [3, 1, 3, 0]
    facts = world.store.facts()
    assert [fact.position for fact in facts] == [*range(1, 8)]
    assert [fact.previous for fact in facts] == [GENESIS, *(fact.hash for fact in facts[:-1])]
    assert [sealed_hash(fact) for fact in facts] == [fact.hash for fact in facts]


def test_facts_are_read_on_from_a_position(world: World) -> None:
    jobs = [world.job() for _ in range(5)]
    world.submit(*jobs)
    facts = all_sealed(world.store)
    assert world.store.facts(after=2, limit=2) == facts[2:4]
    assert world.store.facts(after=5) == []
    assert world.store.facts(after=1, stream=f"job/{jobs[3].id}") == [facts[3]]
    assert world.store.facts(after=4, stream=f"job/{jobs[3].id}") == []


def test_editions_recorded_are_known_before_they_are_sealed(world: World) -> None:
    edition = EditionRecorded(agreement="house", edition="2025-01", document={"holder": ["azure"]})
    with world.store.transaction() as tx:
        assert tx.editions_recorded() == set()
        tx.record("agreement/house", [edition])
    with world.store.transaction() as tx:
        assert tx.editions_recorded() == {("house", "2025-01")}


# -- output


def test_a_chunk_of_output_sent_twice_is_kept_once(world: World) -> None:
    job = world.submitted()
    chunks = [
        LogChunk(
            job=job.id,
            unit=0,
            lease=LeaseId("lease"),
            seq=seq,
            at="2025-06-02T12:00:00.000000Z",
            stream="out",
            text=f"line {seq}\n",
        )
        for seq in (1, 2, 3)
    ]
    for sent in (chunks[:2], chunks[1:], chunks):
        with world.store.transaction() as tx:
            tx.add_log(sent)
    kept = world.store.logs(job.id)
    assert [chunk for _, chunk in kept] == chunks
    assert world.store.logs(job.id, after=kept[0][0], limit=1) == [kept[1]]
    assert world.store.logs(JobId("job_other")) == []


def test_a_clock_that_stands_is_no_reason_to_lose_microseconds(world: World) -> None:
    odd = timedelta(microseconds=-123457)
    job = world.submitted(due_in=odd)
    assert world.read(job.id).job.due_at == job.due_at
    assert world.store.next_due() == job.due_at
