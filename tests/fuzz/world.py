"""The world of a history: a store, clouds, a clock that stands still until it is moved."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from broker.agreements.series import following
from broker.domain.chain import Fact
from broker.domain.link import Link
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.offer import Desk
from broker.domain.recording import Revocation
from broker.domain.values import JobId, KeyId, MachineName, OfferId, ProviderName
from broker.domain.workload import Workload
from broker.ports import Store, Webhook
from broker.replay.world import CountingIds, VirtualClock
from broker.steps.announce import announce
from broker.steps.beat import Part
from broker.steps.offer import put_offers
from broker.steps.place import place_round
from broker.steps.provision import provision
from broker.steps.put_on_record import put_on_record
from broker.steps.reconcile import reconcile
from broker.steps.record import record_editions, record_prices
from broker.steps.rulebook import Rulebook
from broker.steps.sweep import sweep
from broker.steps.withdraw_quote import withdraw_refused
from broker.store.memory import MemoryStore
from broker.store.sql import SqlStore
from tests.fuzz.agreements import (
    CLOSED,
    HOUSE,
    KEPT,
    MILD,
    OPEN,
    QUOTED,
    START,
    fuzzed,
)
from tests.fuzz.clouds import FuzzCloud
from tests.fuzz.seams import SeamedStore, Seams
from tests.fuzz.webhooks import FuzzWebhook
from tests.support.broker import AWS, EAST, GCP, OWN, WEST, pool

AWS_WEST: Final = Place(ProviderName.AWS, "us-west-2", "p5")
PLACES: Final = (EAST, WEST, AWS, AWS_WEST, GCP, OWN)
POOLS: Final = (
    pool(EAST),
    pool(WEST),
    pool(AWS),
    pool(AWS_WEST, "2.90", accelerator="H100-80GB"),
    pool(GCP),
    pool(OWN),
)
PEOPLE: Final = frozenset({"people", "mild people", "quoted people", "kept people"})
"""The tenants whose offers go to a person's desk."""
AGREEMENT_OF: Final = {
    "free": OPEN,
    "mild": MILD,
    "mild people": MILD,
    "closed": CLOSED,
    "quoted": QUOTED,
    "quoted people": QUOTED,
    "kept people": KEPT,
}
VANTAGES: Final = ("here", "there")
"""Where workers run; each sees the clouds from its own place."""
LATE: Final = timedelta(seconds=25)
"""How late a step may come at most where nobody says that the broker was down."""
_TOO_OFTEN: Final = 400
"""A step that runs so often in one instant makes itself due again and again."""
_REST: Final = timedelta(hours=2)


class NeverRests(Exception):
    """Something makes itself due again and again at one instant."""


@dataclass(kw_only=True)
class World:
    clock: VirtualClock
    ids: CountingIds
    seams: Seams
    store: Store
    rulebooks: Sequence[Rulebook]
    """One for each place that workers run at."""
    clouds: Mapping[ProviderName, FuzzCloud]
    webhook: FuzzWebhook
    links: list[tuple[Link, str]] = field(default_factory=list)
    """The links that were made, with their signatures."""
    jobs: list[JobId] = field(default_factory=list)
    keys: dict[str, Workload] = field(default_factory=dict)
    """What was submitted under each key."""
    agents: list[MachineName] = field(default_factory=list)
    """Machines whose agent has spoken, in the order in which it did."""
    happened: Counter[str] = field(default_factory=Counter)
    tale: list[tuple[int, datetime, str]] = field(default_factory=list)
    """What was done to the broker: after which fact, when, and in words."""
    secrets: list[tuple[KeyId, str]] = field(default_factory=list)
    """The keys that desks were given, with what opens them."""
    telling: bool = False
    beating: frozenset[Part] = frozenset()
    """The parts that give signs of life; none does before the first outage."""
    _facts: list[Fact] = field(default_factory=list)
    _chance: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - a history, no secret

    @property
    def rules(self) -> Rulebook:
        """Those of some worker, at one place or another."""
        return self._chance.choice(self.rulebooks)

    # -- what there is to see

    def facts(self) -> list[Fact]:
        """The log so far, sealed."""
        while self.store.seal(10_000):
            pass
        self._facts += self.store.facts(len(self._facts), 1_000_000)
        return self._facts

    def offers(self) -> list[OfferId]:
        return [OfferId(f.data["offer"]) for f in self.facts() if f.type == "OfferIssued"]

    def machines(self) -> list[Machine]:
        """Those that are not over, by name."""
        with self.quietly() as store, store.transaction() as tx:
            return sorted(tx.machines(), key=lambda machine: machine.name)

    @contextmanager
    def quietly(self) -> Iterator[Store]:
        """The store for somebody who only looks: it has no seams."""
        yield self.store.inner if isinstance(self.store, SeamedStore) else self.store

    def say(self, what: str) -> None:
        if self.telling:
            self.tale.append((len(self.facts()), self.clock.at, what))

    # -- what workers do

    def steps(self) -> dict[str, Callable[[], object]]:
        """Every step that a worker runs, by name."""
        made: dict[str, Callable[[], object]] = {
            "place_round": lambda: place_round(self.store, self.rules),
            "put_offers": lambda: put_offers(self.store, self.rules),
            "sweep": self._sweep,
            "announce": self.announce,
        }
        for name, cloud in self.clouds.items():
            made[f"provision {name}"] = partial(provision, name, cloud, self.store, self.rules)
            made[f"reconcile {name}"] = partial(reconcile, name, cloud, self.store, self.rules)
        return made

    def _sweep(self) -> None:
        sweep(self.store)
        withdraw_refused(self.store, self.rules)

    def announce(self) -> None:
        announce(self.store, self.rules, self.webhook.post)

    def settle(self) -> None:
        """Every step that is due at this instant, until none is."""
        for _ in range(_TOO_OFTEN):
            due, ran = self.store.upcoming(), False
            if due.jobs is not None and due.jobs <= self.clock.at:
                place_round(self.store, self.rules)
                ran = True
            if due.offers is not None and due.offers <= self.clock.at:
                put_offers(self.store, self.rules)
                ran = True
            if due.notices is not None and due.notices <= self.clock.at:
                self.announce()
                ran = True
            for name, at in due.machines.items():
                if at <= self.clock.at:
                    provision(name, self.clouds[name], self.store, self.rules)
                    ran = True
            if not ran:
                return
        raise NeverRests(f"something is due again and again at {self.clock.at:%H:%M:%S}")

    def pass_to(self, end: datetime, late: timedelta) -> None:
        """Let time pass; what is due is done, so late."""
        while True:
            due = self.store.next_due()
            if due is None or due + late >= end:
                break
            self._move_to(due + late)
            self.settle()
        self._move_to(end)

    def _move_to(self, at: datetime) -> None:
        """Parts that are there give signs of life all the while."""
        self.clock.at = max(self.clock.at, at)
        if self.beating:
            with self.quietly() as store, store.transaction() as tx:
                tx.put_beats({part.value: tx.now for part in self.beating})

    def rest(self) -> None:
        """Everybody is honest from now on, and nothing is lost: two hours in which all comes out.

        The desks of people stay silent, and agents do what they are told.
        """
        self.seams.disarm()
        for cloud in self.clouds.values():
            cloud.calm()
        self.webhook.moods.clear()
        self._make_peace()
        self.pass_to(self.clock.at + _REST, timedelta(0))
        for _ in range(2):
            for name, cloud in self.clouds.items():
                reconcile(name, cloud, self.store, self.rules)
            self.pass_to(self.clock.at + timedelta(minutes=5), timedelta(0))

    def _make_peace(self) -> None:
        """No conflict stands any more, so that no job has to wait for its end."""
        with self.quietly() as store:
            with store.transaction() as tx:
                registers = tx.registers(fuzzed())
            for name, register in registers.items():
                for one in register.conflicts:
                    put_on_record(name, Revocation(record=one.id), "operator", store, self.rules)


