"""Which machines a cloud is asked for now, by what each of its places has answered so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from broker.domain.machine import Machine, MachineState
from broker.domain.market import Place, allowance
from broker.domain.places import PlaceRecord
from broker.ports import Launching, Order, Outcome, Provider, Refused, Running, Unsure
from broker.steps.rulebook import Rulebook, refused
from broker.steps.told import Ended, NotYet, StandsRefused, Told


class Asking:
    """The talk with one cloud. It remembers what each place answered since it was last read."""

    def __init__(self, provider: Provider, rules: Rulebook) -> None:
        self.provider, self.rules = provider, rules
        self.places: dict[Place, PlaceRecord] = {}
        self.streak: dict[Place, int] = {}
        self.full: dict[Place, int] = {}
        self.open: dict[Place, int] = {}
        """How many machines each place was asked for and has not answered."""
        self.calling: Counter[Place] = Counter()
        """How many first calls to each place are under way."""

    def read(self, records: Mapping[Place, PlaceRecord], asked: Mapping[Place, int]) -> None:
        """Forget what was heard of the places that were `asked` so often: that is on record now."""
        for place, number in asked.items():
            record = records.get(place)
            self.open[place] = number
            self.streak[place] = record.streak if record is not None else 0
            self.full.pop(place, None)
            if record is not None:
                self.places[place] = record

    def unasked(self, machine: Machine, now: datetime) -> StandsRefused | NotYet | None:
        """Why its cloud is not asked for it now; None: it is to be asked."""
        if not _first(machine):
            return None
        place = machine.place
        standing = refused(self.places.get(place), now, machine.together)
        shut = standing is not None or self._full(place, machine.together)
        if shut and not machine.owed:
            return StandsRefused(standing)
        slow = self.rules.slow_start
        if slow and self.open.get(place, 0) >= allowance(self.streak.get(place, 0)):
            return NotYet()
        return None

    def call(self, machine: Machine) -> Callable[[], Told]:
        """What is to be asked of its cloud: it counts as asked from here on."""
        order = self._order(machine)
        match machine.state:
            case MachineState.WANTED:
                if _first(machine):
                    self.open[machine.place] = self.open.get(machine.place, 0) + 1
                    self.calling[machine.place] += 1
                return lambda: self._launched(order)
            case MachineState.ASKED:
                return lambda: self.provider.poll(order, machine.handle or "")
            case _:
                return lambda: Ended(self.provider.terminate(order, machine.handle))

    def heard(self, machine: Machine, said: Told | Exception) -> Told:
        """What a call has come to. One that broke in our own hands may have done everything."""
        place, state = machine.place, machine.state
        if state is MachineState.WANTED and _first(machine):
            self.calling[place] -= 1
        if isinstance(said, Exception):
            known = state in (MachineState.WANTED, MachineState.ASKED)
            return Unsure(f"{type(said).__name__}: {said}") if known else Ended(gone=False)
        if state is MachineState.WANTED and isinstance(said, Running):
            self.streak[place] = self.streak.get(place, 0) + 1
            self.open[place] = self.open.get(place, 1) - 1
        elif state is MachineState.WANTED and isinstance(said, Refused):
            self.full[place] = min(machine.together, self.full.get(place, machine.together))
        return said

    def _launched(self, order: Order) -> Outcome:
        """The answer to a launch, and one look at how it went: an instant cloud is done by then."""
        outcome = self.provider.launch(order)
        if not isinstance(outcome, Launching) or outcome.retry_after_s is not None:
            return outcome
        seen = self.provider.poll(order, outcome.handle)
        return seen if isinstance(seen, Launching | Running | Refused) else outcome

    def _full(self, place: Place, units: int) -> bool:
        """Whether the place has refused as many, or fewer, since it was read."""
        return place in self.full and units >= self.full[place]

    def _order(self, machine: Machine) -> Order:
        labels = {"broker-job": machine.job.lower().replace("_", "-")}
        if machine.offer is not None:
            labels["broker-offer"] = machine.offer.lower().replace("_", "-")
        return self.rules.order(machine.name, machine.place, labels)


def _first(machine: Machine) -> bool:
    """Whether this claim is the machine's first: nobody can have asked for it before."""
    return machine.state is MachineState.WANTED and machine.tries == 1
