"""From a machine that is there to a job that has ended (design 3.5, T16, T18, T22, T23)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.job import JobState
from broker.domain.lease import SIBLINGS_GRACE_S
from broker.domain.machine import RunState
from broker.domain.offer import Desk
from broker.domain.values import ProviderName
from broker.steps.run import Command
from broker.steps.sweep import SILENT_FOR, sweep
from tests.support.broker import AWS, EAST, GCP, WEST, Broker, a_broker, a_gang, work

AZURE = ProviderName.AZURE


def lose(broker: Broker, job: str, unit: int = 0) -> None:
    """The machine under a unit breaks down, and the broker finds out by comparing."""
    machine = broker.machine(job, unit)  # type: ignore[arg-type]
    broker.clouds[machine.place.provider].lose(machine.name)
    broker.wait(31)
    broker.reconcile()


def test_a_job_finishes_when_every_unit_ended_with_zero() -> None:
    with a_broker({EAST: 2}) as broker:
        (job,) = broker.placed(work(units=2))
        broker.exit(job, 0)
        assert broker.job(job).state is JobState.RUNNING
        broker.exit(job, 1)
        assert broker.job(job).state is JobState.FINISHED
        assert broker.states(job) == ["done", "done"]
        assert broker.clouds[AZURE].there == {}


def test_one_failure_fails_the_job_and_stops_its_siblings() -> None:
    with a_broker({EAST: 3}) as broker:
        (job,) = broker.placed(work(units=3))
        sibling = broker.machine(job, 1)
        broker.report(sibling, RunState.RUNNING)
        broker.exit(job, 0, code=3)
        failed = broker.job(job)
        assert (failed.state, failed.exit_code) == (JobState.FAILED, 3)
        assert broker.report(sibling, RunState.RUNNING).do is Command.STOP
        broker.wait(SIBLINGS_GRACE_S - 1)
        assert list(broker.clouds[AZURE].there) == [sibling.name]
        broker.wait(1)
        assert broker.clouds[AZURE].there == {}
        ended = broker.facts("LeaseEnded")
        assert {fact.data["cause"] for fact in ended} == {"failed"}


@pytest.mark.parametrize(
    ("timed_out", "reason"),
    [
        (True, "the time limit of 60 s was over on unit 0"),
        (False, "unit 0 exited with 124"),
    ],
)
def test_a_job_over_its_time_says_so_and_one_that_returns_124_does_not(
    *, timed_out: bool, reason: str
) -> None:
    with a_broker({EAST: 1}) as broker:
        (job,) = broker.placed(work(timeout_s=60))
        broker.exit(job, code=124, timed_out=timed_out)
        failed = broker.job(job)
        assert (failed.state, failed.exit_code, failed.reason) == (JobState.FAILED, 124, reason)
        (told,) = broker.facts("JobFailed")
        assert (told.data["reason"], told.data["exit_code"]) == (reason, 124)


def test_an_acceptance_is_fulfilled_although_a_unit_has_ended_before_the_last_came() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=2))
        broker.answer(job, holds=[(EAST, 2)])
        broker.wait(5)
        first = broker.states(job).index("active")
        broker.exit(job, first)
        broker.wait(1000)
        assert broker.states(job)[1 - first] == "active"
        assert broker.offer(job).state == "fulfilled"
        broker.wait(9000)
        assert not broker.facts("HolderDefaulted")


def test_a_second_offer_does_not_answer_for_the_first() -> None:
    with a_broker({EAST: 1, WEST: 0, AWS: 9}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=2))
        broker.answer(job, holds=[(EAST, 2)])
        broker.wait(8000)
        unit = broker.states(job).index("active")
        broker.clouds[EAST.provider].stock[EAST] = -1  # the machine that breaks leaves no room
        lose(broker, job, unit)
        broker.answer(job, holds=[(WEST, 1)])
        broker.wait(200)
        (default,) = broker.facts("HolderDefaulted")
        assert default.data["units"] == [1 - unit]
        assert broker.states(job)[unit] == "accepted"


def test_a_gang_asked_for_again_goes_live_before_the_old_machines_are_ended() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        azure = broker.clouds[AZURE]
        azure.keeps_s = 3000
        (job,) = broker.placed(a_gang(2))
        broker.answer(job, holds=[(EAST, 2)])
        broker.wait(5)
        azure.stock[EAST] = 9
        broker.wait(1000)
        assert broker.active(job)
        running = {m.name for m in broker.store.live[job].values() if m.lease is not None}
        assert running <= azure.there.keys()


def test_a_tenant_may_cancel_what_was_accepted_and_not_delivered() -> None:
    with a_broker({EAST: 1, AWS: 9}, desk=Desk.PERSON) as broker:
        broker.clouds[AZURE].takes_s = 100
        (job,) = broker.placed(work())
        broker.answer(job, holds=[(EAST, 1)])
        broker.settle()
        assert broker.states(job) == ["accepted"]
        broker.cancel(job)
        broker.wait(9000)
        assert broker.states(job) == ["cancelled"]
        assert broker.clouds[AZURE].there == {}
        assert not broker.facts("UnitsReleased", "HolderDefaulted")


def test_a_running_job_that_is_cancelled_leaves_no_machine() -> None:
    with a_broker({EAST: 0, AWS: 2}) as broker:
        (job,) = broker.placed(work(units=2))
        broker.wait(5)
        broker.report(broker.machine(job), RunState.RUNNING)
        broker.cancel(job)
        broker.wait(5)
        assert broker.clouds[ProviderName.AWS].there == {}
        assert {f.data["cause"] for f in broker.facts("LeaseEnded")} == {"cancelled"}


def test_a_third_partys_gang_is_live_only_when_it_is_whole() -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 2}) as broker:
        (job,) = broker.placed(a_gang(2))
        broker.wait(10)
        assert broker.where(job) == [GCP, GCP]
        assert broker.clouds[ProviderName.AWS].there == {}
        activated = broker.facts("LeaseActivated")
        assert {fact.data["provider"] for fact in activated} == {"gcp"}


def test_a_lost_unit_goes_back_and_comes_up_again_with_the_next_epoch() -> None:
    with a_broker({EAST: 3}) as broker:
        (job,) = broker.placed(work(units=2))
        lose(broker, job, 1)
        assert broker.active(job)
        assert [unit.epoch for unit in broker.job(job).units] == [1, 2]
        assert len(broker.facts("OfferIssued")) == 2
        assert broker.facts("LeaseEnded")[0].data["cause"] == "lost"


def test_a_gang_that_loses_one_goes_back_whole() -> None:
    with a_broker({EAST: 3}) as broker:
        (job,) = broker.placed(a_gang(3))
        for unit in range(3):
            broker.report(broker.machine(job, unit), RunState.RUNNING)
        lose(broker, job, 1)
        broker.wait(10)
        assert broker.active(job)
        assert [unit.epoch for unit in broker.job(job).units] == [2, 2, 2]
        assert broker.where(job) == [EAST] * 3
        causes = [fact.data["cause"] for fact in broker.facts("LeaseEnded")]
        assert sorted(causes) == ["lost", "regrouped", "regrouped"]


def test_what_a_regrouped_command_ends_with_is_no_matter() -> None:
    with a_broker({EAST: 3}) as broker:
        broker.clouds[AZURE].keeps_s = 20
        (job,) = broker.placed(a_gang(2))
        sibling = broker.machine(job, 0)
        broker.report(sibling, RunState.RUNNING)
        lose(broker, job, 1)
        broker.report(sibling, RunState.ENDED, 1)
        broker.wait(60)
        assert broker.job(job).state is JobState.RUNNING
        assert broker.active(job)
        broker.exit(job, 0)
        assert broker.job(job).state is JobState.RUNNING
        broker.exit(job, 1)
        assert broker.job(job).state is JobState.FINISHED


def test_a_gang_that_cannot_be_whole_again_fails() -> None:
    with a_broker({EAST: 3}) as broker:
        (job,) = broker.placed(a_gang(2))
        broker.report(broker.machine(job, 1), RunState.RUNNING)
        broker.exit(job, 0)
        lose(broker, job, 1)
        broker.wait(10)
        assert broker.job(job).state is JobState.FAILED
        assert "had finished" in broker.job(job).reason


def test_too_many_losses_fail_the_job() -> None:
    with a_broker({EAST: 9}) as broker:
        (job,) = broker.placed(work())
        for _ in range(3):
            lose(broker, job)
            assert broker.active(job)
        lose(broker, job)
        assert broker.job(job).state is JobState.FAILED
        assert "lost 4 machines" in broker.job(job).reason


def test_a_gang_member_lost_before_the_gang_is_whole_is_no_surprise() -> None:
    with a_broker({EAST: 0, AWS: 3, GCP: 3}) as broker:
        aws = broker.clouds[ProviderName.AWS]
        broker.placed(work())
        broker.wait(5)
        (job,) = broker.submit(a_gang(2))
        slow: list[str] = []

        def second_is_slow(_: object) -> None:
            slow.append("asked")
            aws.takes_s = 300 if len(slow) > 1 else 0

        aws.before_launch = second_is_slow
        broker.wait(60)
        assert broker.states(job) == ["committed", "committed"]
        (early,) = [m for m in broker.store.live[job].values() if m.name in aws.there]
        aws.lose(early.name)
        aws.takes_s, aws.before_launch = 0, lambda _: None
        broker.reconcile()
        broker.wait(600)
        assert broker.active(job)
        assert len({place.provider for place in broker.where(job)}) == 1


def test_a_silent_agent_loses_its_machine() -> None:
    with a_broker({EAST: 2}) as broker:
        (job,) = broker.placed(work())
        broker.report(broker.machine(job), RunState.RUNNING)
        broker.wait(SILENT_FOR.total_seconds())
        assert sweep(broker.store) == 0
        broker.wait(1)
        assert sweep(broker.store) == 1
        broker.settle()
        assert broker.active(job)
        assert broker.job(job).units[0].epoch == 2
        assert len(broker.clouds[AZURE].there) == 1


def test_a_machine_that_nobody_knows_is_ended() -> None:
    with a_broker({EAST: 1}) as broker:
        azure = broker.clouds[AZURE]
        (job,) = broker.placed(work())
        broker.store.live[job].clear()
        assert broker.reconcile() == 1
        assert azure.there == {}
        (found,), (ended,) = broker.facts("OrphanFound"), broker.facts("OrphanEnded")
        assert found.data["known"] is True
        assert ended.data["machine"] == found.data["machine"]


def test_a_machine_that_nobody_here_ever_heard_of_has_a_grace_and_is_told_once() -> None:
    with a_broker({EAST: 1}) as broker:
        broker.rules = replace(broker.rules, orphan_grace=timedelta(minutes=10))
        azure = broker.clouds[AZURE]
        (job,) = broker.placed(work())
        (name,) = broker.store.live[job]
        broker.store.live[job].clear()
        del broker.store.all_machines[name]
        assert broker.reconcile() == 0
        broker.wait(599)
        assert broker.reconcile() == 0
        assert list(azure.there) == [name]
        broker.wait(1)
        assert broker.reconcile() == 1
        assert azure.there == {}
        assert [fact.data["known"] for fact in broker.facts("OrphanFound")] == [False]
        assert len(broker.facts("OrphanEnded")) == 1


def test_an_orphan_that_its_cloud_does_not_end_yet_is_not_said_to_be_gone() -> None:
    with a_broker({EAST: 1}) as broker:
        azure = broker.clouds[AZURE]
        (job,) = broker.placed(work())
        broker.store.live[job].clear()
        azure.keeps_s = 60
        assert broker.reconcile() == 1
        assert not broker.facts("OrphanEnded")
        broker.wait(60)
        assert broker.reconcile() == 1
        assert len(broker.facts("OrphanFound")) == len(broker.facts("OrphanEnded")) == 1