def _desk_for(work: Workload) -> Desk:
    return Desk.PERSON if work.tenant in PEOPLE else Desk.AUTOMATIC


@contextmanager
def a_world(sqlite: str | None = None, *, telling: bool = False) -> Iterator[World]:
    """A world on the memory store, or on a new SQLite file in a directory."""
    clock, ids, seams = VirtualClock(START), CountingIds(), Seams()
    if sqlite is None:
        yield _world(MemoryStore(clock, ids), clock, ids, seams, telling=telling)
        return
    path = Path(sqlite) / "history.db"
    for old in Path(sqlite).glob("history.db*"):
        old.unlink()
    shutil.copyfile(Path(sqlite) / "empty.db", path)
    store = SqlStore(f"sqlite:///{path}", clock, ids)
    event.listen(store.engine, "connect", _without_waiting)
    try:
        yield _world(store, clock, ids, seams, telling=telling)
    finally:
        store.close()


def _without_waiting(connection: DBAPIConnection, _: object) -> None:
    """Nobody pulls the plug here, so the disk need not be waited for."""
    connection.cursor().execute("PRAGMA synchronous = OFF")


@contextmanager
def sqlite_directory() -> Iterator[str]:
    """A directory with a database that has its tables: each history begins with a copy."""
    with TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as made:
        store = SqlStore(f"sqlite:///{made}/empty.db", VirtualClock(START), CountingIds())
        store.migrate()
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        yield made


def _world(
    store: Store, clock: VirtualClock, ids: CountingIds, seams: Seams, *, telling: bool
) -> World:
    rulebooks = [
        Rulebook(
            agreements=fuzzed(),
            default_agreement=HOUSE,
            by_tenant=AGREEMENT_OF,
            pools=POOLS,
            desk_for=_desk_for,
            vantage=vantage,
            webhooks={QUOTED: Webhook(url="http://127.0.0.1/", secret=b"of the fuzz")},
            follow=following,
        )
        for vantage in VANTAGES
    ]
    clouds = {
        name: FuzzCloud(
            name=name,
            clock=clock,
            seams=seams,
            stock={place: 2 for place in PLACES if place.provider is name},
        )
        for name in sorted({place.provider for place in PLACES})
    }
    record_editions(store, fuzzed().values())
    record_prices(store, POOLS)
    happened: Counter[str] = Counter()
    world = World(
        clock=clock,
        ids=ids,
        seams=seams,
        store=SeamedStore(store, seams),
        rulebooks=rulebooks,
        clouds=clouds,
        webhook=FuzzWebhook(seams=seams, happened=happened),
        happened=happened,
        telling=telling,
    )
    world.webhook.waits = lambda seconds: world.pass_to(
        clock.at + timedelta(seconds=seconds), timedelta(0)
    )
    return world
