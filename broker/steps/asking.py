"""Which machines a cloud is asked for now, by what each of its places has answered so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from broker.domain.machine import Machine, MachineState
from broker.domain.market import Place, allowance
from broker.domain.place import area, areas
from broker.domain.places import PlaceRecord, Trouble
from broker.ports import (
    Fault,
    Held,
    Holder,
    Launching,
    Order,
    Outcome,
    Provider,
    Refused,
    Running,
    Unsure,
)
from broker.steps.places import PAUSES, bound, shut
from broker.steps.rulebook import Rulebook
from broker.steps.told import Ended, NotYet, StandsRefused, Told

_NEVER: Final = 1_000_000
"""More machines than anybody asks for together."""


class Asking:
    """The talk with one cloud. It remembers what each place answered since it was last read."""

    def __init__(self, provider: Provider, rules: Rulebook) -> None:
        self.provider, self.rules = provider, rules
        self.places: dict[Place, PlaceRecord] = {}
        self.paused: set[Place] = set()
        """Places and areas to which no call is made from now on."""
        self.streak: dict[Place, int] = {}
        self.full: dict[Place, int] = {}
        self.open: dict[Place, int] = {}
        """How many machines each place was asked for and has not answered."""
        self.calling: Counter[Place] = Counter()
        """How many first calls to each place are under way."""

    def read(
        self, records: Mapping[Place, PlaceRecord], asked: Mapping[Place, int], now: datetime
    ) -> None:
        """Forget what was heard of the places that were `asked` so often: that is on record now."""
        around = {one for place in asked for one in areas(place)}
        self.places |= {one: records[one] for one in around if one in records}
        self.paused -= around
        self.paused |= {one for one in around if _lasts(self.places.get(one), now)}
        for one in around:
            self.full.pop(one, None)
        for place, number in asked.items():
            self.open[place] = number
            record = self.places.get(place)
            self.streak[place] = record.streak if record is not None else 0

    def unasked(self, machine: Machine, now: datetime) -> StandsRefused | NotYet | None:
        """Why its cloud is not asked about it now; None: it is to be asked."""
        place = machine.place
        if not self.paused.isdisjoint(areas(place)):
            return NotYet()
        if not first(machine):
            return None
        why = shut(self.places, machine, now)
        if isinstance(why, Trouble):
            return NotYet()
        if (why is not None or self._full(machine)) and not machine.owed:
            return StandsRefused(why)
        return NotYet() if self._must_wait(place) else None

    def answers_soon(self, machine: Machine) -> bool:
        """Whether all that keeps it waiting is a call to its place that is under way."""
        calling = first(machine) and self.calling[machine.place] > 0
        return calling and self.paused.isdisjoint(areas(machine.place))

    def call(self, machine: Machine) -> Callable[[], Told]:
        """What is to be asked of its cloud: it counts as asked from here on."""
        order = self._order(machine)
        match machine.state:
            case MachineState.WANTED:
                if first(machine):
                    self.open[machine.place] = self.open.get(machine.place, 0) + 1
                    self.calling[machine.place] += 1
                return lambda: self._launched(machine, order)
            case MachineState.ASKED:
                return lambda: self.provider.poll(order, machine.handle or "")
            case MachineState.RUNNING if not machine.stopping:
                return lambda: self.provider.poll(order, machine.handle or "")
            case _:
                return lambda: Ended(self.provider.terminate(order, machine.handle))

    def heard(self, machine: Machine, said: Told | Exception) -> Told:
        """What a call has come to. One that broke in our own hands may have done everything."""
        place, wanted = machine.place, machine.state is MachineState.WANTED
        if first(machine):
            self.calling[place] -= 1
        if isinstance(said, Exception):
            asked = wanted or machine.state in (MachineState.ASKED, MachineState.RUNNING)
            return Unsure(f"{type(said).__name__}: {said}") if asked else Ended(gone=False)
        if isinstance(said, Fault) and said.kind in PAUSES:
            self.paused.add(area(place, said.reach))
        elif wanted and isinstance(said, Running | Held):
            self.streak[place] = self.streak.get(place, 0) + 1
            self.open[place] = self.open.get(place, 1) - 1
        elif wanted and isinstance(said, Refused) and not said.domains_left:
            for where in {place, area(place, said.reach)}:
                self.full[where] = min(machine.together, self.full.get(where, machine.together))
        return said

    def _must_wait(self, place: Place) -> bool:
        """Whether the place must answer others first."""
        asked = self.open.get(place, 0)
        return self.rules.slow_start and asked >= allowance(self.streak.get(place, 0))

    def _launched(self, machine: Machine, order: Order) -> Outcome:
        """The answer to a launch, and one look at how it went: an instant cloud is done by then.

        What answers an offer is only held, where its cloud can keep room for a machine.
        """
        answers = machine.offer is not None and machine.commitment is None
        if answers and isinstance(self.provider, Holder):
            outcome = self.provider.hold(order)
        else:
            outcome = self.provider.launch(order)
        if not isinstance(outcome, Launching) or outcome.retry_after_s is not None:
            return outcome
        seen = self.provider.poll(order, outcome.handle)
        return seen if isinstance(seen, Launching | Running | Refused | Held) else outcome

    def _full(self, machine: Machine) -> bool:
        """Whether the place has refused as many, or fewer, since it was read."""
        where = (machine.place,) if bound(machine) else areas(machine.place)
        return any(machine.together >= self.full.get(one, _NEVER) for one in where)

    def _order(self, machine: Machine) -> Order:
        labels = {"broker-job": machine.job.lower().replace("_", "-")}
        if machine.offer is not None:
            labels["broker-offer"] = machine.offer.lower().replace("_", "-")
        most = machine.max_price_usd_hour
        domain = machine.domain if machine.together > 1 else None
        return self.rules.order(machine.name, machine.place, labels, most, machine.hold, domain)


def first(machine: Machine) -> bool:
    """Whether this claim is the machine's first: nobody can have asked for it before."""
    return machine.state is MachineState.WANTED and machine.tries == 1


def _lasts(record: PlaceRecord | None, now: datetime) -> bool:
    return record is not None and record.paused is not None and record.paused.lasts(now)
