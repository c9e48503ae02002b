"""What a cloud shows of its machines where its look-ups and lists lag behind the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from providers.emulators.faults import Faults, Lie
from providers.emulators.launches import CloudMachine


class Views:
    """Tells the lies of a cloud about what there is. Called under the cloud's own lock."""

    def __init__(self, faults: Faults, clock: Callable[[], float] = time.monotonic) -> None:
        self._faults, self._clock = faults, clock
        self._made: dict[str, float] = {}
        self._before: dict[str, tuple[CloudMachine | None, float]] = {}

    def changed(self, machine: str, before: CloudMachine | None) -> None:
        """A machine is another one from now on; None: it was not there."""
        now = self._clock()
        if before is None and Lie.UNLISTED in self._faults.for_s:
            self._made[machine] = now
        if Lie.STALE in self._faults.for_s:
            self._before[machine] = (before, now)

    def shown(self, machine: CloudMachine | None) -> CloudMachine | None:
        """As a look-up shows it."""
        if machine is None or machine.id not in self._before:
            return machine
        before, at = self._before[machine.id]
        return before if self._lags(Lie.STALE, at) else machine

    def listed(self, machines: Iterable[CloudMachine]) -> list[CloudMachine]:
        """As a list shows them."""
        shown = [self.shown(machine) for machine in machines]
        return [m for m in shown if m and not self._lags(Lie.UNLISTED, self._made.get(m.id))]

    def _lags(self, lie: Lie, since: float | None) -> bool:
        return since is not None and self._clock() - since < self._faults.for_s.get(lie, 0.0)
