"""Who buys at the clouds: a thread for each, which waits for no single call."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from broker.domain.values import ProviderName
from broker.ports import Provider, Store
from broker.steps.provision import Buying
from broker.steps.rulebook import Rulebook
from workers.lanes import ThreadLanes

IN_FLIGHT: Final = 200
"""How many calls to one cloud one process makes at once."""
_AGAIN_S: Final = 1.0
"""How soon a buyer works on that could not record what it had heard."""
_CLOSING_S: Final = 15.0
"""How long what is under way may take when a process is to end: longer than a call does."""
FULL_POOLS: Final = "urllib3.connectionpool"
"""The log of SDKs whose pools keep fewer connections than we use, and warn of each one more."""
_LOG: Final = logging.getLogger(__name__)


class Buyer:
    """Buys at one cloud whenever it is rung for. Its thread begins with the first ring."""

    def __init__(
        self, name: ProviderName, provider: Provider, store: Store, rules: Rulebook
    ) -> None:
        self._lanes = ThreadLanes(f"call-{name}", IN_FLIGHT)
        self._buying = Buying(name, provider, store, rules, self._lanes)
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    def ring(self) -> None:
        """Something may be due; whatever is, is taken up. Nothing is waited for."""
        self._lanes.ring()
        with self._lock:
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(
                    target=self._run, name=f"buying-{self._name}", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Take up nothing more, and return when what was under way is on record."""
        with self._lock:
            self._over.set()
        self._lanes.ring()
        if self._thread is not None:
            self._thread.join()
        self._lanes.close()

    def _run(self) -> None:
        wait_s: float | None = None
        while not self._over.is_set():
            wait_s = self._turn(wait_s)
        until = time.monotonic() + _CLOSING_S
        while self._buying.out and time.monotonic() < until:
            self._turn(_AGAIN_S)

    def _turn(self, wait_s: float | None) -> float | None:
        """One turn; returns how long the next may wait for something to happen."""
        heard = self._lanes.ended(wait_s)
        try:
            claimed = self._buying.turn(heard, claiming=not self._over.is_set())
        except Exception:  # noqa: BLE001 - what has not been recorded is tried once more, each by itself
            _LOG.exception("what %s has answered could not all be recorded", self._name)
            self._over.wait(_AGAIN_S)
            return 0
        if claimed and self._lanes.free:
            return 0
        busy = self._buying.out or self._buying.waiting
        return self._buying.patience_s if busy else None


class Buyers:
    """One for each cloud. `close`, or the end of the `with` block, ends them all."""

    def __init__(
        self, providers: Mapping[ProviderName, Provider], store: Store, rules: Rulebook
    ) -> None:
        self._all = {name: Buyer(name, cloud, store, rules) for name, cloud in providers.items()}

    def ring(self, cloud: ProviderName) -> None:
        """Something may be due at this cloud; a cloud that is not ours is nobody's business."""
        if cloud in self._all:
            self._all[cloud].ring()

    def close(self) -> None:
        for buyer in self._all.values():
            buyer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
