"""Buy, watch and end machines at one provider: load, talk, record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from broker.domain.line import SERVED_WAKES
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Place, allowance
from broker.domain.place import area, areas
from broker.domain.places import PlaceRecord, Trouble
from broker.domain.values import ProviderName
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
    Store,
)
from broker.steps.outcome import Round
from broker.steps.places import PAUSES, bound, concerned, shut
from broker.steps.rulebook import Rulebook
from broker.steps.told import Ended, NotYet, StandsRefused, Told
from broker.steps.withdraw_quote import withdraw_refused

_NEVER: Final = 1_000_000
"""More machines than anybody asks for together."""
CLAIMED_FOR: Final = timedelta(seconds=60)
"""How long a worker has for what it claimed before another may take it up."""


def provision(name: ProviderName, provider: Provider, store: Store, rules: Rulebook) -> int:
    """Take up what is due at this provider; returns how many machines that were."""
    with store.transaction() as tx:
        asked = tx.asked(name)
        machines = tx.claim_machines(name, limit=50, until=tx.now + CLAIMED_FOR)
        if not machines:
            return 0
        asking = _Asking(provider, rules, tx.places(), asked, machines, tx.now)
    # Who was never asked for goes first: a machine that fails again and again starves no other.
    told = [(machine, asking.ask(machine)) for machine in sorted(machines, key=_tries)]
    with store.transaction() as tx:
        cases = tx.cases(dict.fromkeys(machine.job for machine in machines))
        round_ = Round(tx, rules, cases, concerned(told, asking.places))
        served = round_.record(told)
        round_.probing.registers.keep(cases.values())
        if served:
            tx.call_up(dict.fromkeys(sorted(served), SERVED_WAKES))
        if round_.places.freed:
            tx.call_heads()
    if round_.places.refusals:
        withdraw_refused(store, rules)
    return len(machines)


class _Asking:
    """The talk of one round. It remembers what each place answered within the round."""

    def __init__(
        self,
        provider: Provider,
        rules: Rulebook,
        places: Mapping[Place, PlaceRecord],
        asked: Mapping[Place, int],
        machines: Iterable[Machine],
        now: datetime,
    ) -> None:
        self.provider, self.rules, self.now = provider, rules, now
        self.full: dict[Place, int] = {}
        asked_of = {machine.place for machine in machines}
        looked_at = {around for place in asked_of for around in areas(place)}
        self.places = {place: places[place] for place in looked_at if place in places}
        self.paused = {place for place, one in self.places.items() if _lasts(one.paused, now)}
        """Places and areas to which no call is made in this round, from now on."""
        self.streak = {place: record.streak for place, record in self.places.items()}
        self.open = {place: asked.get(place, 0) for place in asked_of}
        """How many machines each place was asked for before this round and has not answered."""

    def ask(self, machine: Machine) -> Told:
        around = areas(machine.place)
        if not self.paused.isdisjoint(around):
            return NotYet()
        answer = self._asked(machine)
        if isinstance(answer, Fault) and answer.kind in PAUSES:
            self.paused.add(area(machine.place, answer.reach))
        return answer

    def _asked(self, machine: Machine) -> Told:
        match machine.state:
            case MachineState.WANTED:
                return self._launch(machine)
            case MachineState.ASKED:
                return self.provider.poll(self._order(machine), machine.handle or "")
            case MachineState.RUNNING if not machine.stopping:
                return self.provider.poll(self._order(machine), machine.handle or "")
            case _:
                return Ended(self.provider.terminate(self._order(machine), machine.handle))

    def _launch(self, machine: Machine) -> Told:
        place = machine.place
        if _never_asked(machine):
            why = shut(self.places, machine, self.now)
            if isinstance(why, Trouble):
                return NotYet()
            if (why is not None or self._full(machine)) and not machine.owed:
                return StandsRefused(why)
            if self.rules.slow_start and self.open[place] >= allowance(self.streak.get(place, 0)):
                return NotYet()
            self.open[place] += 1
        outcome = self._launched(machine)
        if isinstance(outcome, Running | Held):
            self.streak[place] = self.streak.get(place, 0) + 1
            self.open[place] = self.open.get(place, 1) - 1
        elif isinstance(outcome, Refused) and not outcome.domains_left:
            for where in {place, area(place, outcome.reach)}:
                self.full[where] = min(machine.together, self.full.get(where, machine.together))
        return outcome

    def _launched(self, machine: Machine) -> Outcome:
        """The answer to a launch, and one look at how it went: an instant cloud is done by then.

        What answers an offer is only held, where its cloud can keep room for a machine.
        """
        order = self._order(machine)
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
        """Whether the place has refused as many, or fewer, within this round."""
        where = (machine.place,) if bound(machine) else areas(machine.place)
        return any(machine.together >= self.full.get(one, _NEVER) for one in where)

    def _order(self, machine: Machine) -> Order:
        labels = {"broker-job": machine.job.lower().replace("_", "-")}
        if machine.offer is not None:
            labels["broker-offer"] = machine.offer.lower().replace("_", "-")
        most = machine.max_price_usd_hour
        domain = machine.domain if machine.together > 1 else None
        return self.rules.order(machine.name, machine.place, labels, most, machine.hold, domain)


def _never_asked(machine: Machine) -> bool:
    """Whether this round's claim is the machine's first: nobody can have asked for it before."""
    return machine.state is MachineState.WANTED and machine.tries == 1


def _tries(machine: Machine) -> int:
    return machine.tries


def _lasts(trouble: Trouble | None, now: datetime) -> bool:
    return trouble is not None and trouble.lasts(now)
