"""One model of a cloud: stock, delays, faults, machines. It has no idea who its customers are."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from typing_extensions import override

from broker.domain.stock import Series
from providers.emulators.faults import Faults, InjectedFault, Lie
from providers.emulators.launches import (
    LIVE,
    CloudMachine,
    Launch,
    Launched,
    MachineState,
    Mismatch,
    NotSold,
    OverQuota,
    Spot,
    StockOut,
    TooDear,
    sold_as,
)
from providers.emulators.stocktake import Stocktake
from providers.emulators.views import Views

__all__ = [
    "LIVE",
    "Cloud",
    "CloudMachine",
    "Computer",
    "Faults",
    "InjectedFault",
    "Launch",
    "Launched",
    "MachineState",
    "Mismatch",
    "NotSold",
    "OverQuota",
    "Spot",
    "StockOut",
    "TooDear",
]

ENDING_WAIT_S: Final = 0.25


class Computer(Protocol):
    """What machines really run on."""

    def start(self, machine: str, script: bytes, ended: Callable[[], None]) -> None:
        """Run the script as the machine; `ended` is called once, after its last process died."""
        ...

    def end(self, machine: str) -> None:
        """Begin to end every process of the machine."""
        ...


def seconds_since_now() -> Callable[[], float]:
    """A clock of stock time that begins at 0."""
    zero = time.monotonic()
    return lambda: time.monotonic() - zero


class Cloud(Stocktake):
    """Stock by (region, sku), and the machines that hold it. Safe to call from many threads.

    `keys_stay` says what becomes of an idempotency key once its machine is gone: it still
    returns the gone machine (EC2), or it is free for another one (a name on Azure).
    """

    def __init__(  # noqa: PLR0913 - the whole setting of a cloud, all by keyword
        self,
        *,
        stock: Mapping[tuple[str, str], Series | int],
        computer: Computer | None = None,
        boot_s: float = 0.0,
        late_stock_out: bool = False,
        quota: Mapping[tuple[str, str], int] | None = None,
        keys_stay: bool = False,
        clock: Callable[[], float] | None = None,
        remembered: int = 10_000,
    ) -> None:
        super().__init__(stock, clock or seconds_since_now(), quota or {})
        self.boot_s = boot_s
        self.late_stock_out = late_stock_out
        self.faults = Faults()
        self._views = Views(self.faults)
        self._computer = computer
        self._keys_stay = keys_stay
        self._by_key: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._doomed: set[str] = set()
        self._ended: deque[str] = deque()
        self._remembered = remembered

    def launch(  # noqa: PLR0913 - all that a face knows of an order, by keyword
        self,
        *,
        key: str,
        name: str,
        region: str,
        sku: str,
        user_data: bytes = b"",
        tags: Mapping[str, str] | None = None,
        spec_hash: str = "",
        spot: Spot | None = None,
    ) -> Launch:
        """One machine per key. The machine returned is still being created, however fast it is."""
        with self._changed:
            known = self._known(key)
            if known is not None:
                same = known.spec_hash == spec_hash
                return Launched(known, again=True) if same else Mismatch(known)
            refusal = self._refusal(region, sku, spot)
            if refusal is not None and not (isinstance(refusal, StockOut) and self.late_stock_out):
                return refusal
            machine = CloudMachine(
                id=secrets.token_hex(9)[:17],
                key=key,
                name=name,
                region=region,
                sku=sku,
                tags=dict(tags or {}),
                spec_hash=spec_hash,
                created_s=time.time(),
                user_data=user_data,
                spot=spot,
            )
            if self.faults.lies(Lie.NOTHING_THERE):
                return Launched(machine)
            self._machines[machine.id] = machine
            self._views.changed(machine.id, None)
            self._by_key[key] = self._by_name[name] = machine.id
            if refusal is None:
                self._held[machine.place] = self._held.get(machine.place, 0) + 1
            else:
                self._doomed.add(machine.id)
        if self.boot_s > 0:
            timer = threading.Timer(self.boot_s, self._boot, (machine.id,))
            timer.daemon = True
            timer.start()
        else:
            self._boot(machine.id)
        return Launched(machine)

    def get(self, machine: str) -> CloudMachine | None:
        """By id, gone ones included as long as they are remembered."""
        with self._changed:
            return self._views.shown(self._machines.get(machine))

    def named(self, name: str) -> CloudMachine | None:
        """The last machine of that name, unless it is gone."""
        with self._changed:
            found = self._views.shown(self._machines.get(self._by_name.get(name, "")))
            return None if found is None or found.state is MachineState.GONE else found

    def list(self, *, gone: bool = False) -> Sequence[CloudMachine]:
        """Every machine, the failed ones included; the gone ones on request."""
        with self._changed:
            every = self._views.listed(self._machines.values())
        return [m for m in every if gone or m.state is not MachineState.GONE]

    @override
    def terminate(self, machine: str) -> CloudMachine | None:
        """Begin the end of a machine, and wait a moment for it; None if it was never there."""
        with self._changed:
            found = self._machines.get(machine)
            if found is None or found.state is MachineState.GONE:
                return found
            if self._computer is None or not self._runs(found):
                self._end(machine)
                return self._machines[machine]
            self._move(machine, MachineState.STOPPING)
        self._computer.end(machine)
        with self._changed:
            self._changed.wait_for(
                lambda: self._machines[machine].state is MachineState.GONE, ENDING_WAIT_S
            )
            return self._machines[machine]

    def _known(self, key: str) -> CloudMachine | None:
        known = self._machines.get(self._by_key.get(key, ""))
        if known is None or (known.state is MachineState.GONE and not self._keys_stay):
            return None
        return known

    def _refusal(
        self, region: str, sku: str, spot: Spot | None
    ) -> StockOut | NotSold | OverQuota | TooDear | None:
        place = region, sold_as(sku, spot)
        series = self.stock.get(place)
        if series is None:
            return NotSold()
        if dear := self.too_dear(region, sku, spot):
            return dear
        held = self._held.get(place, 0)
        limit = self.quota.get(place)
        if limit is not None and held >= limit:
            return OverQuota(limit, held)
        return StockOut() if held >= series.available(self._clock()) else None

    def _boot(self, machine: str) -> None:
        with self._changed:
            found = self._machines[machine]
            if found.state is not MachineState.CREATING:
                return
            if machine in self._doomed:
                self._move(machine, MachineState.FAILED)
                return
            self._move(machine, MachineState.RUNNING)
            if self._computer is not None and self._runs(found):
                script = self.started_with(found)
                self._computer.start(machine, script, lambda: self._end(machine))
            self.running(machine)

    def _runs(self, machine: CloudMachine) -> bool:
        return bool(machine.user_data) and machine.state is not MachineState.FAILED

    def _end(self, machine: str) -> None:
        with self._changed:
            found = self._machines[machine]
            if found.state is MachineState.GONE:
                return
            self._move(machine, MachineState.GONE)
            if machine not in self._doomed:
                self._held[found.place] -= 1
            self._ended.append(machine)
            while len(self._ended) > self._remembered:
                forgotten = self._machines.pop(self._ended.popleft())
                self._doomed.discard(forgotten.id)
                for index, word in (
                    (self._by_key, forgotten.key),
                    (self._by_name, forgotten.name),
                ):
                    if index.get(word) == forgotten.id:
                        del index[word]

    def _move(self, machine: str, state: MachineState) -> None:
        self._views.changed(machine, self._machines[machine])
        self._machines[machine] = replace(self._machines[machine], state=state)
        self._changed.notify_all()
