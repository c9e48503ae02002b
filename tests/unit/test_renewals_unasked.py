"""Renewals that nobody is asked about, what they are billed at, and what accounts say of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from broker.domain.accounts.meters import Meters
from broker.domain.accounts.scorecards import Scorecards
from broker.domain.accounts.shortage import Cause
from broker.domain.accounts.waits import Waits
from broker.domain.clause import Match
from broker.domain.draw import cost
from broker.domain.machine import RunState
from broker.domain.offer import Desk
from broker.domain.right import Trigger
from broker.domain.succession import GRACE
from broker.domain.values import JobId, ProviderName, instant, usd
from broker.domain.workload import Scope, WorkClass
from tests.support.broker import AWS, EAST, GCP, NOON, Broker, a_broker, work
from tests.support.leases import (
    RENEW_BEFORE_S,
    TERM_S,
    a_spilled_job,
    an_agreement,
    at_prices,
    refuse,
    to_the_renewal,
    until_it_is_due,
)
from tests.support.records import DAY, Recorder, a_conflict, a_waiver, an_acceptance

LATE = NOON + 9 * DAY
RENEWALS = Match(
    classes=frozenset({WorkClass.BATCH_INFERENCE}), capacity=frozenset({Scope.RENEWAL})
)
RIVALS = 'in_favour_of: operator\n    match: {class: ["*"], pool: [aws]}'
SMALL = ("de_minimis: null", "de_minimis: {units: 2, per_tenant_window: P1D, cap_units: 2}")


def renewed_on(broker: Broker) -> list[tuple[str, list[str]]]:
    """The basis of each renewal, and what it cites."""
    made = {f.data["commitment"]: f.data for f in broker.facts("ThirdPartyCommitted")}
    renewals = (made[f.data["commitment"]] for f in broker.facts("LeaseRenewed"))
    return [(said["basis"], said["cites"]) for said in renewals]


# -- what they draw on


def test_a_waived_renewal_goes_on_unasked_and_draws_the_waiver_down_each_time() -> None:
    with a_spilled_job(2) as (broker, job):
        Recorder(broker).must(a_waiver(3, match=RENEWALS, ends=LATE))
        until_it_is_due(broker, job)
        assert renewed_on(broker) == [("waiver", ["w1"])] * 2
        assert len(broker.facts("OfferIssued")) == 1, "the holder was asked about new capacity only"
        assert broker.where(job) == [AWS, AWS]
        to_the_renewal(broker, job)
        assert renewed_on(broker) == [("waiver", ["w1"])] * 3, "one unit was left"
        assert broker.offer(job).units == (1,)


def test_a_gang_is_renewed_under_a_waiver_whole_or_not_at_all() -> None:
    with a_spilled_job(2, gang=True) as (broker, job):
        Recorder(broker).must(a_waiver(1, match=RENEWALS, ends=LATE))
        to_the_renewal(broker, job)
        assert broker.offer(job).units == (0, 1)


def test_a_waiver_of_new_capacity_renews_nothing() -> None:
    new = replace(RENEWALS, capacity=frozenset({Scope.NEW}))
    with a_spilled_job() as (broker, job):
        Recorder(broker).must(a_waiver(9, match=new, ends=LATE))
        to_the_renewal(broker, job)


def test_a_waiver_for_one_cloud_renews_what_runs_there_and_the_rest_is_offered() -> None:
    agreement = an_agreement()
    with a_broker({EAST: 0, AWS: 1, GCP: 9}, agreement=agreement, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=2))
        refuse(broker, job)
        broker.wait(60)
        assert broker.where(job) == [AWS, GCP]
        pools = frozenset({"gcp"})
        Recorder(broker).must(a_waiver(9, match=replace(RENEWALS, pools=pools), ends=LATE))
        to_the_renewal(broker, job)
        assert [f.data["unit"] for f in broker.facts("LeaseRenewed")] == [1]
        assert broker.offer(job).units == (0,)


def test_a_small_jobs_renewal_is_not_offered_while_its_cap_lasts() -> None:
    with a_broker({EAST: 0, AWS: 9}, agreement=an_agreement(SMALL), desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work())
        broker.wait(60)
        until_it_is_due(broker, job)
        assert renewed_on(broker) == [("de_minimis", ["clause:compute-rofr"])]
        broker.placed(work(), work())
        assert broker.where(job) == [AWS]
        assert len(broker.facts("OfferIssued")) == 2, "what it drew is gone for the tenant's others"


def test_a_standing_acceptance_moves_a_renewal_to_the_holder_at_once() -> None:
    with a_spilled_job(2) as (broker, job):
        until = broker.job(job).units[0].term
        assert until is not None
        broker.until(until.renew_at - timedelta(minutes=5))
        begins = broker.clock.at
        Recorder(broker).must(
            an_acceptance(1, match=RENEWALS, given_at=begins, begins=begins, ends=LATE)
        )
        until_it_is_due(broker, job)
        (taken,) = broker.facts("OfferAccepted")
        assert (taken.data["standing"], taken.data["units"]) == ("s1", [0])
        assert broker.states(job) == ["migrating", "active"]
        assert (broker.offer(job).scope, broker.offer(job).units) == ("renewal", (1,))
        broker.wait(GRACE.total_seconds() + 60)
        assert broker.where(job) == [EAST, AWS]


def test_a_renewal_that_has_become_too_dear_is_not_waived_but_offered() -> None:
    with a_spilled_job() as (broker, job):
        Recorder(broker).must(a_waiver(9, match=RENEWALS, ends=LATE))
        limits = replace(broker.job(job).workload.limits, max_price_usd_hour=usd("3.00"))
        workload = replace(broker.job(job).workload, limits=limits)
        broker.store.jobs[job] = replace(broker.job(job), workload=workload)
        at_prices(broker, aws="3.01")
        to_the_renewal(broker, job)


def test_where_a_quote_is_the_trigger_a_renewal_is_noticed_at_what_its_place_asks() -> None:
    asked = ("trigger: need", f"trigger: {Trigger.THIRD_PARTY_QUOTE}")
    with a_spilled_job(agreement=an_agreement(asked)) as (broker, job):
        at_prices(broker, aws="2.70")
        to_the_renewal(broker, job)
        quote = broker.facts("QuoteReceived")[-1].data
        assert (quote["provider"], quote["terms"]["price_usd_hour"]) == ("aws", "2.7")
        assert broker.offer(job).terms.price_usd_hour == usd("2.70")
        refuse(broker, job)
        assert len(broker.facts("LeaseRenewed")) == 1


def test_a_holder_in_conflict_with_the_tenant_hears_of_a_waived_renewal_nothing() -> None:
    with a_spilled_job() as (broker, job):
        Recorder(broker).must(a_waiver(9, match=RENEWALS, ends=LATE))
        Recorder(broker).must(a_conflict("azure", begins=broker.clock.at), by="openai")
        until_it_is_due(broker, job)
        assert renewed_on(broker) == [("waiver", ["w1"])]


# -- what they are billed at


def test_a_renewed_lease_is_billed_in_parts_each_at_the_price_of_its_commitment() -> None:
    with a_spilled_job() as (broker, job):
        begun = broker.machine(job).leased_at
        at_prices(broker, aws="2.95")
        to_the_renewal(broker, job)
        broker.wait(30)
        refuse(broker, job)
        renewed = broker.clock.at
        broker.wait(7200)
        broker.exit(job)
        first, last = (fact.data for fact in broker.facts("LeaseBilled"))
        assert begun is not None
        spent = (renewed - begun) // timedelta(microseconds=1)
        assert Decimal(first["usd"]) == cost(usd("2.50"), spent)
        assert Decimal(last["usd"]) == cost(usd("2.95"), 7_200_000_000)
        assert Decimal(first["seconds"]) + Decimal(last["seconds"]) == Decimal(
            (broker.clock.at - begun).total_seconds()
        )
        assert [first["goes_on"], last["goes_on"]] == [True, False]
        made = [fact.data["commitment"] for fact in broker.facts("ThirdPartyCommitted")]
        assert [first["commitment"], last["commitment"]] == made
        assert first["lease"] == last["lease"]


def test_a_lease_is_billed_at_each_of_its_renewals() -> None:
    with a_spilled_job() as (broker, job):
        Recorder(broker).must(a_waiver(9, match=RENEWALS, ends=LATE))
        broker.wait(3 * TERM_S)
        broker.exit(job)
        bills = broker.facts("LeaseBilled")
        assert [bill.data["goes_on"] for bill in bills] == [True, True, True, False]
        spent = sum(Decimal(bill.data["seconds"]) for bill in bills)
        (begun,), (ended,) = broker.facts("LeaseActivated"), broker.facts("LeaseEnded")
        assert spent == Decimal((instant(ended.at) - instant(begun.at)).total_seconds())


# -- what accounts say of them


def cards(broker: Broker) -> dict[str, dict[str, object]]:
    told = Scorecards()
    for fact in broker.facts():
        told.read(fact)
    return told.figures()


def test_scorecards_tell_renewals_apart() -> None:
    with a_spilled_job(2) as (broker, job):
        to_the_renewal(broker, job)
        broker.answer(job, holds=[(EAST, 1)], units=1)
        broker.wait(60)
        broker.exit(job, 0)
        to_the_next = broker.job(job).units[1].term
        assert to_the_next is not None
        broker.until(to_the_next.renew_at + timedelta(hours=1))
        told = cards(broker)
        broker.exit(job, 1)
    holder, rival = told["azure"], told["aws"]
    renewals = holder["renewals"]
    assert isinstance(renewals, dict)
    assert (holder["offers"], holder["refused"], holder["accepted_in_part"]) == (
        1,
        {"no_capacity": 1},
        0,
    )
    assert (holder["lapsed"], holder["releases"]) == (0, 1)
    asked = ("offers", "accepted_in_part", "lapsed", "releases", "commitments")
    assert [renewals[name] for name in asked] == [2, 1, 1, 2, 0]
    assert renewals["capacity_s"]["count"] == 1
    assert isinstance(rival["renewals"], dict)
    assert (rival["commitments"], rival["renewals"]["commitments"]) == (2, 2)


def test_a_scorecard_keeps_nothing_of_a_renewal_that_is_over() -> None:
    with a_spilled_job() as (broker, job):
        to_the_renewal(broker, job)
        refuse(broker, job)
        broker.exit(job)
        told = Scorecards()
        for fact in broker.facts():
            told.read(fact)
    assert [*told._bought, *told._renewing, *told._offers] == []  # noqa: SLF001 - what it keeps


def test_a_meter_counts_a_lease_that_is_billed_in_parts_once() -> None:
    favoured = ('in_favour_of: azure\n    match: {class: ["*"], pool: [azure]}', RIVALS)
    with a_spilled_job(agreement=an_agreement(favoured)) as (broker, job):
        to_the_renewal(broker, job)
        refuse(broker, job)
        broker.exit(job)
        bills, meters = broker.facts("LeaseBilled"), Meters()
        for fact in broker.facts():
            meters.read(fact)
    (meter,) = meters.meters()
    assert (len(bills), meter["leases"]) == (2, 1)
    assert Decimal(str(meter["drawn"])) == sum(Decimal(bill.data["usd"]) for bill in bills)


# -- what they cost in time


def waits(broker: Broker, job: JobId) -> dict[Cause, timedelta]:
    told = Waits()
    for fact in broker.facts():
        told.read(fact)
    return told.of(job, broker.clock.at)


def test_a_renewal_costs_no_time_while_the_lease_lives() -> None:
    with a_spilled_job() as (broker, job):
        before = waits(broker, job)
        to_the_renewal(broker, job)
        broker.wait(600)
        refuse(broker, job)
        broker.wait(600)
        assert waits(broker, job) == before


def test_a_move_costs_what_the_old_command_takes_to_stop() -> None:
    with a_spilled_job() as (broker, job):
        before = waits(broker, job).get(Cause.PROVISIONING, timedelta())
        old = broker.machine(job)
        to_the_renewal(broker, job)
        broker.answer(job, holds=[(EAST, 1)])
        broker.settle()
        broker.wait(12)
        broker.report(old, RunState.ENDED, 0)
        broker.settle()
        assert broker.where(job) == [EAST]
        broker.wait(600)
        after = waits(broker, job)
        assert after[Cause.PROVISIONING] - before == timedelta(seconds=12)


def test_a_lease_that_ran_out_makes_its_job_wait_again() -> None:
    with a_spilled_job() as (broker, job):
        before = waits(broker, job)
        at_prices(broker, azure="9", aws="9", gcp="9")
        to_the_renewal(broker, job)
        at_prices(broker, azure="9", aws="9.5", gcp="9")
        refuse(broker, job)
        broker.wait(RENEW_BEFORE_S + GRACE.total_seconds())
        assert broker.facts("LeaseFenced")
        broker.wait(100)
        spent = sum(waits(broker, job).values(), timedelta()) - sum(before.values(), timedelta())
        assert spent >= timedelta(seconds=100)


def test_a_machine_lost_while_the_holder_prepares_its_own_waits_for_the_holder() -> None:
    with a_spilled_job() as (broker, job):
        before = waits(broker, job)
        to_the_renewal(broker, job)
        broker.clouds[EAST.provider].takes_s = 100
        broker.answer(job, holds=[(EAST, 1)])
        broker.settle()
        broker.clouds[ProviderName.AWS].lose(broker.machine(job).name)
        broker.reconcile()
        broker.wait(300)
        assert broker.where(job) == [EAST]
        after = waits(broker, job)
        more = {c: s - before.get(c, timedelta()) for c, s in after.items()}
        assert {c for c, s in more.items() if s} == {Cause.PROVISIONING}


@pytest.mark.parametrize("delivers", [False, True])
def test_a_bill_is_the_same_whoever_has_the_unit_next(*, delivers: bool) -> None:
    """A holder that accepts and does not deliver leaves the lease renewed where it was."""
    with a_spilled_job() as (broker, job):
        to_the_renewal(broker, job)
        broker.clouds[EAST.provider].stock[EAST] = int(delivers)
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(9000)
        goes_on = [bill.data["goes_on"] for bill in broker.facts("LeaseBilled", provider="aws")]
        assert goes_on == [not delivers]
