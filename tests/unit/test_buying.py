"""Many calls to a cloud at once: what hangs holds up nobody but its own machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from broker.domain.market import Place
from broker.domain.values import JobId, ProviderName
from broker.domain.workload import Shape
from broker.ports import Order, Outcome
from broker.steps.place import place_round
from broker.steps.provision import CLAIMED_FOR, LONGEST_CALL, RENEWED_AFTER, Buying, provision
from tests.support.broker import AWS, EAST, Broker, a_broker, pool, work
from workers.buying import Buyer
from workers.lanes import ThreadLanes

AZURE = ProviderName.AZURE
SOON_S = 20.0


def place(number: int) -> Place:
    return Place(AZURE, "eastus", f"nd{number}")


@contextmanager
def many_kinds(kinds: int) -> Iterator[Broker]:
    """The holder has one machine of each of so many kinds; nobody sells any two of them alike."""
    places = [place(number) for number in range(kinds)]
    pools = [pool(one, "3.00", accelerator=one.sku.upper()) for one in places]
    with a_broker(dict.fromkeys(places, 1), pools=pools) as broker:
        yield broker


def asked_for(broker: Broker, kinds: int) -> list[JobId]:
    """A job for each kind, its offer issued."""
    wanted = [work(shape=Shape(accelerators=(f"ND{n}",), gpus=1)) for n in range(kinds)]
    jobs = broker.submit(*wanted)
    place_round(broker.store, broker.rules)
    return jobs


@contextmanager
def buying(broker: Broker, size: int = 200) -> Iterator[tuple[Buying, ThreadLanes]]:
    lanes = ThreadLanes("call", size)
    yield Buying(AZURE, broker.clouds[AZURE], broker.store, broker.rules, lanes), lanes
    lanes.close()


def turns(buyer: Buying, lanes: ThreadLanes, until: Callable[[], bool]) -> None:
    """Turn after turn, each when something was heard."""
    while not until():
        heard = lanes.ended(SOON_S)
        assert heard, "nothing was heard for a long time"
        buyer.turn(heard)


class Gate:
    """Holds the calls that come to it until it is opened."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Semaphore(0), threading.Event()

    def hold(self, _: Order) -> None:
        self.begun.release()
        self.open.wait(SOON_S)


def test_one_worker_has_two_hundred_launches_under_way_at_once() -> None:
    with many_kinds(200) as broker, buying(broker) as (buyer, lanes):
        jobs = asked_for(broker, 200)
        all_there = threading.Barrier(200, timeout=SOON_S)
        broker.clouds[AZURE].before_launch = lambda _: all_there.wait()
        assert buyer.turn(()) == 200
        assert lanes.free == 0
        turns(buyer, lanes, lambda: not buyer.out)
        assert all(broker.active(job) for job in jobs)


def test_a_call_that_hangs_does_not_hold_up_the_record_of_the_others() -> None:
    with many_kinds(5) as broker, buying(broker) as (buyer, lanes):
        jobs = asked_for(broker, 5)
        lets_go = threading.Event()

        def hang(order: Order) -> None:
            if order.place == place(0):
                lets_go.wait(SOON_S)

        broker.clouds[AZURE].before_launch = hang
        buyer.turn(())
        turns(buyer, lanes, lambda: len(buyer.out) == 1)
        assert [broker.active(job) for job in jobs] == [False, True, True, True, True]
        lets_go.set()
        turns(buyer, lanes, lambda: not buyer.out)
        assert broker.active(jobs[0])


def test_what_comes_in_while_calls_hang_is_taken_up() -> None:
    with many_kinds(2) as broker, buying(broker) as (buyer, lanes):
        lets_go = threading.Event()
        broker.clouds[AZURE].before_launch = lambda order: (
            order.place == place(0) and lets_go.wait(SOON_S)
        )
        first = asked_for(broker, 1)
        assert buyer.turn(()) == 1
        (second,) = broker.submit(work(shape=Shape(accelerators=("ND1",), gpus=1)))
        place_round(broker.store, broker.rules)
        assert buyer.turn(()) == 1
        turns(buyer, lanes, lambda: broker.active(second))
        assert not broker.active(first[0])
        lets_go.set()
        turns(buyer, lanes, lambda: broker.active(first[0]))


