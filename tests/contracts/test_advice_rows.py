"""What every store keeps of advice: in memory, on SQLite, on PostgreSQL."""

from __future__ import annotations

import pytest

from broker.domain.advice import AdviceId, Thought
from broker.domain.altered import altered
from broker.domain.market import Advice, Advised
from broker.domain.offer import OfferState
from broker.ports import Transaction
from tests.contracts.test_stores import store, world
from tests.support.stores import FULL, HOUR, OTHER, World, an_offer

__all__ = ["store", "world"]


def test_what_is_thought_of_a_place_is_kept_with_its_age(world: World) -> None:
    now = world.now()
    short = Advice(place=FULL, thought=Thought.SHORT, units=0, because="report: none")
    told = Advised(advice=short, as_of=now, id=AdviceId("advice 1"), until=now + HOUR)
    good = Advised(advice=Advice(place=OTHER, thought=Thought.SOLD), as_of=now)
    for heard in ([Advised(advice=short, as_of=now - HOUR)], [told, good], []):
        with world.store.transaction() as tx:
            tx.put_advice(heard)
    with world.store.transaction() as tx:
        assert dict(tx.advice()) == {FULL: told, OTHER: good}


def test_advice_of_a_transaction_that_fails_is_not_kept(world: World) -> None:
    heard = Advised(advice=Advice(place=FULL, thought=Thought.SOLD), as_of=world.now())
    with pytest.raises(KeyError), world.store.transaction() as tx:
        _fail_after(tx, heard)
    with world.store.transaction() as tx:
        assert dict(tx.advice()) == {}


def _fail_after(tx: Transaction, heard: Advised) -> None:
    tx.put_advice([heard])
    raise KeyError


def test_what_is_on_offer_is_told_once_for_each_line(world: World) -> None:
    first, second = world.submitted(), world.submitted()
    over = world.submitted(name="another")
    with world.store.transaction() as tx:
        assert tx.offered(10) == []
    now = world.now()
    for number, job in enumerate((first, second, over)):
        with world.case(job.id) as case:
            offer = an_offer(job, f"offer_{number}", now)
            refused = OfferState.REFUSED if job is over else offer.state
            case.put_offer(altered(offer, state=refused))
    with world.store.transaction() as tx:
        assert tx.offered(10) == [first.workload]
        assert tx.offered(0) == []
