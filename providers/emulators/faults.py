"""What goes wrong in a local cloud on purpose: wrong answers, broken connections, limits, lies."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

from providers.emulators.breaks import UNREAD, Break, Stage
from providers.emulators.wire import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """What a face answers instead of doing the operation."""

    operation: str
    """launch, get, operation, terminate or list."""
    status: int = 500
    code: str = "InternalError"
    message: str = ""
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False
    """Do the operation, then break the connection without an answer."""
    done: bool = False
    """Do the operation all the same: the answer is a lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many calls a second, for so long; those above are refused in the cloud's own words."""

    per_s: float
    for_s: float
    operation: str = ""
    retry_after_s: int = 1
    status: int = 429
    code: str = "TooManyRequests"
    message: str = "Too many requests."


class Lie(StrEnum):
    NOTHING_THERE = "nothing_there"
    """The next launches are answered as done, and nothing is made."""
    UNLISTED = "unlisted"
    """For some seconds after it was made a machine is in no list."""
    STALE = "stale"
    """For some seconds after it changed a machine is shown as it was."""
    TWICE = "twice"
    """The next answers are sent twice."""


Fault: TypeAlias = InjectedFault | Break | Limit
_T = TypeVar("_T", InjectedFault, Break)


class Faults:
    """What is to go wrong, in order; and a count of the calls that came. Safe in many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls: Counter[str] = Counter()
        """How many calls of each operation came."""
        self.most: Counter[str] = Counter()
        """How many of each were under way at once at most."""
        self.slow_s: dict[str, float] = {}
        """How long each operation takes before it begins."""
        self.for_s: dict[Lie, float] = {}
        """The lies that are told for so long after each change."""
        self._next: Counter[Lie] = Counter()
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._wrong: list[InjectedFault] = []
        self._breaks: list[Break] = []
        self._limits: list[tuple[Limit, float]] = []
        self._spent: list[float] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            if isinstance(fault, InjectedFault):
                self._wrong.append(fault)
            elif isinstance(fault, Break):
                self._breaks.append(fault)
            else:
                self._limits.append((fault, self._clock() + fault.for_s))

    def lie(self, lie: Lie, *, times: int = 0, for_s: float = 0.0) -> None:
        """Tell it so many times, or for so long after each change."""
        with self._lock:
            self._next[lie] += times
            self.for_s[lie] = for_s

    def calm(self) -> None:
        """From now on all goes well."""
        with self._lock:
            for one in (self._wrong, self._breaks, self._limits):
                one.clear()
            for other in (self.slow_s, self.for_s, self._next):
                other.clear()

    def lies(self, lie: Lie) -> bool:
        """Whether this is told now; counted down."""
        with self._lock:
            told = self._next[lie] > 0
            self._next[lie] -= told
            return told

    def take(self, operation: str) -> InjectedFault | None:
        """The next wrong answer for the operation, counted down."""
        with self._lock:
            limited = self._limited(operation)
            if limited is not None:
                return limited
            for index, fault in enumerate(self._wrong):
                if fault.operation == operation:
                    return _counted(self._wrong, index)
        return None

    def arriving(self) -> Break | None:
        """What is to happen to a call of which nothing has been read yet; counted down."""
        with self._lock:
            return self._broken("", unread=True)

    def through(
        self,
        operation: str,
        answer: Callable[[], Reply],
        wrong: Callable[[InjectedFault], Reply],
    ) -> Reply:
        """The answer to a call, with whatever is to go wrong with it."""
        with self._lock:
            self.calls[operation] += 1
            self._under_way[operation] += 1
            self.most[operation] = max(self.most[operation], self._under_way[operation])
            broken = self._broken(operation, unread=False)
        try:
            if seconds := self.slow_s.get(operation):
                time.sleep(seconds)
            if broken is not None and broken.stage is Stage.BEFORE:
                return Reply(500, broken=broken)
            fault = self.take(operation)
            if fault is not None and not (fault.dropped or fault.done):
                return replace(wrong(fault), broken=broken)
            reply = answer()
            if fault is not None:
                reply = replace(reply, dropped=True) if fault.dropped else wrong(fault)
            return replace(reply, broken=broken, twice=self.lies(Lie.TWICE))
        finally:
            with self._lock:
                self._under_way[operation] -= 1

    def _broken(self, operation: str, *, unread: bool) -> Break | None:
        for index, one in enumerate(self._breaks):
            if (one.stage in UNREAD) is not unread or one.operation not in ("", operation):
                continue
            if one.passing > 0:
                self._breaks[index] = replace(one, passing=one.passing - 1)
                continue
            return _counted(self._breaks, index)
        return None

    def _limited(self, operation: str) -> InjectedFault | None:
        now = self._clock()
        self._limits = [(limit, until) for limit, until in self._limits if until > now]
        self._spent = [at for at in self._spent if now - at < 1.0]
        for limit, _ in self._limits:
            if limit.operation not in ("", operation):
                continue
            if len(self._spent) >= limit.per_s:
                wait = {"Retry-After": str(limit.retry_after_s)}
                return InjectedFault(
                    operation=operation,
                    status=limit.status,
                    code=limit.code,
                    message=limit.message,
                    headers=wait,
                )
            self._spent.append(now)
        return None


def _counted(queue: list[_T], index: int) -> _T:
    """One of the queue, with one time less to go."""
    one = queue[index]
    if one.times > 1:
        queue[index] = replace(one, times=one.times - 1)
    else:
        del queue[index]
    return one