def test_a_claim_is_kept_while_its_call_lasts_and_nobody_else_makes_the_same() -> None:
    with many_kinds(1) as broker, buying(broker) as (buyer, lanes):
        asked_for(broker, 1)
        azure, gate = broker.clouds[AZURE], Gate()
        azure.before_launch = gate.hold
        buyer.turn(())
        assert gate.begun.acquire(timeout=SOON_S)
        for _ in range(5):
            broker.clock.at += RENEWED_AFTER
            buyer.turn(())
        assert RENEWED_AFTER * 5 > CLAIMED_FOR
        assert provision(AZURE, azure, broker.store, broker.rules) == 0
        gate.open.set()
        turns(buyer, lanes, lambda: not buyer.out)
        assert len(azure.launches) == len(azure.made) == 1


def test_a_call_that_never_ends_is_given_up_and_the_same_order_put_again() -> None:
    with many_kinds(1) as broker, buying(broker) as (buyer, lanes):
        (job,) = asked_for(broker, 1)
        azure, gate = broker.clouds[AZURE], Gate()
        azure.before_launch = gate.hold
        buyer.turn(())
        assert gate.begun.acquire(timeout=SOON_S)
        azure.before_launch = lambda _: None
        broker.clock.at += LONGEST_CALL + timedelta(seconds=1)
        buyer.turn(())
        assert not buyer.out
        assert lanes.free == 199, "its thread is still in the call"
        assert "no answer" in broker.job(job).trouble
        broker.wait(10)
        assert broker.active(job)
        gate.open.set()


def test_a_call_that_breaks_in_our_own_hands_loses_no_other_answer() -> None:
    with many_kinds(3) as broker, buying(broker) as (buyer, lanes):
        jobs = asked_for(broker, 3)

        def burst(order: Order) -> None:
            if order.place == place(1):
                raise KeyError("a field the adapter had counted on")

        broker.clouds[AZURE].before_launch = burst
        buyer.turn(())
        turns(buyer, lanes, lambda: not buyer.out)
        assert [broker.active(job) for job in jobs] == [True, False, True]
        assert "a field the adapter had counted on" in broker.job(jobs[1]).trouble
        assert not broker.facts("PlaceRefused")


def test_an_answer_that_cannot_be_recorded_loses_no_other_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with many_kinds(3) as broker, buying(broker) as (buyer, lanes):
        jobs = asked_for(broker, 3)
        recorded = Buying._put_on_record  # noqa: SLF001 - the one seam there is

        def refuses(self: Buying, told: list[tuple[object, Outcome]]) -> None:
            if any(one.place == place(1) for one, _ in told):  # type: ignore[attr-defined]
                raise ValueError("this cannot be written")
            recorded(self, told)  # type: ignore[arg-type]

        monkeypatch.setattr(Buying, "_put_on_record", refuses)
        buyer.turn(())
        for _ in range(20):
            try:
                buyer.turn(lanes.ended(1.0))
            except ValueError:
                continue
            if not buyer.out and not buyer.told:
                break
        assert [broker.active(job) for job in jobs] == [True, False, True]


@pytest.mark.parametrize("stock", [0, 7, 50])
def test_many_jobs_for_one_place_begin_slowly_and_cost_a_full_one_one_call(stock: int) -> None:
    with a_broker({EAST: stock, AWS: 99}) as broker, buying(broker) as (buyer, lanes):
        broker.submit(*[work()] * 50)
        azure = broker.clouds[AZURE]
        for _ in range(200):
            place_round(broker.store, broker.rules)
            claimed = buyer.turn(lanes.ended(0.01 if buyer.out else 0))
            if not (claimed or buyer.out or buyer.waiting):
                break
        broker.wait(60)
        assert len(azure.there) == stock
        assert len(azure.launches) - stock <= (1 if stock == 0 else 8)


def test_a_buyer_that_is_closed_records_what_was_under_way() -> None:
    with many_kinds(2) as broker:
        jobs = asked_for(broker, 2)
        gate = Gate()
        broker.clouds[AZURE].before_launch = gate.hold
        buyer = Buyer(AZURE, broker.clouds[AZURE], broker.store, broker.rules)
        buyer.ring()
        assert gate.begun.acquire(timeout=SOON_S)
        assert gate.begun.acquire(timeout=SOON_S)
        gate.open.set()
        buyer.close()
        assert all(broker.active(job) for job in jobs)


def test_a_buyer_is_rung_for_and_nobody_waits_for_the_cloud() -> None:
    with many_kinds(1) as broker:
        (job,) = asked_for(broker, 1)
        gate = Gate()
        broker.clouds[AZURE].before_launch = gate.hold
        buyer = Buyer(AZURE, broker.clouds[AZURE], broker.store, broker.rules)
        for _ in range(3):
            buyer.ring()  # returns although the cloud hangs
        assert gate.begun.acquire(timeout=SOON_S)
        assert not broker.active(job)
        gate.open.set()
        buyer.close()
        assert broker.active(job)
