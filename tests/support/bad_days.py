"""A real adapter, asked over HTTP on a day on which one thing goes wrong, among honest clouds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import Any, Final, cast

from typing_extensions import override

from broker.domain.machine import RunState
from broker.domain.market import Place
from broker.domain.values import JobId, ProviderName
from broker.ports import Provider
from broker.steps.sweep import sweep
from providers.emulators.cloud import Cloud
from providers.emulators.wire import Reply, Request, Wire
from providers.registry import provider
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, pool, work
from tests.support.clouds import Kind

READ_S: Final = "0.08"
"""How long the adapter waits for a cloud that hangs."""
_WHILE_S: Final = 45
_WHILES: Final = 4
"""Together longer than any claim, trouble or grace lasts."""
_APART: Final = 1000
"""One story's ids are so far from the next one's: a cloud remembers the keys of all."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """How long one call and its answer were, in bytes, more or less."""

    asked: int
    answered: int


class CountingWire(Wire):
    """Notes the calls that come."""

    def __init__(self, face: Any, cloud: Cloud) -> None:  # noqa: ANN401 - of any cloud
        self.seen: list[Exchange] = []
        super().__init__(face, cloud.faults.arriving)

    @override
    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        head = 40 + sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        answered = 60 + sum(len(name) + len(value) + 4 for name, value in reply.headers.items())
        self.seen.append(Exchange(head + len(request.body), answered + len(reply.body)))
        return reply


@dataclass(kw_only=True)
class BadDay:
    """One cloud, its adapter, and as many brokers as there are stories, one after the other."""

    kind: Kind
    cloud: Cloud
    wire: CountingWire
    adapter: Provider
    _stories: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def broker(self) -> Iterator[Broker]:
        """A broker that buys here first, and next door if it is sent away. It is audited."""
        here = Place(self.kind.name, self.kind.region, self.kind.sku)
        stock = {EAST: 0, AWS: 9, GCP: 9, here: 0}
        if self.kind.name is ProviderName.AZURE:
            del stock[EAST]  # it is the holder itself
        else:
            stock = {place: n for place, n in stock.items() if place.provider is not here.provider}
            stock[here] = 0
        pools = [pool(place, "2.00" if place == here else None) for place in stock]
        with a_broker(stock, pools=pools) as broker:
            broker.ids._made = _APART * next(self._stories)  # noqa: SLF001 - see `_APART`
            clouds = cast("dict[ProviderName, Provider]", broker.clouds)
            clouds[self.kind.name] = self.adapter
            yield broker

    def machines(self, broker: Broker) -> int:
        """How many there are, in all clouds."""
        others = [cloud for name, cloud in broker.clouds.items() if name is not self.kind.name]
        return len(self.cloud.list()) + sum(len(cloud.there) for cloud in others)

    def told(self, broker: Broker) -> str:
        """One story, for whoever has to understand what went wrong in it."""
        lines = [f"{fact.at} {fact.type} {dict(fact.data)}" for fact in broker.facts()]
        return "\n".join([*lines, *map(str, self.cloud.list()), *map(str, machines_of(broker))])


def machines_of(broker: Broker) -> list[Any]:
    return [m for live in broker.store.live.values() for m in live.values()]


def leases(broker: Broker) -> int:
    return sum(1 for machine in machines_of(broker) if machine.lease is not None)


def until_quiet(broker: Broker) -> None:
    """Fresh workers do all that is due for some minutes; agents run, sweep and reconcile do too."""
    for _ in range(_WHILES):
        broker.wait(_WHILE_S)
        for machine in machines_of(broker):
            if machine.lease is not None:
                broker.report(machine, RunState.RUNNING)
        sweep(broker.store)
        with suppress(ConnectionError):  # a list that cannot be had is had the next time
            broker.reconcile()


def bought(broker: Broker) -> JobId:
    """A job for one machine is submitted, and placed as far as that goes at once."""
    return broker.placed(work())[0]


@contextmanager
def a_bad_day(kind: Kind) -> Iterator[BadDay]:
    cloud = Cloud(stock={(kind.region, kind.sku): 50}, keys_stay=kind.keys_stay)
    face, account = import_module(f"providers.emulators.{kind.name.value}").open_account(cloud)
    wire = CountingWire(face, cloud)
    account = {**account, "endpoint": wire.url, "read_s": READ_S}
    try:
        yield BadDay(kind=kind, cloud=cloud, wire=wire, adapter=provider(kind.name, account))
    finally:
        wire.close()
