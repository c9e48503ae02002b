"""Notices and keys in every store: in memory, on SQLite, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker.domain.events import KeyGranted, NoticeTroubled
from broker.domain.key import Key, Role
from broker.domain.notice import Notice, NoticeState
from broker.domain.values import JobId, KeyId, NoticeId, OfferId
from broker.ports import Store
from broker.store.memory import MemoryStore
from broker.store.sql import SqlStore
from tests.support.stores import HOUR, SECOND, CountingIds, StoppedClock, World

KINDS = ("memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    clock, ids = StoppedClock(), CountingIds()
    if request.param == "memory":
        yield MemoryStore(clock, ids)
        return
    url = f"sqlite:///{tmp_path / 'broker.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("fresh_postgres_url")
    store = SqlStore(url, clock, ids)
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def world(store: Store) -> World:
    return World(store, CountingIds())


def a_notice(world: World, name: str = "n1", due_in: timedelta | None = None) -> Notice:
    now = world.now()
    return Notice(
        id=NoticeId(name),
        agreement="house",
        edition="2025-01",
        clause="rofr",
        offers=(OfferId("o1"), OfferId("o2")),
        jobs=(JobId("j1"),),
        body='{"notice":"n1","offers":[{"regions":"東京"}]}',
        issued_at=now,
        due_at=None if due_in is None else now + due_in,
    )


def put(world: World, *notices: Notice) -> None:
    with world.store.transaction() as tx:
        for notice in notices:
            told = NoticeTroubled(notice=notice.id, because="nothing")
            tx.put_notice(notice, [told])


def test_a_notice_comes_back_to_the_byte_with_its_facts(world: World) -> None:
    notice = a_notice(world, due_in=HOUR)
    put(world, notice)
    with world.store.transaction() as tx:
        assert tx.notice(notice.id) == notice
        assert tx.notice(NoticeId("none")) is None
    world.store.seal()
    assert [f.type for f in world.store.facts(stream="notice/n1")] == ["NoticeTroubled"]


def test_a_claimed_notice_is_put_off_and_counts_a_try(world: World) -> None:
    put(
        world,
        a_notice(world, "n2", -SECOND),
        a_notice(world, "n1", -2 * SECOND),
        a_notice(world, "n3", HOUR),
        a_notice(world, "n4"),
    )
    until = world.now() + HOUR
    with world.store.transaction() as tx:
        claimed = tx.claim_notices(10, until)
    assert [(one.id, one.tries, one.due_at) for one in claimed] == [
        ("n1", 1, until),
        ("n2", 1, until),
    ]
    with world.store.transaction() as tx:
        assert tx.claim_notices(10, until) == []
        assert tx.notice(NoticeId("n1")) == claimed[0]


def test_the_next_due_instant_counts_notices(world: World) -> None:
    notice = a_notice(world, due_in=SECOND)
    put(world, notice)
    assert world.store.upcoming().notices == world.store.next_due() == notice.due_at
    done = replace(a_notice(world), state=NoticeState.RECEIVED)
    put(world, done)
    assert world.store.upcoming().notices is None


def test_nothing_of_a_notice_is_kept_when_the_block_raises(world: World) -> None:
    notice = a_notice(world)

    def broken() -> None:
        with world.store.transaction() as tx:
            tx.put_notice(notice)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    with world.store.transaction() as tx:
        assert tx.notice(notice.id) is None


def test_keys_are_found_by_their_party_the_oldest_first(world: World) -> None:
    now = world.now()

    def key(name: str, party: str, age: timedelta) -> Key:
        return Key(
            id=KeyId(name),
            party=party,
            role=Role.DESK,
            secret_sha256=name * 2,
            valid_from=now,
            valid_until=None,
            granted_at=now - age,
        )

    young, old, other = key("k1", "azure", SECOND), key("k2", "azure", HOUR), key("k3", "a", HOUR)
    granted = KeyGranted(
        key=old.id, party="azure", role="desk", valid_from=now, valid_until=None, by="op"
    )
    with world.store.transaction() as tx:
        for one in (young, old, other):
            tx.put_key(one, [granted] if one is old else [])
    revoked = replace(young, revoked_at=now)
    with world.store.transaction() as tx:
        tx.put_key(revoked)
    with world.store.transaction() as tx:
        assert tx.party_keys("azure") == [old, revoked]
        assert len(tx.party_keys()) == 3
        assert tx.party_keys("nobody") == []
    world.store.seal()
    assert [f.type for f in world.store.facts(stream="party/azure")] == ["KeyGranted"]
