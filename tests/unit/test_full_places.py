"""A full place is asked once, and not once a job (issue 2, "Before anything spills")."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.domain.workload import Workload
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.provision import provision
from tests.support.broker import AWS, EAST, GCP, ORACLE, WEST, Broker, a_broker, a_gang, work

JOBS = 50


@pytest.mark.parametrize("takes_s", [0, 20], ids=["at once", "late"])
@pytest.mark.parametrize("asked", [work(), a_gang(4)], ids=["single units", "gangs"])
def test_fifty_jobs_for_one_full_shape_cost_one_refused_call_per_place(
    asked: Workload, takes_s: float
) -> None:
    with a_broker({EAST: 0, WEST: 0, AWS: 500}) as broker:
        azure = broker.clouds[EAST.provider]
        azure.takes_s = takes_s
        jobs = broker.placed(*[asked] * JOBS)
        broker.wait(300)
        assert all(broker.where(job) == [AWS] * asked.units for job in jobs)
        assert Counter(place for _, place in azure.launches) == {EAST: 1, WEST: 1}
        assert len(broker.facts("PlaceRefused")) == 2
        for job in jobs:
            cited = broker.facts("OfferRefused", units=list(range(asked.units)))
            assert cited or broker.facts("UnitsReleased", job=job, basis="standing_refusal")


def test_jobs_that_come_later_cost_the_full_cloud_nothing() -> None:
    with a_broker({EAST: 0, WEST: 0, AWS: 500}) as broker:
        for _ in range(20):
            broker.placed(work())
            broker.wait(30)
        assert len(broker.clouds[EAST.provider].launches) == 2


def test_a_full_third_party_is_asked_once_too() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 500}) as broker:
        jobs = broker.placed(*[work()] * JOBS)
        broker.wait(120)
        assert all(broker.where(job) == [GCP] for job in jobs)
        assert broker.clouds[AWS.provider].calls_to(AWS) == 1


def test_a_place_that_gives_is_soon_asked_for_all_at_once() -> None:
    with a_broker({EAST: 500, AWS: 500}) as broker:
        broker.clouds[EAST.provider].takes_s = 10
        jobs = broker.placed(*[work()] * JOBS)
        broker.wait(80)
        assert all(broker.where(job) == [EAST] for job in jobs)


def test_who_waits_for_a_place_is_served_the_moment_it_answers() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        azure = broker.clouds[EAST.provider]
        azure.takes_s = 10
        jobs = broker.placed(work(), work())
        assert azure.calls_to(EAST) == 1
        azure.takes_s = 0
        # One round looks at both: at the machine that is made, and at the one that waits for it.
        broker.clock.at += timedelta(seconds=20)
        broker.settle()
        assert [broker.active(job) for job in jobs] == [True, True]


def test_what_refused_a_gang_may_still_have_a_single_machine() -> None:
    with a_broker({EAST: 2, AWS: 9}) as broker:
        (gang,) = broker.placed(a_gang(4))
        broker.wait(10)
        (single,) = broker.placed(work())
        assert broker.where(gang) == [AWS] * 4
        assert broker.where(single) == [EAST]


def test_what_refused_a_single_machine_has_no_gang() -> None:
    with a_broker({EAST: 0, AWS: 9}) as broker:
        broker.placed(work())
        (gang,) = broker.placed(a_gang(4))
        broker.wait(10)
        assert broker.where(gang) == [AWS] * 4
        assert len(broker.clouds[EAST.provider].launches) == 1


@pytest.mark.parametrize(("size", "stock"), [(2, 1), (4, 3), (4, 4)])
def test_a_gang_is_never_split(size: int, stock: int) -> None:
    with a_broker({EAST: stock, WEST: size - 1, AWS: size - 1, GCP: size}) as broker:
        (job,) = broker.placed(a_gang(size))
        broker.wait(30)
        where = broker.where(job)
        assert len(where) == size
        assert set(where) == {EAST if stock == size else GCP}
        assert sum(len(cloud.there) for cloud in broker.clouds.values()) == size


def test_a_gang_that_gives_an_incomplete_place_back_does_not_ask_it_again_at_once() -> None:
    with a_broker({EAST: 1, WEST: 1, AWS: 1, GCP: 1}) as broker:
        (job,) = broker.placed(a_gang(2))
        broker.wait(170)
        assert broker.states(job) == ["released", "released"]
        assert sum(len(cloud.launches) for cloud in broker.clouds.values()) <= 8
        assert len(broker.facts("OfferIssued")) == 1


def test_a_divisible_job_is_taken_apart_over_places() -> None:
    with a_broker({EAST: 1, WEST: 1, AWS: 1, GCP: 1, ORACLE: 1}) as broker:
        (job,) = broker.placed(work(units=5))
        broker.wait(30)
        assert sorted(broker.where(job)) == sorted([EAST, WEST, AWS, GCP, ORACLE])


def some_steps(broker: Broker, chosen: frozenset[int]) -> None:
    """Workers of which only some are awake."""
    if 0 in chosen:
        place_round(broker.store, broker.rules)
    if 1 in chosen:
        put_offers(broker.store, broker.rules)
    for number, (name, cloud) in enumerate(sorted(broker.clouds.items())):
        if number + 2 in chosen:
            provision(name, cloud, broker.store, broker.rules)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rounds=st.lists(st.frozensets(st.integers(0, 5)), max_size=30),
    takes_s=st.sampled_from([0, 3]),
)
def test_whichever_nudges_are_lost_every_job_is_placed(
    rounds: list[frozenset[int]], takes_s: float
) -> None:
    with a_broker({EAST: 2, WEST: 0, AWS: 2, GCP: 9, ORACLE: 9}) as broker:
        for cloud in broker.clouds.values():
            cloud.takes_s = takes_s
        jobs = broker.submit(work(units=2), a_gang(3), work(), work(), a_gang(2))
        for chosen in rounds:
            some_steps(broker, chosen)
            broker.clock.at = broker.clock.at.replace(microsecond=0)
        broker.wait(300)
        assert all(broker.active(job) for job in jobs)
        wanted = sum(broker.job(job).workload.units for job in jobs)
        assert sum(len(cloud.there) for cloud in broker.clouds.values()) == wanted
