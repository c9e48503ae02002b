"""Log to queue: the one loop that seals facts, follows them with nudges, and watches the timers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.values import ProviderName
from broker.ports import Clock, Store, Upcoming
from broker.steps.rulebook import Rulebook
from broker.steps.scout import STALE
from workers.reactions import BY_NAME, Nudge, Task

_LOG: Final = logging.getLogger(__name__)
BATCH: Final = 1000
GAP_S: Final = 0.005
"""Two nudges of one name are at least so far apart; the second is kept back, never dropped."""
SCOUT_GAP_S: Final = 5.0
"""Offers may come by the hundred; what is thought of places changes more slowly."""
FIRST_REPEAT_S: Final = 0.02
LAST_REPEAT_S: Final = 1.0
"""What stays due is nudged for again after 20 ms, 40 ms, and so on to a second."""


@dataclass(kw_only=True)
class Rounds:
    """What is done every so often, whatever is due; each is done once at the start."""

    every_s: Mapping[Nudge, float]
    _next: dict[Nudge, float] = field(default_factory=dict)

    def due(self, now: float) -> list[Nudge]:
        due = [nudge for nudge in self.every_s if self._next.get(nudge, now) <= now]
        self._next |= {nudge: now + self.every_s[nudge] for nudge in due}
        return due


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Work that is due and still there: when it is nudged for next, and how long after that."""

    due: datetime
    at: float
    every_s: float = FIRST_REPEAT_S


