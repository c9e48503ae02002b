"""Spot as a market of its own, and machines that their cloud takes back (design 3.3, T22)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from broker.domain.job import JobState
from broker.domain.machine import RunState
from broker.domain.market import Place, Pool
from broker.domain.offer import Desk
from broker.domain.place import read_sold
from broker.domain.values import Purchase, usd
from broker.domain.workload import Limits, Retry, SpotUse, Workload
from broker.steps.amend import Became, amend_job
from broker.steps.sweep import sweep
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, a_gang, pool, work

EAST_SPOT: Final = EAST._replace(purchase=Purchase.SPOT)
AWS_SPOT: Final = AWS._replace(purchase=Purchase.SPOT)
GCP_SPOT: Final = GCP._replace(purchase=Purchase.SPOT)
SOLD: Final[tuple[Pool, ...]] = (
    *(pool(place) for place in (EAST, AWS, GCP)),
    *(pool(place, "1.00") for place in (EAST_SPOT, AWS_SPOT)),
    pool(GCP_SPOT, "1.20"),
)


def spot(use: SpotUse = SpotUse.ONLY, price: str | None = None, **changed: object) -> Workload:
    limits = Limits(spot=use, max_price_usd_hour=usd(price) if price else None)
    return work(limits=limits, checkpointable=True, **changed)


def placed_at(broker: Broker, job: str) -> list[Place]:
    return broker.where(job)  # type: ignore[arg-type]


def test_a_job_that_says_nothing_of_spot_is_never_on_it() -> None:
    with a_broker({EAST: 0, AWS: 1, EAST_SPOT: 5, AWS_SPOT: 5}, pools=SOLD) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [AWS]
        assert not broker.offer(job).terms.interruptible


@pytest.mark.parametrize(
    ("use", "stock", "where"),
    [
        (SpotUse.ONLY, {EAST_SPOT: 1, EAST: 1}, EAST_SPOT),
        (SpotUse.ONLY, {EAST: 1, AWS: 1, AWS_SPOT: 1}, AWS_SPOT),
        (SpotUse.PREFER, {EAST_SPOT: 1, EAST: 1}, EAST_SPOT),
        (SpotUse.PREFER, {EAST: 1, AWS_SPOT: 1}, EAST),
        (SpotUse.PREFER, {AWS: 1, GCP_SPOT: 1}, GCP_SPOT),
        (SpotUse.PREFER, {AWS: 1}, AWS),
    ],
)
def test_what_a_job_says_of_spot_decides_where_it_may_be(
    use: SpotUse, stock: dict[Place, int], where: Place
) -> None:
    """The holder has its turn on spot too, and on demand where the job takes either."""
    none = dict.fromkeys((one.place for one in SOLD), 0)
    with a_broker({**none, **stock}, pools=SOLD) as broker:
        (job,) = broker.placed(spot(use))
        assert broker.where(job) == [where]
        assert broker.offer(job).terms.interruptible
        bought = broker.facts("HolderCommitted", "ThirdPartyCommitted")[-1]
        assert bought.data["purchase"] == where.purchase
        assert bought.data["terms"]["interruptible"] is where.interruptible


@pytest.mark.parametrize(
    ("before", "after", "became"),
    [
        (SpotUse.NEVER, SpotUse.PREFER, Became.REQUOTED),
        (SpotUse.PREFER, SpotUse.NEVER, Became.REQUOTED),
    ],
)
def test_who_thinks_again_about_spot_asks_the_holder_again(
    before: SpotUse, after: SpotUse, became: Became
) -> None:
    """A looser machine is better for a rival; a stricter one may not be what is being prepared."""
    with a_broker({EAST: 1, AWS_SPOT: 1}, pools=SOLD, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(spot(before, price="9.00"))
        changed = amend_job(job, {"spot": after}, broker.store, broker.rules)
        broker.settle()
        assert changed.became is became
        assert broker.offer(job).terms.interruptible is (after is not SpotUse.NEVER)
        assert broker.job(job).terms.interruptible is (after is not SpotUse.NEVER)
        assert broker.facts("JobAmended")[-1].data["spot"] == after
        broker.cancel(job)


def test_a_hold_on_spot_is_given_back_when_spot_is_not_wanted_any_more() -> None:
    with a_broker({EAST: 1, EAST_SPOT: 1}, pools=SOLD) as broker:
        broker.clouds[EAST.provider].takes_s = 20
        (job,) = broker.placed(spot(SpotUse.PREFER))
        amend_job(job, {"spot": SpotUse.NEVER}, broker.store, broker.rules)
        broker.settle()
        broker.wait(120)
        assert broker.where(job) == [EAST]
        assert list(broker.clouds[EAST.provider].there.values()) == [EAST]


def test_a_refusal_on_spot_says_nothing_of_machines_on_demand() -> None:
    with a_broker({EAST: 1, EAST_SPOT: 0, AWS_SPOT: 0, GCP_SPOT: 1}, pools=SOLD) as broker:
        (first,) = broker.placed(spot())
        (second,) = broker.placed(work())
        assert broker.where(first) == [GCP_SPOT]
        assert broker.where(second) == [EAST]
        refused = {fact.stream for fact in broker.facts("PlaceRefused")}
        assert refused == {EAST_SPOT.stream, AWS_SPOT.stream}


def test_the_cap_is_what_the_holder_was_noticed_and_what_the_job_may_pay() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        assert broker.machine(job).max_price_usd_hour == usd("1.20")
    with a_broker({EAST_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot(price="1.10"))
        assert broker.machine(job).max_price_usd_hour == usd("1.10")
    with a_broker({EAST: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(work())
        assert broker.machine(job).max_price_usd_hour is None


def test_a_rivals_machine_taken_back_is_replaced_under_the_same_release() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 1, GCP_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        assert broker.where(job) == [AWS_SPOT]
        broker.evict(job)
        assert broker.where(job) == [GCP_SPOT]
        assert len(broker.facts("OfferIssued")) == 1
        first, again = broker.facts("UnitsReleased")
        assert (first.data["again"], again.data["again"]) == (False, True)
        assert again.data["tail_until"] == first.data["tail_until"]
        assert [f.data["cause"] for f in broker.facts("LeaseEnded")] == ["preempted"]
        assert broker.job(job).units[0].preempted == 1
        assert broker.machine(job).epoch == 2


def test_after_the_tail_the_holder_is_asked_anew() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 1, GCP_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        release = broker.job(job).releases[0]
        broker.until(release.ends_at())
        broker.clouds[EAST.provider].stock[EAST_SPOT] = 1
        broker.evict(job)
        broker.wait(3600)
        assert broker.where(job) == [EAST_SPOT]
        assert len(broker.facts("OfferIssued")) == 2
        assert not any(f.data["again"] for f in broker.facts("UnitsReleased"))


def test_a_machine_of_the_holders_that_is_taken_back_is_asked_of_it_anew() -> None:
    with a_broker({EAST_SPOT: 1, AWS_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        broker.evict(job)
        assert len(broker.facts("OfferIssued")) == 2
        assert broker.where(job) == [AWS_SPOT]


def test_a_notice_is_a_fact_and_the_lease_ends_when_its_time_has_come() -> None:
    with a_broker({EAST_SPOT: 1, AWS_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        machine = broker.machine(job)
        broker.report(machine, RunState.RUNNING)
        until = broker.notice(job)
        broker.notice(job)  # is said with every beat, and heard once
        (noticed,) = broker.facts("InterruptionNoticed")
        assert noticed.data["said"] == "Preempt"
        broker.wait(29)
        assert broker.active(job)
        broker.clouds[machine.place.provider].evict(machine.name)
        broker.wait(2)
        (ended,) = broker.facts("LeaseEnded")
        assert ended.data["cause"] == "preempted"
        assert until <= broker.clock.at
        assert broker.where(job) == [AWS_SPOT]


def test_a_notice_that_comes_to_nothing_leaves_the_job_where_it_is() -> None:
    with a_broker({EAST_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        broker.report(broker.machine(job), RunState.RUNNING)
        broker.notice(job)
        broker.wait(600)
        assert broker.active(job)
        broker.exit(job)
        assert broker.job(job).state is JobState.FINISHED


@pytest.mark.parametrize(("code", "state"), [(0, JobState.FINISHED), (143, JobState.RUNNING)])
def test_a_command_stopped_by_the_notice_goes_on_elsewhere(code: int, state: JobState) -> None:
    with a_broker({EAST_SPOT: 1, AWS_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        broker.report(broker.machine(job), RunState.RUNNING)
        broker.notice(job)
        broker.clouds[EAST.provider].stock[EAST_SPOT] = -1  # what it holds is wanted by others
        broker.exit(job, code=code)
        assert broker.job(job).state is state
        if code:
            assert broker.where(job) == [AWS_SPOT]
            assert [f.data["cause"] for f in broker.facts("LeaseEnded")] == ["preempted"]


def test_a_notice_on_a_machine_on_demand_is_not_believed() -> None:
    with a_broker({EAST: 1}) as broker:
        (job,) = broker.placed(work())
        broker.report(broker.machine(job), RunState.RUNNING)
        broker.notice(job)
        broker.exit(job, code=9)
        assert broker.job(job).state is JobState.FAILED
        assert not broker.facts("InterruptionNoticed")


@pytest.mark.parametrize("evicted", [True, False])
def test_a_command_killed_on_spot_is_judged_by_what_its_cloud_says(evicted: bool) -> None:  # noqa: FBT001
    """A machine that goes without a word takes the command first, and the agent may tell of it."""
    with a_broker({EAST_SPOT: 1, AWS_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        machine = broker.machine(job)
        broker.report(machine, RunState.RUNNING)
        broker.report(machine, RunState.ENDED, 137)
        assert not broker.job(job).state.over
        if evicted:
            broker.clouds[machine.place.provider].evict(machine.name)
        broker.wait(20)
        if evicted:
            assert broker.where(job) == [AWS_SPOT]
            assert [f.data["cause"] for f in broker.facts("LeaseEnded")] == ["preempted"]
        else:
            assert broker.job(job).state is JobState.FAILED
            assert broker.job(job).exit_code == 137
            assert broker.job(job).reason == "unit 0 exited with 137"


def test_a_machine_on_spot_that_falls_silent_is_asked_after() -> None:
    """Oracle tells neither the machine nor us: what is not heard of is looked at by its cloud."""
    with a_broker({EAST_SPOT: 1, AWS_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        machine = broker.machine(job)
        broker.report(machine, RunState.RUNNING)
        broker.wait(11)
        assert sweep(broker.store) == 0
        broker.settle()
        assert broker.machine(job).lease == machine.lease  # only its agent was slow
        broker.clouds[machine.place.provider].evict(machine.name)
        sweep(broker.store)
        broker.settle()
        assert broker.where(job) == [AWS_SPOT]
        assert [f.data["cause"] for f in broker.facts("LeaseEnded")] == ["preempted"]


def test_a_job_starts_again_as_often_as_it_says_and_no_more() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 1, GCP_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot(retry=Retry(preempted=1)))
        broker.evict(job)
        assert broker.where(job) == [GCP_SPOT]
        broker.evict(job)
        failed = broker.job(job)
        assert failed.state is JobState.FAILED
        assert failed.reason == (
            "unit 0 was preempted 2 times, and retry.preempted is 1; "
            "the last time at gcp us-central1 a2 spot"
        )


def test_losses_and_preemptions_are_counted_apart() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 9, GCP_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot(retry=Retry(preempted=0)))
        machine = broker.machine(job)
        broker.clouds[machine.place.provider].lose(machine.name)
        broker.wait(31)
        broker.reconcile()
        assert broker.job(job).losses == 1
        assert broker.job(job).units[0].preempted == 0
        assert [f.data["cause"] for f in broker.facts("LeaseEnded")] == ["lost"]
        assert broker.active(job)


def test_a_gang_goes_back_whole_and_is_counted_as_one() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 2, GCP_SPOT: 2}, pools=SOLD) as broker:
        limits = Limits(spot=SpotUse.ONLY)
        (job,) = broker.placed(a_gang(2, limits=limits, retry=Retry(preempted=1)))
        assert broker.where(job) == [AWS_SPOT] * 2
        broker.evict(job, 1)
        broker.wait(1)
        assert broker.where(job) == [GCP_SPOT] * 2
        causes = sorted(f.data["cause"] for f in broker.facts("LeaseEnded"))
        assert causes == ["preempted", "regrouped"]
        (_, again) = broker.facts("UnitsReleased")
        assert again.data["units"] == [0, 1]
        broker.evict(job, 0)
        assert broker.job(job).state is JobState.FAILED
        assert broker.job(job).reason.startswith("its gang was preempted 2 times")


def test_a_sibling_that_breaks_in_the_time_of_a_notice_fails_nobody() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 2, GCP_SPOT: 2}, pools=SOLD) as broker:
        (job,) = broker.placed(a_gang(2, limits=Limits(spot=SpotUse.ONLY)))
        for unit in (0, 1):
            broker.report(broker.machine(job, unit), RunState.RUNNING)
        broker.notice(job, 1)
        broker.exit(job, 0, code=1)
        assert not broker.job(job).state.over
        broker.evict(job, 1)
        broker.wait(1)
        assert broker.where(job) == [GCP_SPOT] * 2


def test_a_place_that_took_a_machine_back_keeps_what_it_said_before() -> None:
    with a_broker({EAST_SPOT: 0, AWS_SPOT: 1, GCP_SPOT: 1}, pools=SOLD) as broker:
        (job,) = broker.placed(spot())
        machine = broker.machine(job)
        broker.report(machine, RunState.RUNNING)
        broker.notice(job)
        broker.exit(job, code=143)
        record = next(r for r in broker.store.place_records.values() if r.place == AWS_SPOT)
        assert record.freed_at is None


def test_a_lost_machine_on_demand_goes_back_under_its_release_too() -> None:
    with a_broker({EAST: 0, AWS: 2}) as broker:
        (job,) = broker.placed(work())
        machine = broker.machine(job)
        broker.clouds[machine.place.provider].lose(machine.name)
        broker.wait(31)
        broker.reconcile()
        assert broker.where(job) == [AWS]
        assert len(broker.facts("OfferIssued")) == 1
        assert broker.facts("UnitsReleased")[-1].data["again"] is True


def test_a_pool_bought_on_spot_is_another_pool() -> None:
    bought = replace(pool(EAST_SPOT, "1.00"))
    assert bought.place != EAST
    assert str(bought.place) == "azure eastus nd spot"
    assert read_sold(bought.place.sold) == {"sku": "nd", "purchase": "spot"}
    assert read_sold("nd") == {"sku": "nd"}
    assert Place.told({"provider": "azure", "region": "eastus", "sku": "nd"}) == EAST
