"""Signs of life in every store: an outage and what it moves are one transaction."""

from __future__ import annotations

from datetime import timedelta

from broker.domain.offer import OfferState
from broker.steps.beat import Part, note_beat
from tests.contracts.test_stores import all_sealed, store, world
from tests.support.stores import HOUR, SECOND, World, an_offer

__all__ = ["store", "world"]


def came_back(world: World, part: Part, after: timedelta) -> None:
    """As if the part's last sign of life had been so long ago."""
    with world.store.transaction() as tx:
        tx.put_beats({part: tx.now - after})
    note_beat(world.store, part)


def test_the_first_sign_of_life_and_a_quick_one_record_nothing(world: World) -> None:
    assert note_beat(world.store, Part.SERVER) is None
    assert note_beat(world.store, Part.SERVER) is None
    with world.store.transaction() as tx:
        assert set(tx.beats()) == {"server"}
    assert all_sealed(world.store, "broker") == []


def test_an_outage_moves_open_and_accepted_offers_and_no_others(world: World) -> None:
    store = world.store
    open_, accepted, over = (world.submitted() for _ in range(3))
    now = world.now()
    begun = {"opened_at": now - HOUR, "accepted_at": now - HOUR}
    ends = now + 60 * SECOND
    with world.case(open_.id) as case:
        fields = {"state": OfferState.OPEN, "expires_at": ends, "due_at": ends}
        case.put_offer(an_offer(open_, "offer_1", now - HOUR, **begun, **fields))
    with world.case(accepted.id) as case:
        fields = {"state": OfferState.ACCEPTED, "deliver_by": ends, "cure_until": ends}
        case.put_offer(an_offer(accepted, "offer_2", now - HOUR, **begun, **fields))
    with world.case(over.id) as case:
        fields = {"state": OfferState.LAPSED, "expires_at": ends}
        case.put_offer(an_offer(over, "offer_3", now - HOUR, **begun, **fields))
    came_back(world, Part.TICKER, 60 * SECOND)
    (down, up), told = all_sealed(store, "broker"), all_sealed(store)
    assert (down.type, up.type, down.data["from"]) == ("BrokerDown", "BrokerUp", up.data["from"])
    tolled = [fact for fact in told if fact.type == "OfferTolled"]
    assert [fact.data["offer"] for fact in tolled] == ["offer_1", "offer_2"]
    assert all(fact.position > up.position for fact in tolled)
    with store.transaction() as tx:
        moved = tx.offer(an_offer(open_, "offer_1", now).id)
    assert moved is not None
    assert moved.expires_at is not None
    assert moved.expires_at - ends >= 60 * SECOND
    assert moved.due_at == moved.expires_at - moved.margin
