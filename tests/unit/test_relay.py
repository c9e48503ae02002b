"""The relay: each fact has its reaction, nudges are few, and none is lost for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from broker.agreements.registry import shipped
from broker.domain import events
from broker.domain.event import Event
from broker.domain.values import CommitmentId, JobId, OfferId, ProviderName
from broker.ports import Upcoming
from broker.steps.rulebook import Rulebook
from broker.store.memory import MemoryStore
from tests.support.stores import TERMS, CountingIds, World
from workers.reactions import BY_NAME, REACTIONS, Nudge, Task
from workers.relay import Relay, Rounds, head

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOUDS = (ProviderName.AZURE, ProviderName.AWS)


@dataclass
class Hands:
    """A clock that is set by hand, ids that count, and a queue that can be away."""

    at: datetime = NOON
    count: int = 0
    sent: list[Nudge] = field(default_factory=list)
    away: bool = False

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return (self.at - NOON).total_seconds()

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}_{self.count}"

    def publish(self, nudge: Nudge) -> None:
        if self.away:
            raise ConnectionError("the queue is away")
        self.sent.append(nudge)

    def taken(self) -> list[Nudge]:
        taken, self.sent = self.sent, []
        return taken


def a_relay(hands: Hands, *, settled: bool = True, told: bool = False) -> tuple[MemoryStore, Relay]:
    store = MemoryStore(hands, hands)
    rules = Rulebook(agreements=shipped(), default_agreement="azure-first-refusal", pools=())
    relay = Relay(
        store=store,
        rules=rules,
        providers=CLOUDS,
        publish=hands.publish,
        clock=hands,
        seconds=hands.seconds,
        rounds=Rounds(every_s={}),
        told=told,
    )
    if settled:
        relay.turn()
        hands.taken()
        hands.pass_by(1)
    return store, relay


def tell(store: MemoryStore, *facts: Event) -> None:
    with store.transaction() as tx:
        tx.record("test", facts)


def test_every_fact_has_its_reaction() -> None:
    told = {
        kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)
    }
    assert set(REACTIONS) == told - {Event}
    assert len(BY_NAME) == len(REACTIONS)


def test_whoever_begins_nudges_for_everything_once() -> None:
    hands = Hands()
    _, relay = a_relay(hands, settled=False)
    relay.turn()
    relay.turn()
    assert hands.taken() == [
        Nudge(Task.PLACE),
        Nudge(Task.OFFERS),
        Nudge(Task.ANNOUNCE),
        Nudge(Task.PROVISION, ProviderName.AZURE),
        Nudge(Task.PROVISION, ProviderName.AWS),
    ]


def test_many_facts_at_once_are_one_nudge() -> None:
    hands = Hands()
    store, relay = a_relay(hands)
    tell(store, *(events.ReleaseExpired(job=JobId("j"), units=(n,), why="tail") for n in range(50)))
    relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]
    assert relay.position == head(store) == 50


def test_a_second_nudge_so_soon_is_kept_back_and_not_dropped() -> None:
    hands = Hands()
    store, relay = a_relay(hands)
    expired = events.ReleaseExpired(job=JobId("j"), units=(0,), why="tail")
    tell(store, expired)
    relay.turn()
    tell(store, expired)
    again_in = relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]
    hands.pass_by(again_in)
    relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]


def test_a_fact_that_names_a_cloud_wakes_that_cloud_only() -> None:
    hands = Hands()
    store, relay = a_relay(hands)
    tell(
        store,
        events.CommitmentFailed(
            commitment=CommitmentId("c"),
            job=JobId("j"),
            units=(0,),
            provider="aws",
            reason="no_capacity",
            code="x",
        ),
    )
    relay.turn()
    assert set(hands.taken()) == {Nudge(Task.PLACE), Nudge(Task.PROVISION, ProviderName.AWS)}


def an_offer_issued() -> events.OfferIssued:
    return events.OfferIssued(
        offer=OfferId("o"),
        kind="right",
        version=1,
        job=JobId("j"),
        units=(0,),
        agreement="azure-first-refusal",
        edition="1",
        clause="c",
        terms=TERMS,
        window_s=60,
        notice_sha256="",
        desk="automatic",
        supersedes=None,
    )


@pytest.mark.parametrize("told", [False, True])
def test_an_offer_has_every_cloud_looked_into_whoever_is_told_of_commits(told: bool) -> None:  # noqa: FBT001
    hands = Hands()
    store, relay = a_relay(hands, told=told)
    tell(store, an_offer_issued())
    relay.turn()
    looks = {nudge for nudge in hands.taken() if nudge.task is Task.SCOUT}
    assert looks == {Nudge(Task.SCOUT, cloud) for cloud in CLOUDS}


def test_many_offers_are_one_look_in_a_while() -> None:
    hands = Hands()
    store, relay = a_relay(hands)
    looks = 0
    for _ in range(10):
        tell(store, an_offer_issued())
        relay.turn()
        hands.pass_by(0.4)
        looks += hands.taken().count(Nudge(Task.SCOUT, ProviderName.AWS))
    assert looks == 1
    hands.pass_by(5)
    relay.turn()
    assert Nudge(Task.SCOUT, ProviderName.AWS) in hands.taken()


def test_a_queue_that_is_away_loses_nothing() -> None:
    hands = Hands()
    store, relay = a_relay(hands)
    hands.away = True
    tell(store, events.ReleaseExpired(job=JobId("j"), units=(0,), why="tail"))
    relay.turn()
    relay.turn()
    assert hands.taken() == []
    hands.away = False
    hands.pass_by(1)
    relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]


def test_what_is_done_every_so_often_is_done_at_the_start_and_then_again() -> None:
    sweep = Nudge(Task.SWEEP)
    rounds = Rounds(every_s={sweep: 2.0})
    assert [bool(rounds.due(at)) for at in (0.0, 1.0, 2.0, 3.0, 4.5)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def due_now(hands: Hands) -> Upcoming:
    return Upcoming(jobs=hands.at, offers=hands.at + timedelta(seconds=1), machines={})


def test_who_is_told_of_a_commit_nudges_for_what_is_due_and_for_nothing_twice() -> None:
    hands = Hands()
    store, relay = a_relay(hands, told=True)
    tell(store, events.ReleaseExpired(job=JobId("j"), units=(0,), why="tail"))
    relay.hear(due_now(hands))
    assert hands.taken() == [Nudge(Task.PLACE)]
    relay.turn()
    assert hands.taken() == []


def test_what_is_told_too_soon_or_while_the_queue_is_away_is_nudged_for_later() -> None:
    hands = Hands()
    _, relay = a_relay(hands, told=True)
    relay.hear(due_now(hands))
    relay.hear(due_now(hands))
    assert hands.taken() == [Nudge(Task.PLACE)]
    hands.away = True
    hands.pass_by(1)
    relay.turn()
    hands.away = False
    hands.pass_by(1)
    relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]


def test_what_is_due_and_was_nudged_for_since_is_nudged_for_again_in_a_while() -> None:
    hands = Hands()
    store, relay = a_relay(hands, told=True)
    World(store, CountingIds()).submitted(due_in=timedelta(0))
    relay.hear(due_now(hands))
    again_in = relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]
    hands.pass_by(again_in)
    relay.turn()
    assert hands.taken() == [Nudge(Task.PLACE)]
