"""Spot in a local cloud: stock and prices of its own, and machines that are taken back."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from broker.domain.stock import Series
from providers.emulators.launches import CloudMachine, MachineState, Spot, TooDear

_WATCHED_EVERY_S: Final = 0.1
_SHELL: Final = b"#!/bin/sh\n"


class SpotMarket:
    """Stock by region and what is sold there, the machines that hold it, and who must go.

    A machine on spot is taken back when it is told to, after `evict_after_s`, when its place holds
    less than is out, or when its price is above the customer's cap. Its notice comes `notice_s`
    before.
    """

    def __init__(
        self, stock: Mapping[tuple[str, str], Series | int], clock: Callable[[], float]
    ) -> None:
        self.stock: dict[tuple[str, str], Series] = {
            place: Series.constant(units) if isinstance(units, int) else units
            for place, units in stock.items()
        }
        self.spot_prices: dict[tuple[str, str], Decimal] = {}
        """By region and machine type; what is not named costs nothing to speak of."""
        self.notice_s = 30.0
        self.evict_after_s: float | None = None
        self.exports: dict[str, str] = {}
        """What a machine that runs here finds in its environment."""
        self.metadata = ""
        """Where a machine asks about itself, by its number; empty: nowhere."""
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._machines: dict[str, CloudMachine] = {}
        self._held: dict[tuple[str, str], int] = {}
        self._watched = False

    def terminate(self, machine: str) -> CloudMachine | None:
        """Begin the end of a machine; None if it was never there."""
        raise NotImplementedError

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(sorted({region for region, _ in self.stock}))

    def restock(self, region: str, sold: str, units: int) -> None:
        """From now on the place holds so many units, for ever."""
        with self._changed:
            self.stock[region, sold] = Series.constant(units)
        self.balance()

    def left(self, region: str, sold: str) -> int:
        """How many more the place would sell now."""
        with self._changed:
            series = self.stock[region, sold]
            return max(series.available(self._clock()) - self._held.get((region, sold), 0), 0)

    def price(self, region: str, sku: str, usd_hour: Decimal) -> None:
        """From now on a spot machine costs so much; whose cap is below that must go."""
        with self._changed:
            self.spot_prices[region, sku] = usd_hour
        self.balance()

    def too_dear(self, region: str, sku: str, spot: Spot | None) -> TooDear | None:
        price = self.spot_prices.get((region, sku))
        if spot is None or spot.cap is None or price is None or price <= spot.cap:
            return None
        return TooDear(price)

    def evict(self, machine: str, notice_s: float | None = None) -> bool:
        """Take a machine on spot back, after its notice; False where there is none to take."""
        wait = self.notice_s if notice_s is None else notice_s
        with self._changed:
            found = self._machines.get(machine)
            if found is None or found.spot is None or found.state is not MachineState.RUNNING:
                return False
            if found.notice_until_s is None:
                until = time.time() + wait
                self._machines[machine] = replace(found, notice_until_s=until)
                self._changed.notify_all()
                _after(wait, self._take_back, machine)
            return True

    def noticed(self, machine: str, wait_s: float = 0.0) -> CloudMachine | None:
        """How it stands, once there is a notice or the wait is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._noticed(machine), wait_s)
            return self._machines.get(machine)

    def balance(self) -> None:
        """Give notice to those who must go: the youngest first."""
        with self._changed:
            held: dict[tuple[str, str], list[CloudMachine]] = {}
            for one in self._machines.values():
                if one.spot is not None and one.state is MachineState.RUNNING:
                    held.setdefault(one.place, []).append(one)
            now = self._clock()
            going = [
                one
                for place, machines in held.items()
                for one in machines[self.stock[place].available(now) :]
            ]
            everyone = [one for machines in held.values() for one in machines]
            going += [m for m in everyone if self.too_dear(m.region, m.sku, m.spot)]
        for machine in going:
            self.evict(machine.id)

    def running(self, machine: str) -> None:
        """Watch over it from now on."""
        with self._changed:
            spot = self._machines[machine].spot
            begins = spot is not None and not self._watched
            self._watched = self._watched or begins
        if spot is not None and self.evict_after_s is not None:
            _after(self.evict_after_s, self.evict, machine)
        if begins and any(len(series.starts_s) > 1 for series in self.stock.values()):
            threading.Thread(target=self._watch, name="spot", daemon=True).start()

    def started_with(self, machine: CloudMachine) -> bytes:
        """Its start-up script, told where it is."""
        found = dict(self.exports)
        if self.metadata:
            found["BROKER_METADATA"] = f"{self.metadata}/machines/{machine.id}"
        if not found or not machine.user_data.startswith(_SHELL):
            return machine.user_data
        told = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items())
        return _SHELL + told.encode() + machine.user_data.removeprefix(_SHELL)

    def _take_back(self, machine: str) -> None:
        with self._changed:
            found = self._machines.get(machine)
            if found is None or found.state is not MachineState.RUNNING:
                return
            self._machines[machine] = replace(found, preempted=True)
        self.terminate(machine)

    def _noticed(self, machine: str) -> bool:
        found = self._machines.get(machine)
        return found is None or found.notice_until_s is not None

    def _watch(self) -> None:
        """Stock that changes with time takes machines back by itself."""
        pause = threading.Event()
        while not pause.wait(_WATCHED_EVERY_S):
            self.balance()


def _after(seconds: float, do: Callable[[str], object], machine: str) -> None:
    if seconds <= 0:
        do(machine)
        return
    timer = threading.Timer(seconds, do, (machine,))
    timer.daemon = True
    timer.start()
