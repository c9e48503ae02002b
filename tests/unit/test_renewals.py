"""A lease elsewhere that ends soon: the holder is asked again, and the unit runs on (T27)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.job import JobState
from broker.domain.machine import RunState
from broker.domain.succession import GRACE
from broker.domain.values import ProviderName, usd
from broker.steps.record import record_prices
from broker.steps.run import Command
from broker.store.rows import (
    commitment_from,
    commitment_row,
    job_from,
    job_row,
    offer_from,
    offer_row,
)
from tests.support.broker import AWS, EAST, a_broker, work
from tests.support.leases import (
    RENEW_BEFORE_S,
    TERM_S,
    a_spilled_job,
    an_agreement,
    refuse,
    to_the_renewal,
)

AZURE = ProviderName.AZURE


def test_a_refused_renewal_goes_on_where_it_is_in_its_epoch() -> None:
    with a_spilled_job() as (broker, job):
        machine = broker.machine(job)
        to_the_renewal(broker, job)
        refuse(broker, job)
        (renewed,) = broker.facts("LeaseRenewed")
        assert renewed.data["lease"] == machine.lease
        assert broker.machine(job).name == machine.name
        assert broker.machine(job).commitment == renewed.data["commitment"]
        unit = broker.job(job).units[0]
        assert (unit.epoch, unit.heir, unit.state) == (1, None, "active")
        assert unit.term is not None
        assert unit.term.until - broker.clock.at > timedelta(seconds=TERM_S)
        to_the_renewal(broker, job)
        refuse(broker, job)
        broker.exit(job)
        assert broker.job(job).state is JobState.FINISHED
        assert len(broker.facts("LeaseActivated")) == len(broker.facts("LeaseEnded")) == 1


def test_a_renewal_that_lapses_goes_on_where_it_is() -> None:
    with a_spilled_job(2) as (broker, job):
        to_the_renewal(broker, job)
        broker.wait(3600)
        assert broker.facts("OfferLapsed", offer=broker.offer(job).id)
        assert len(broker.facts("LeaseRenewed")) == 2
        assert {c.data["basis"] for c in broker.facts("ThirdPartyCommitted")} == {
            "refusal",
            "lapse",
        }


def test_an_accepted_renewal_moves_to_the_holder_and_fences_the_old_lease_first() -> None:
    with a_spilled_job() as (broker, job):
        old = broker.machine(job)
        to_the_renewal(broker, job)
        broker.answer(job, holds=[(EAST, 1)])
        assert broker.states(job) == ["migrating"]
        broker.settle()
        (fenced,) = broker.facts("LeaseFenced")
        assert fenced.data["lease"] == old.lease
        assert broker.report(old, RunState.RUNNING).do is Command.STOP
        assert len(broker.facts("LeaseActivated")) == 1
        assert broker.report(old, RunState.ENDED, 0).do is Command.END
        broker.settle()
        assert broker.where(job) == [EAST]
        assert broker.job(job).units[0].epoch == 2
        assert broker.clouds[ProviderName.AWS].there == {}
        assert broker.job(job).state is JobState.RUNNING
        work_now = broker.report(broker.machine(job), RunState.IDLE).work
        assert work_now is not None
        assert work_now.env["BROKER_ATTEMPT"] == "2"
        broker.exit(job)
        assert broker.job(job).state is JobState.FINISHED
        started = [f.data["epoch"] for f in broker.facts("UnitStarted")]
        assert started == [1, 2]


def test_a_holder_that_accepts_a_renewal_and_does_not_deliver_loses_it_to_who_has_it() -> None:
    with a_spilled_job() as (broker, job):
        old = broker.machine(job)
        to_the_renewal(broker, job)
        broker.clouds[AZURE].stock[EAST] = 0
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(9000)
        assert broker.facts("HolderDefaulted", "MigrationAborted")
        assert not broker.facts("LeaseFenced")
        (renewed,) = broker.facts("LeaseRenewed")
        assert renewed.data["lease"] == old.lease
        assert broker.machine(job).name == old.name
        assert broker.states(job) == ["active"]
        assert broker.clouds[AZURE].there == {}


def test_a_renewal_accepted_in_part_is_renewed_for_the_rest() -> None:
    with a_spilled_job(2) as (broker, job):
        to_the_renewal(broker, job)
        broker.answer(job, holds=[(EAST, 1)], units=1)
        broker.settle()
        assert sorted(broker.states(job)) == ["active", "migrating"]
        broker.wait(60)
        assert broker.where(job) == [EAST, AWS]
        assert [unit.epoch for unit in broker.job(job).units] == [2, 1]
        broker.exit(job, 0)
        broker.exit(job, 1)
        assert broker.job(job).state is JobState.FINISHED


def test_a_gang_is_renewed_and_moved_whole() -> None:
    with a_spilled_job(2, gang=True) as (broker, job):
        to_the_renewal(broker, job)
        broker.answer(job, holds=[(EAST, 2)])
        broker.settle()
        first = min(broker.facts("LeaseFenced"), key=lambda fact: fact.position)
        assert len(broker.facts("LeaseFenced")) == len(broker.facts("LeaseActivated")) == 2
        assert first.data["unit"] == 0
        broker.wait(60)
        assert broker.where(job) == [EAST, EAST]
        for unit in range(2):
            given = broker.report(broker.machine(job, unit), RunState.IDLE)
            assert given.do in (Command.RUN, Command.WAIT)
        given = broker.report(broker.machine(job, 1), RunState.IDLE)
        assert given.work is not None
        assert given.work.env["WORLD_SIZE"] == "2"
        broker.exit(job, 0)
        broker.exit(job, 1)
        assert broker.job(job).state is JobState.FINISHED


def test_a_gang_that_loses_a_machine_while_it_moves_starts_where_it_is_moved_to() -> None:
    with a_spilled_job(2, gang=True) as (broker, job):
        to_the_renewal(broker, job)
        broker.clouds[AZURE].takes_s = 100
        broker.answer(job, holds=[(EAST, 2)])
        broker.settle()
        broker.clouds[ProviderName.AWS].lose(broker.machine(job, 1).name)
        broker.reconcile()
        assert broker.states(job) == ["accepted", "accepted"]
        broker.wait(400)
        assert broker.where(job) == [EAST, EAST]
        assert [unit.epoch for unit in broker.job(job).units] == [2, 2]


def test_a_machine_lost_while_the_holder_considers_takes_the_renewal_with_it() -> None:
    with a_spilled_job() as (broker, job):
        to_the_renewal(broker, job)
        asked = broker.offer(job)
        broker.clouds[ProviderName.AWS].lose(broker.machine(job).name)
        broker.reconcile()
        assert broker.facts("OfferWithdrawn", offer=asked.id)
        assert broker.states(job) == ["offered"]
        assert broker.offer(job).scope == "new"
        refuse(broker, job)
        broker.wait(60)
        assert (broker.states(job), broker.job(job).units[0].epoch) == (["active"], 2)


def test_a_machine_lost_after_the_holder_accepted_is_followed_by_the_holders() -> None:
    with a_spilled_job() as (broker, job):
        to_the_renewal(broker, job)
        broker.clouds[AZURE].takes_s = 100
        broker.answer(job, holds=[(EAST, 1)])
        broker.settle()
        broker.clouds[ProviderName.AWS].lose(broker.machine(job).name)
        broker.reconcile()
        assert broker.states(job) == ["accepted"]
        broker.wait(200)
        assert broker.where(job) == [EAST]
        assert not broker.facts("LeaseFenced")


@pytest.mark.parametrize("answered", [False, True])
def test_a_job_cancelled_while_its_renewal_is_sought_leaves_nothing(*, answered: bool) -> None:
    with a_spilled_job(2) as (broker, job):
        to_the_renewal(broker, job)
        broker.clouds[AZURE].takes_s = 100
        if answered:
            broker.answer(job, holds=[(EAST, 2)])
            broker.wait(10)
            assert broker.states(job) == ["migrating", "migrating"]
        broker.cancel(job)
        broker.wait(300)
        assert broker.clouds[ProviderName.AWS].there == broker.clouds[AZURE].there == {}
        assert broker.states(job) == ["done", "done"]


@pytest.mark.parametrize("answered", [False, True])
def test_a_unit_that_finishes_while_its_renewal_is_sought_needs_none(*, answered: bool) -> None:
    with a_spilled_job(2) as (broker, job):
        to_the_renewal(broker, job)
        broker.clouds[AZURE].takes_s = 100
        if answered:
            broker.answer(job, holds=[(EAST, 2)])
            broker.settle()
        broker.exit(job, 0)
        broker.wait(10)
        assert broker.states(job)[0] == "done"
        if not answered:
            assert broker.offer(job).units == (1,)
            refuse(broker, job)
        broker.wait(20_000)
        assert broker.states(job)[1] == "active"
        assert not broker.facts("HolderDefaulted")
        broker.exit(job, 1)
        assert broker.job(job).state is JobState.FINISHED
        broker.wait(300)
        assert broker.clouds[ProviderName.AWS].there == broker.clouds[AZURE].there == {}


def test_a_unit_that_has_finished_is_not_renewed_while_its_machine_ends() -> None:
    with a_spilled_job(2) as (broker, job):
        broker.clouds[ProviderName.AWS].keeps_s = 3600
        to_the_renewal(broker, job)
        broker.exit(job, 0)
        assert broker.offer(job).units == (1,)


def test_a_lease_that_nothing_renews_ends_with_its_term() -> None:
    with a_spilled_job() as (broker, job):
        old = broker.machine(job)
        dear = [replace(pool, price_usd_hour=usd("9")) for pool in broker.rules.pools]
        to_the_renewal(broker, job)
        cheap = broker.offer(job)
        rules = replace(broker.rules, pools=tuple(dear), memo={}, fitting={})
        broker.rules = rules
        record_prices(broker.store, rules.pools)
        assert cheap.terms.price_usd_hour is not None
        refuse(broker, job)
        broker.wait(RENEW_BEFORE_S - 600)
        assert not broker.facts("LeaseRenewed")
        broker.wait(600)
        assert broker.facts("LeaseFenced")[-1].data["lease"] == old.lease
        assert broker.report(old, RunState.RUNNING).do is Command.STOP
        broker.wait(GRACE.total_seconds())
        (ended,) = broker.facts("LeaseEnded")
        assert ended.data["cause"] == "expired"
        assert broker.states(job) == ["offered"]
        assert broker.offer(job).scope == "new"
        assert broker.job(job).losses == 0


def test_where_no_clause_has_a_term_nobody_is_asked_again() -> None:
    agreement = an_agreement(lease="")
    with a_broker({EAST: 0, AWS: 1}, agreement=agreement) as broker:
        (job,) = broker.placed(work())
        broker.wait(60)
        assert broker.where(job) == [AWS]
        broker.wait(30 * TERM_S)
        assert not broker.facts("RenewalDue")
        assert len(broker.facts("OfferIssued")) == 1


def test_the_automatic_desk_takes_a_renewal_where_its_cloud_has_room() -> None:
    with a_broker({EAST: 0, AWS: 1}, agreement=an_agreement()) as broker:
        (job,) = broker.placed(work())
        broker.wait(60)
        assert broker.where(job) == [AWS]
        broker.clouds[AZURE].stock[EAST] = 1
        broker.wait(TERM_S)
        assert broker.where(job) == [EAST]
        assert broker.job(job).units[0].epoch == 2
        assert broker.clouds[ProviderName.AWS].there == {}


def test_the_automatic_desk_without_room_refuses_and_the_lease_goes_on() -> None:
    with a_broker({EAST: 0, AWS: 1}, agreement=an_agreement()) as broker:
        (job,) = broker.placed(work())
        broker.wait(3 * TERM_S)
        assert broker.where(job) == [AWS]
        assert len(broker.facts("LeaseRenewed")) == 3
        assert broker.job(job).units[0].epoch == 1


def test_what_follows_a_lease_is_kept_in_the_rows() -> None:
    with a_spilled_job() as (broker, job):
        to_the_renewal(broker, job)
        known = broker.job(job)
        assert known.units[0].heir is not None
        assert job_from(job_row(known)["doc"]) == known
        (made,) = broker.store.commitments[job].values()
        assert made.under is not None
        assert commitment_from(commitment_row(made)["doc"]) == made
        offer = broker.offer(job)
        assert offer_from(offer_row(offer)["doc"]) == offer
