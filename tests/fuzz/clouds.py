"""A cloud that answers late, badly, wrongly or not at all, as the history has it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from broker.domain.market import Place
from broker.domain.place import Reach
from broker.domain.values import MachineName, ProviderName, RefusalReason
from broker.ports import (
    Clock,
    Fault,
    FaultKind,
    Gone,
    Launching,
    Order,
    Outcome,
    OwnedMachine,
    Refused,
    Running,
    Unsure,
)
from tests.fuzz.seams import Seams


class Mood(StrEnum):
    """How the next call is answered."""

    THROTTLED = "limits our calls"
    AUTH = "does not accept our credentials"
    INVALID = "finds our request invalid"
    TRANSIENT = "has a bad day"
    CONFLICT = "finds a conflict"
    UNREACHABLE = "cannot be reached"
    UNKNOWN_CODE = "answers with a code nobody knows"
    UNSURE_MADE = "makes the machine and loses the answer"
    UNSURE_NOT = "breaks off before it makes the machine"
    SLOW = "takes its time"
    HANGS = "begins and does not come to an end"
    LATE_NO = "begins and then says no"
    NO_QUOTA = "says no: our quota is used up"
    NOT_STOCKED = "says no: it does not stock the machine"
    NO_QUOTA_AT_ALL = "says no: our quota in all of it is used up"
    NEVER_RAISED = "says no: our quota was never raised from 0"
    BAD_WISH = "finds that what the job wishes cannot be"
    FULL = "says no though it has some"
    VANISHES = "begins, and the machine comes to nothing"
    GHOST = "says that a machine runs which is not there"
    KEEPS = "does not end a machine when it is told to"


_FAULTS: Final = {
    Mood.THROTTLED: FaultKind.THROTTLED,
    Mood.AUTH: FaultKind.AUTH,
    Mood.INVALID: FaultKind.INVALID,
    Mood.TRANSIENT: FaultKind.TRANSIENT,
    Mood.CONFLICT: FaultKind.CONFLICT,
    Mood.UNREACHABLE: FaultKind.UNREACHABLE,
    Mood.UNKNOWN_CODE: FaultKind.UNKNOWN_CODE,
    Mood.NEVER_RAISED: FaultKind.NO_QUOTA,
    Mood.BAD_WISH: FaultKind.BAD_WISH,
}
_REACH: Final = {
    Mood.AUTH: Reach.CLOUD,
    Mood.THROTTLED: Reach.REGION,
    Mood.INVALID: Reach.REGION,
    Mood.NEVER_RAISED: Reach.FAMILY,
    Mood.NO_QUOTA: Reach.FAMILY,
    Mood.NO_QUOTA_AT_ALL: Reach.CLOUD,
}
"""What else the cloud speaks of than the place."""
_REFUSALS: Final = {
    Mood.NO_QUOTA: RefusalReason.OVER_QUOTA,
    Mood.NO_QUOTA_AT_ALL: RefusalReason.OVER_QUOTA,
    Mood.NOT_STOCKED: RefusalReason.NOT_STOCKED,
    Mood.FULL: RefusalReason.NO_CAPACITY,
}
_TAKES_S: Final = {Mood.SLOW: 20, Mood.LATE_NO: 20, Mood.VANISHES: 20, Mood.HANGS: 1500}


@dataclass(kw_only=True)
class FuzzCloud:
    name: ProviderName
    clock: Clock
    seams: Seams
    stock: dict[Place, int]
    moods: deque[Mood] = field(default_factory=deque)
    there: dict[MachineName, Place] = field(default_factory=dict)
    """The machines there are."""
    calls: int = 0
    _begun: dict[MachineName, tuple[float, Mood]] = field(default_factory=dict)
    """When a machine being made is ready, and in what mood it was begun."""

    def launch(self, order: Order) -> Outcome:
        return self._through(lambda: self._launch(order), f"{self.name} is asked for a machine")

    def poll(self, order: Order, handle: str) -> Outcome:
        return self._through(lambda: self._poll(order, handle), f"{self.name} is asked how it goes")

    def terminate(self, order: Order, handle: str | None) -> bool:
        self.seams.pass_by(f"before {self.name} is told to end a machine")
        self.calls += 1
        if self.moods and self.moods[0] in (Mood.KEEPS, Mood.UNREACHABLE):
            self.moods.popleft()
            return False
        self._begun.pop(order.name, None)
        place = self.there.pop(order.name, None)
        if place is not None:
            self.stock[place] += 1
        self.seams.pass_by(f"after {self.name} has ended a machine")
        return True

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        self.seams.pass_by(f"before {self.name} lists our machines")
        listed = [
            OwnedMachine(name=name, place=place, handle=name, running=True)
            for name, place in self.there.items()
        ]
        self.seams.pass_by(f"after {self.name} has listed our machines")
        return listed

    def lose(self, name: MachineName) -> None:
        self.stock[self.there.pop(name)] += 1

    def calm(self) -> None:
        """It is honest from now on, has plenty, and what it still makes is ready."""
        self.moods.clear()
        for place in self.stock:
            self.stock[place] = max(self.stock[place], 50)
        self._begun = dict.fromkeys(self._begun, (0, Mood.SLOW))

    def _through(self, answer: Callable[[], Outcome], what: str) -> Outcome:
        self.seams.pass_by(f"before {what}")
        self.calls += 1
        told = answer()
        self.seams.pass_by(f"after {what}")
        return told

    def _launch(self, order: Order) -> Outcome:
        if order.name in self._begun:
            return self._poll(order, order.name)
        mood = self.moods.popleft() if self.moods else None
        if mood in _FAULTS:
            return self._fault(mood)
        if mood in _REFUSALS and order.name not in self.there:
            reach = _REACH.get(mood, Reach.PLACE)
            return Refused(_REFUSALS[mood], mood.name.title(), reach=reach)
        if mood in (Mood.UNSURE_MADE, Mood.UNSURE_NOT):
            if mood is Mood.UNSURE_MADE:
                self._take(order)
            return Unsure("the connection broke off")
        if mood in _TAKES_S and order.name not in self.there:
            self._begun[order.name] = (self._now() + _TAKES_S[mood], mood)
            return Launching(order.name, retry_after_s=min(_TAKES_S[mood], 60))
        return Running(order.name) if mood is Mood.GHOST else self._take(order)

    def _poll(self, order: Order, handle: str) -> Outcome:
        if self.moods and self.moods[0] in _FAULTS:
            return self._fault(self.moods.popleft())
        if order.name not in self._begun:
            return Running(handle) if order.name in self.there else Gone("it is not there")
        ready, mood = self._begun[order.name]
        left = ready - self._now()
        if left > 0:
            return Launching(handle, retry_after_s=min(left, 60))
        del self._begun[order.name]
        if mood is Mood.VANISHES:
            return Gone("it came to nothing")
        if mood is Mood.LATE_NO:
            return Refused(RefusalReason.NO_CAPACITY, "LateNo")
        return self._take(order)

    def _fault(self, mood: Mood) -> Fault:
        retry = 15 if mood is Mood.THROTTLED else None
        reach = _REACH.get(mood, Reach.PLACE)
        return Fault(_FAULTS[mood], mood.name.title(), retry_after_s=retry, reach=reach)

    def _take(self, order: Order) -> Outcome:
        if order.name not in self.there:
            if self.stock.get(order.place, 0) < 1:
                return Refused(RefusalReason.NO_CAPACITY, "Full")
            self.stock[order.place] -= 1
            self.there[order.name] = order.place
        return Running(order.name)

    def _now(self) -> float:
        return self.clock.now().timestamp()