@dataclass(kw_only=True)
class Relay:
    """Remembers its position in memory: whoever begins anew nudges for everything once."""

    store: Store
    rules: Rulebook
    providers: Sequence[ProviderName]
    publish: Callable[[Nudge], None]
    clock: Clock
    seconds: Callable[[], float]
    """A count of seconds that only grows."""
    rounds: Rounds
    sealed: Callable[[], object] = tuple
    """Called when there is something new to read in the log."""
    told: bool = False
    """Whether `hear` is told of every commit there is; then no fact need be followed."""

    def __post_init__(self) -> None:
        self._all = (
            Nudge(Task.PLACE),
            Nudge(Task.OFFERS),
            Nudge(Task.ANNOUNCE),
            *(Nudge(Task.PROVISION, provider) for provider in self.providers),
        )
        self._owed: dict[Nudge, None] = dict.fromkeys(self._all)
        self._sent: dict[Nudge, float] = {}
        self._position = head(self.store)
        self._late: dict[Nudge, Late] = {}
        self._deaf = False
        self._lock = threading.Lock()
        """For what is owed and sent: `hear` is called in any thread."""

    @property
    def position(self) -> int:
        """Up to where the log has been followed."""
        return self._position

    def run(
        self, wait: Callable[[float], object], over: Callable[[], bool], longest_s: float
    ) -> None:
        """Until it is over. `wait` returns after a commit, or after so many seconds."""
        blind = False
        while not over():
            try:
                wait_s, blind = self.turn(), False
            except Exception:  # noqa: BLE001 - a database that was away comes back
                if not blind:
                    _LOG.exception("the relay could not look at the log; it goes on trying")
                wait_s, blind = LAST_REPEAT_S, True
            wait(min(wait_s, longest_s))

    def turn(self) -> float:
        """Seal, follow, and nudge for what is due; returns in how many seconds to look again."""
        while self.store.seal(BATCH) >= BATCH:
            pass
        told = False
        while facts := self.store.facts(after=self._position, limit=BATCH):
            self._owe(
                nudge
                for nudge in self._following(facts)
                if not self.told or nudge.task is Task.SCOUT  # which no row is due for
            )
            self._position, told = facts[-1].position, True
        if told:
            self.sealed()
        now = self.seconds()
        self._owe(self.rounds.due(now))
        soonest = min(self._look_at_timers(now), LAST_REPEAT_S)
        return min(soonest, self._pay(now, list(self._owed)))

    def hear(self, written: Upcoming) -> None:
        """A commit has made this due: nudge in the thread that committed, before it is sealed."""
        at = self.clock.now()
        self._owe(due := [nudge for nudge, first in self._waiting(written) if first <= at])
        self._pay(self.seconds(), due)

    def _following(self, facts: Sequence[Fact]) -> Iterable[Nudge]:
        for fact in facts:
            for task in BY_NAME.get(fact.type, ()):
                if not task.by_cloud:
                    yield Nudge(task)
                    continue
                # What is looked into are the places of others, whoever the fact names.
                about = self.providers if task is Task.SCOUT else self._concerned(fact.data)
                for provider in about:
                    yield Nudge(task, provider)

    def _concerned(self, told: Mapping[str, Any]) -> Iterable[ProviderName]:
        """The clouds that a fact can be about: the one it names, or its agreement's holder."""
        if (named := told.get("provider")) is not None:
            about: Iterable[str] = (named,)
        elif (agreement := self.rules.agreements.get(told.get("agreement", ""))) is not None:
            edition = agreement.edition(told.get("edition", ""))
            about = edition.holder_pools if edition is not None else self.providers
        else:
            about = self.providers
        return [provider for provider in self.providers if provider.value in about]

    def _look_at_timers(self, now: float) -> float:
        """Nudge for what is due; returns in how many seconds the next is."""
        soonest = LAST_REPEAT_S
        waiting = dict(self._waiting(self.store.upcoming()))
        self._late = {nudge: late for nudge, late in self._late.items() if nudge in waiting}
        for nudge, due in waiting.items():
            left_s = (due - self.clock.now()).total_seconds()
            if left_s <= 0:
                left_s = self._nudge_late(nudge, due, now, now + left_s)
            soonest = min(soonest, left_s)
        return soonest

    def _waiting(self, first: Upcoming) -> Iterable[tuple[Nudge, datetime]]:
        """When the first of each kind of work is due."""
        if first.jobs is not None:
            yield Nudge(Task.PLACE), first.jobs
        if first.offers is not None:
            yield Nudge(Task.OFFERS), first.offers
        if first.notices is not None:
            yield Nudge(Task.ANNOUNCE), first.notices
        for provider, at in first.machines.items():
            if provider in self.providers:
                yield Nudge(Task.PROVISION, provider), at

    def _nudge_late(self, nudge: Nudge, due: datetime, now: float, since: float) -> float:
        """What is due is nudged for once, then again and again while it stays so.

        A nudge that was called for since it is due will do for the first.
        """
        late = self._late.get(nudge)
        if late is None or late.due != due:
            sent = now if nudge in self._owed else self._sent.get(nudge, -LAST_REPEAT_S)
            late = Late(due=due, at=sent + FIRST_REPEAT_S if sent >= since else now)
        if now >= late.at:
            self._owe([nudge])
            every_s = min(2 * late.every_s, LAST_REPEAT_S)
            late = Late(due=due, at=now + late.every_s, every_s=every_s)
        self._late[nudge] = late
        return late.at - now

    def _owe(self, nudges: Iterable[Nudge]) -> None:
        with self._lock:
            self._owed |= dict.fromkeys(nudges)

    def _pay(self, now: float, nudges: Iterable[Nudge]) -> float:
        """Publish what is owed and not too soon; what fails stays owed. Returns the next time."""
        soonest = LAST_REPEAT_S
        for nudge in nudges:
            wait_s = self._take(nudge, now)
            if wait_s > 0:
                soonest = min(soonest, wait_s)
                continue
            try:
                self.publish(nudge)
            except Exception as broken:  # noqa: BLE001 - whatever the queue's client raises
                self._owe([nudge])
                self._say_once(broken)
                return LAST_REPEAT_S
            self._deaf = False
        return soonest

    def _take(self, nudge: Nudge, now: float) -> float:
        """Take it off what is owed, or say how long it is too soon for that."""
        with self._lock:
            if nudge not in self._owed:
                return LAST_REPEAT_S  # another thread has just sent it
            gap_s = SCOUT_GAP_S if nudge.task is Task.SCOUT else GAP_S
            wait_s = self._sent.get(nudge, now - gap_s) + gap_s - now
            if wait_s <= 0:
                del self._owed[nudge]
                self._sent[nudge] = now
            return wait_s

    def _say_once(self, broken: Exception) -> None:
        if not self._deaf:
            _LOG.warning("the queue takes no nudges, and is asked again: %s", broken)
        self._deaf = True


def usual_rounds(
    providers: Iterable[ProviderName], sweep_every_s: float, reconcile_every_s: float
) -> Rounds:
    clouds = tuple(providers)
    compare = {Nudge(Task.RECONCILE, provider): reconcile_every_s for provider in clouds}
    look = {Nudge(Task.SCOUT, provider): STALE.total_seconds() for provider in clouds}
    return Rounds(every_s={Nudge(Task.SWEEP): sweep_every_s, **compare, **look})


def head(store: Store) -> int:
    """The position of the last sealed fact, found in a few looks: positions leave no gap."""

    def reaches(position: int) -> bool:
        return position == 0 or bool(store.facts(after=position - 1, limit=1))

    high = 1
    while reaches(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if reaches(middle) else (low, middle)
    return low
