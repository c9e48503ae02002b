"""Two workers at one machine, and a worker that is late: the row is true, not what was heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from broker.domain.offer import OfferState
from broker.domain.values import ProviderName
from broker.ports import Fault, FaultKind, Order
from broker.steps.place import place_round
from broker.steps.provision import CLAIMED_FOR, provision
from tests.support.broker import AWS, EAST, Broker, a_broker, work

AZURE = ProviderName.AZURE


def crossed(broker: Broker, then: Callable[[], None]) -> None:
    """While the first call to the cloud lasts, another worker takes up its claim and is done.

    `then` says what the first call comes to.
    """
    azure = broker.clouds[AZURE]

    def slow(_: Order) -> None:
        azure.before_launch = lambda _: None
        broker.clock.at += CLAIMED_FOR
        provision(AZURE, azure, broker.store, broker.rules)
        then()

    azure.before_launch = slow


@pytest.mark.parametrize("kind", [FaultKind.THROTTLED, FaultKind.TRANSIENT, FaultKind.AUTH])
def test_a_fault_heard_late_does_not_end_a_machine_that_another_worker_has_leased(
    kind: FaultKind,
) -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]

        def fail() -> None:
            azure.fault = Fault(kind, "SomeCode")

        crossed(broker, fail)
        (job,) = broker.submit(work())
        place_round(broker.store, broker.rules)
        provision(AZURE, azure, broker.store, broker.rules)
        azure.fault = None
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert not broker.facts("LeaseEnded")


def test_an_unknown_outcome_heard_late_does_not_end_a_leased_machine() -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        crossed(broker, lambda: azure.unsure.append(True))
        (job,) = broker.submit(work())
        place_round(broker.store, broker.rules)
        provision(AZURE, azure, broker.store, broker.rules)
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert not broker.facts("LeaseEnded")


def test_a_machine_that_both_workers_heard_to_be_there_is_leased_once() -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        crossed(broker, lambda: None)
        (job,) = broker.submit(work())
        place_round(broker.store, broker.rules)
        provision(AZURE, broker.clouds[AZURE], broker.store, broker.rules)
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert len(broker.facts("LeaseActivated")) == 1


def test_a_launch_that_goes_on_is_no_news_of_a_machine_that_is_there() -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]

        def still_making() -> None:
            azure.takes_s = 5
            del azure.there[next(iter(azure.there))]  # as its list still has it

        crossed(broker, still_making)
        (job,) = broker.submit(work())
        place_round(broker.store, broker.rules)
        provision(AZURE, azure, broker.store, broker.rules)
        assert broker.where(job) == [EAST]


def test_a_hold_that_comes_after_the_window_is_given_back_although_nobody_closed_it_yet() -> None:
    with a_broker({EAST: 1, AWS: 9}) as broker:
        azure = broker.clouds[AZURE]
        azure.takes_s = 10_000
        (job,) = broker.submit(work())
        place_round(broker.store, broker.rules)
        provision(AZURE, azure, broker.store, broker.rules)
        expires_at = broker.offer(job).expires_at
        assert expires_at is not None
        broker.clock.at = expires_at + timedelta(seconds=1)
        azure.takes_s = 0
        azure._ready.clear()  # noqa: SLF001 - it is made just now
        provision(AZURE, azure, broker.store, broker.rules)
        broker.settle()
        assert broker.offer(job).state is OfferState.LAPSED
        assert broker.where(job) == [AWS]
        assert azure.there == {}
