"""A pretend cloud: it counts its stock, and can be told to answer late, badly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from broker.domain.market import Place
from broker.domain.values import MachineName, ProviderName, RefusalReason
from broker.ports import (
    Clock,
    Fault,
    Gone,
    Launching,
    Order,
    Outcome,
    OwnedMachine,
    Refused,
    Running,
    Unsure,
)


@dataclass(kw_only=True)
class PretendCloud:
    """Honest: what it says it made is there, is counted, and takes from its stock."""

    name: ProviderName
    clock: Clock
    stock: dict[Place, int]
    takes_s: float = 0
    """How long it works on a machine; whether there is one is decided at the end of it."""
    says_no: Refused = field(default_factory=lambda: Refused(RefusalReason.NO_CAPACITY, "Full"))
    """What it answers where its stock is gone."""
    fault: Fault | None = None
    """What it answers to everything while it is set."""
    unsure: list[bool] = field(default_factory=list)
    """The next launches break off in the middle: was the machine made all the same?"""
    keeps_s: float = 0
    """How long it takes to end a machine."""
    vanish: bool = False
    """Whether machines being made come to nothing, for no reason that the cloud would tell."""
    launches: list[tuple[MachineName, Place]] = field(default_factory=list)
    """Every call to launch, repeated ones too."""
    made: list[tuple[MachineName, Place]] = field(default_factory=list)
    """Every machine that there ever was, each once."""
    there: dict[MachineName, Place] = field(default_factory=dict)
    """The machines there are now."""
    since: dict[MachineName, datetime] = field(default_factory=dict)
    """When each of them was made."""
    before_launch: Callable[[Order], object] = lambda _: None
    _ready: dict[MachineName, float] = field(default_factory=dict)
    _lost: set[MachineName] = field(default_factory=set)
    _evicted: set[MachineName] = field(default_factory=set)
    _ending: dict[MachineName, float] = field(default_factory=dict)

    def calls_to(self, place: Place) -> int:
        return sum(1 for _, asked in self.launches if asked == place)

    def lose(self, name: MachineName) -> None:
        """A machine breaks down; the cloud lists it no more."""
        self.stock[self.there.pop(name)] += 1
        self._lost.add(name)

    def evict(self, name: MachineName) -> None:
        """The cloud takes a machine back, and has no other there for the time being."""
        self.stock[self.there.pop(name)] = 0
        self._evicted.add(name)

    def launch(self, order: Order) -> Outcome:
        self.before_launch(order)
        self.launches.append((order.name, order.place))
        if self.fault is not None:
            return self.fault
        if self.unsure:
            if self.unsure.pop(0):
                self._take(order)
            return Unsure("the connection broke off")
        if self.takes_s and order.name not in self.there:
            self._ready.setdefault(order.name, self._now() + self.takes_s)
            return Launching(order.name)
        return self._take(order)

    def poll(self, order: Order, handle: str) -> Outcome:
        if self.fault is not None:
            return self.fault
        if self.vanish:
            self._lost.add(order.name)
        if order.name in self._evicted:
            return Gone("taken back", preempted=True)
        if order.name in self._lost:
            return Gone("broke down")
        if self._now() < self._ready.get(order.name, 0):
            return Launching(handle)
        return self._take(order)

    def terminate(self, order: Order, handle: str | None) -> bool:
        if self.fault is not None:
            return False
        if self._now() < self._ending.setdefault(order.name, self._now() + self.keeps_s):
            return False
        self._ready.pop(order.name, None)
        place = self.there.pop(order.name, None)
        if place is not None:
            self.stock[place] += 1
        return True

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        return [
            OwnedMachine(
                name=name, place=place, handle=name, running=True, since=self.since.get(name)
            )
            for name, place in self.there.items()
        ]

    def _take(self, order: Order) -> Outcome:
        if order.name not in self.there:
            if self.stock.get(order.place, 0) < 1:
                return self.says_no
            self.stock[order.place] -= 1
            self.there[order.name] = order.place
            self.since[order.name] = self.clock.now()
            self.made.append((order.name, order.place))
        return Running(order.name)

    def _now(self) -> float:
        return self.clock.now().timestamp()
