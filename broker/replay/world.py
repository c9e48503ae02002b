"""The world of a replay: a clock that jumps, ids that count, clouds that hold what series say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s

from broker.domain.market import Place
from broker.domain.stock import Series
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import Gone, Launching, Order, Outcome, OwnedMachine, Refused, Running

_NEVER_S = 1e6


class VirtualClock:
    """Stands still until the replay moves it."""

    def __init__(self, start: datetime) -> None:
        self.start = self.at = start

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return (self.at - self.start).total_seconds()


class CountingIds:
    """The same replay makes the same ids."""

    def __init__(self) -> None:
        self._made = 0

    def new(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_{self._made:08d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskHabit:
    """How the holder's cloud answers: at once, after a while, or, for a share of offers, never."""

    delay_s: float = 0
    silent: float = 0
    seed: int = 0

    @property
    def at_once(self) -> bool:
        return not self.delay_s and not self.silent

    def answers(self, offer: str) -> bool:
        """Whether this offer is answered at all; the same seed gives the same silences."""
        drawn = blake2s(f"{self.seed}/{offer}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") / 2**64 >= self.silent


class StockProvider:
    """A cloud that has what its series say; a drop only stops new machines (admission reading)."""

    def __init__(
        self,
        name: ProviderName,
        stock: Mapping[Place, Series],
        clock: VirtualClock,
        habit: DeskHabit | None = None,
    ) -> None:
        self._name, self._stock, self._clock = name, stock, clock
        self._habit = habit or DeskHabit()
        self._used: Counter[Place] = Counter()
        self._held: dict[str, Place] = {}
        self._ready: dict[str, float] = {}

    @property
    def name(self) -> ProviderName:
        return self._name

    def launch(self, order: Order) -> Outcome:
        if self._habit.at_once or "broker-offer" not in order.labels:
            return self._take(order)
        if not self._habit.answers(order.labels["broker-offer"]):
            return Launching(order.name, retry_after_s=_NEVER_S)
        self._ready.setdefault(order.name, self._clock.seconds() + self._habit.delay_s)
        return self.poll(order, order.name)

    def poll(self, order: Order, handle: str) -> Outcome:
        ready = self._ready.get(order.name)
        if ready is None:
            return Gone("never answered")
        left = ready - self._clock.seconds()
        if left > 0:
            return Launching(handle, retry_after_s=left)
        return self._take(order)

    def _take(self, order: Order) -> Outcome:
        place = order.place
        if order.name not in self._held:
            if self._stock[place].available(self._clock.seconds()) <= self._used[place]:
                self._ready.pop(order.name, None)
                return Refused(RefusalReason.NO_CAPACITY, "stock")
            self._used[place] += 1
            self._held[order.name] = place
        return Running(order.name)

    def terminate(self, order: Order, handle: str | None) -> bool:
        del handle
        self._ready.pop(order.name, None)
        place = self._held.pop(order.name, None)
        if place is not None:
            self._used[place] -= 1
        return True

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        del owner
        return ()
