"""The holder takes back what it released: with notice, a held machine and a fence (T24 to T26)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from broker.domain.agreement import Agreement
from broker.domain.job import JobState
from broker.domain.key import Role
from broker.domain.machine import RunState
from broker.domain.offer import Desk
from broker.domain.succession import GRACE
from broker.domain.values import JobId, KeyId, ProviderName, RefusalReason
from broker.domain.workload import Workload
from broker.steps.authority import Grant, grant_key, revoke_key
from broker.steps.reclaim import NotReclaimed, Reclaim, Replacement, ask_back
from broker.steps.run import Command
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, a_gang, work
from tests.support.leases import NOTICE_S, an_agreement
from tests.support.records import Recorder, a_conflict

AZURE, THIRD = ProviderName.AZURE, ProviderName.AWS
CAN_STOP = work(checkpointable=True)


@contextmanager
def spilled(
    asked: Workload = CAN_STOP, agreement: Agreement | None = None
) -> Iterator[tuple[Broker, JobId]]:
    """It runs at a third party because the holder refused, and the holder has room again."""
    known = agreement or an_agreement(lease="")
    with a_broker({EAST: 0, AWS: 9, GCP: 9}, agreement=known, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(asked)
        broker.answer(job, AnswerKind.REFUSE, reason=RefusalReason.NO_CAPACITY)
        broker.settle()
        broker.wait(60)
        assert broker.active(job)
        for unit in range(asked.units):
            broker.report(broker.machine(job, unit), RunState.RUNNING)
        broker.clouds[AZURE].stock[EAST] = 9
        yield broker, job


def reclaim(
    broker: Broker, job: JobId, unit: int = 0, hold: str = "kept", shown: str | None = None
) -> Reclaim:
    kept = Replacement(hold=hold, region=EAST.region, sku=EAST.sku, by="clerk", shown=shown)
    said = ask_back(job, unit, kept, broker.store, broker.rules)
    broker.settle()
    return said


def test_after_the_notice_a_machine_is_prepared_and_the_unit_is_cut_over() -> None:
    with spilled() as (broker, job):
        old = broker.machine(job)
        assert reclaim(broker, job).refused is None
        broker.wait(NOTICE_S - 1)
        assert broker.states(job) == ["active"]
        assert not broker.clouds[AZURE].made
        broker.clouds[AZURE].takes_s = 5
        broker.wait(1)
        assert broker.states(job) == ["migrating"]
        assert broker.report(old, RunState.RUNNING).do is Command.WAIT
        broker.wait(60)
        (begun,), (fenced,) = broker.facts("MigrationBegun"), broker.facts("LeaseFenced")
        assert begun.position < fenced.position
        assert broker.where(job) == [EAST]
        assert (broker.states(job), broker.job(job).units[0].epoch) == (["active"], 2)
        broker.exit(job)
        assert broker.job(job).state is JobState.FINISHED
        assert broker.clouds[THIRD].there == broker.clouds[AZURE].there == {}


def test_the_new_command_starts_only_when_the_old_one_has_stopped() -> None:
    with spilled() as (broker, job):
        old = broker.machine(job)
        reclaim(broker, job)
        broker.wait(NOTICE_S)
        assert broker.report(old, RunState.RUNNING).do is Command.STOP
        broker.wait(GRACE.total_seconds() - 1)
        assert broker.states(job) == ["migrating"]
        assert broker.report(old, RunState.ENDED, 143).do is Command.END
        broker.settle()
        assert broker.states(job) == ["active"]
        assert broker.job(job).state is JobState.RUNNING
        (ended,) = broker.facts("LeaseEnded")
        assert (ended.data["cause"], ended.data["exit_code"]) == ("migrated", None)


def test_a_command_that_will_not_stop_is_ended_after_its_grace() -> None:
    with spilled() as (broker, job):
        reclaim(broker, job)
        broker.wait(NOTICE_S)
        broker.wait(GRACE.total_seconds())
        assert broker.states(job) == ["active"]
        assert broker.clouds[THIRD].there == {}


def test_a_replacement_that_comes_to_nothing_leaves_the_unit_where_it_is() -> None:
    with spilled() as (broker, job):
        old = broker.machine(job)
        reclaim(broker, job)
        broker.clouds[AZURE].stock[EAST] = 0
        broker.wait(NOTICE_S + 60)
        (aborted,) = broker.facts("MigrationAborted")
        assert aborted.data["why"] == "no_capacity"
        assert not broker.facts("LeaseFenced")
        assert broker.states(job) == ["active"]
        assert broker.machine(job).name == old.name
        broker.exit(job)
        assert broker.job(job).state is JobState.FINISHED


def test_a_replacement_lost_while_the_old_command_stops_sends_the_unit_back() -> None:
    with spilled() as (broker, job):
        reclaim(broker, job)
        broker.wait(NOTICE_S)
        (new,) = broker.clouds[AZURE].there
        broker.clouds[AZURE].lose(new)
        broker.clock.at += GRACE * 1.1
        broker.reconcile()
        broker.wait(60)
        assert broker.states(job) == ["offered"]


@pytest.mark.parametrize("after", [NOTICE_S - 1, NOTICE_S + 1, NOTICE_S + 100])
def test_a_job_cancelled_in_the_midst_leaves_nothing(after: int) -> None:
    with spilled() as (broker, job):
        broker.clouds[AZURE].takes_s = 50
        reclaim(broker, job)
        broker.wait(after)
        broker.cancel(job)
        broker.wait(200)
        assert broker.clouds[THIRD].there == broker.clouds[AZURE].there == {}
        assert not any(unit.heir for unit in broker.job(job).units)


@pytest.mark.parametrize("after", [NOTICE_S - 1, NOTICE_S + 1])
def test_a_job_that_finishes_in_the_midst_is_finished(after: int) -> None:
    with spilled(work(checkpointable=True, units=2)) as (broker, job):
        broker.clouds[AZURE].takes_s = 50
        reclaim(broker, job)
        broker.wait(after)
        broker.exit(job, 0)
        broker.wait(100)
        assert broker.states(job)[0] == "done"
        broker.exit(job, 1)
        assert broker.job(job).state is JobState.FINISHED
        broker.wait(200)
        assert broker.clouds[THIRD].there == broker.clouds[AZURE].there == {}


def test_a_unit_whose_machine_breaks_in_the_midst_starts_on_the_replacement() -> None:
    with spilled() as (broker, job):
        broker.clouds[AZURE].takes_s = 50
        old = broker.machine(job)
        reclaim(broker, job)
        broker.wait(NOTICE_S + 1)
        broker.clouds[THIRD].lose(old.name)
        broker.reconcile()
        assert broker.states(job) == ["committed"]
        broker.wait(60)
        assert (broker.states(job), broker.where(job)) == (["active"], [EAST])
        assert broker.job(job).units[0].epoch == 2
        assert not broker.facts("LeaseFenced")


def test_a_unit_whose_machine_breaks_within_the_notice_is_offered_anew() -> None:
    with spilled() as (broker, job):
        old = broker.machine(job)
        reclaim(broker, job)
        broker.clouds[THIRD].lose(old.name)
        broker.reconcile()
        broker.wait(5)
        assert broker.states(job) == ["offered"]


@pytest.mark.parametrize(
    ("why", "asked", "agreement"),
    [
        (NotReclaimed.NOT_CHECKPOINTABLE, work(), None),
        (NotReclaimed.GANG, a_gang(2, checkpointable=True), None),
        (NotReclaimed.NO_CLAUSE, CAN_STOP, an_agreement(reclaim="reclaim: none", lease="")),
    ],
)
def test_without_leave_nothing_is_taken_back(
    why: NotReclaimed, asked: Workload, agreement: Agreement | None
) -> None:
    with spilled(asked, agreement) as (broker, job):
        assert reclaim(broker, job).refused is why
        (told,) = broker.facts("ReclaimRefused")
        assert told.data["why"] == why
        broker.wait(NOTICE_S + 60)
        assert broker.active(job)
        assert not broker.facts("ReclaimAsked", "MigrationBegun")


def test_what_cannot_be_asked_back_is_refused_by_name() -> None:
    with spilled(work(checkpointable=True, units=2)) as (broker, job):
        assert reclaim(broker, job, unit=7).refused is NotReclaimed.NO_SUCH_UNIT
        assert reclaim(broker, job).refused is None
        assert reclaim(broker, job, hold="other").refused is NotReclaimed.UNDER_WAY
        assert reclaim(broker, job, unit=1).refused is NotReclaimed.HOLD_TAKEN
        nowhere = Replacement(hold="far", region="nowhere", sku="nd", by="clerk")
        said = ask_back(job, 1, nowhere, broker.store, broker.rules)
        assert said.refused is NotReclaimed.NO_SUCH_PLACE
        broker.cancel(job)
        assert reclaim(broker, job, unit=1).refused is NotReclaimed.NOT_LEASED


def test_what_the_holder_itself_delivered_is_not_asked_back() -> None:
    agreement = an_agreement(lease="")
    with a_broker({EAST: 2, AWS: 1}, agreement=agreement) as broker:
        (job,) = broker.placed(CAN_STOP)
        assert broker.where(job) == [EAST]
        assert reclaim(broker, job).refused is NotReclaimed.NOT_RELEASED


def granted(broker: Broker, party: str, role: Role, secret: str) -> KeyId:
    grant = Grant(party=party, role=role, by="admin")
    return grant_key(grant, secret, broker.store, broker.rules, broker.ids).id


def test_from_the_desks_first_key_on_asking_back_needs_one() -> None:
    with spilled() as (broker, job):
        granted(broker, "azure", Role.DESK, "good")
        gone = granted(broker, "azure", Role.DESK, "gone")
        revoke_key(gone, "admin", "left", broker.store)
        granted(broker, "operator", Role.GRANTOR, "foreign")
        assert reclaim(broker, job).refused is NotReclaimed.UNAUTHORISED
        for secret in ("gone", "foreign", "made up"):
            assert reclaim(broker, job, shown=secret).refused is NotReclaimed.FORBIDDEN
        assert [f.data["why"] for f in broker.facts("ReclaimRefused")] == ["unauthorised"] * 4
        assert not broker.facts("ReclaimAsked")
        assert reclaim(broker, job, shown="good").refused is None


def test_a_holder_in_conflict_with_the_tenant_gets_nothing_back() -> None:
    with spilled() as (broker, job):
        Recorder(broker).must(a_conflict("azure"), by="operator")
        assert reclaim(broker, job).refused is NotReclaimed.CONFLICT
        broker.wait(NOTICE_S + 60)
        assert not broker.facts("ReclaimAsked", "HolderCommitted")
