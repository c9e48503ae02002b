"""What a worker's process holds, made where it is used: in the process itself, not its parent."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from broker.domain.market import Advice, Place
from broker.domain.values import ProviderName
from broker.ports import Holder, Order, Outcome, OwnedMachine, Provider, Scout
from broker.serve import agent_source
from broker.steps.run import token_of
from providers.machine import start_up_script
from providers.registry import SCOUTED, provider, scout

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)


class PerProcess(Generic[T]):
    """One of a kind for each process. A fork makes its own and leaves its parent's untouched."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[int, T] | None = None

    def __call__(self) -> T:
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = (os.getpid(), self._make())
            return self._made[1]

    @property
    def made(self) -> T | None:
        """What this process has made, if it has."""
        made = self._made
        return made[1] if made is not None and made[0] == os.getpid() else None


class Unopened:
    """A cloud whose SDK is imported when it is first really asked."""

    def __init__(self, name: ProviderName, account: Mapping[str, str]) -> None:
        self._name, self._account = name, account
        self._lock = threading.Lock()
        self._opened: Provider | None = None

    @property
    def name(self) -> ProviderName:
        return self._name

    @property
    def opened(self) -> bool:
        return self._opened is not None

    def launch(self, order: Order) -> Outcome:
        return self.open().launch(order)

    def hold(self, order: Order) -> Outcome:
        opened = self.open()
        return opened.hold(order) if isinstance(opened, Holder) else opened.launch(order)

    def poll(self, order: Order, handle: str) -> Outcome:
        return self.open().poll(order, handle)

    def terminate(self, order: Order, handle: str | None) -> bool:
        return self.open().terminate(order, handle)

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        return self.open().owned(owner)

    def open(self) -> Provider:
        """Import its SDK and make its clients, once."""
        with self._lock:
            if self._opened is None:
                self._opened = provider(self._name, self._account)
            return self._opened


class Unscouted:
    """A cloud's scout, whose SDK is imported when it is first really asked."""

    def __init__(self, name: ProviderName, account: Mapping[str, str]) -> None:
        self._name, self._account = name, account
        self._lock = threading.Lock()
        self._opened: Scout | None = None

    @property
    def name(self) -> ProviderName:
        return self._name

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        with self._lock:
            if self._opened is None:
                self._opened = scout(self._name, self._account)
        return self._opened.advice(places)


def scouts(
    accounts: Mapping[ProviderName, Mapping[str, str]],
) -> dict[ProviderName, Unscouted]:
    return {name: Unscouted(name, accounts[name]) for name in accounts if name in SCOUTED}


def unopened(
    accounts: Mapping[ProviderName, Mapping[str, str]],
) -> dict[ProviderName, Unopened]:
    return {name: Unopened(name, account) for name, account in accounts.items()}


@contextmanager
def opening(clouds: Iterable[Unopened]) -> Iterator[None]:
    """Open these meanwhile, so that the first order need not wait for an SDK's import."""

    def open_all() -> None:
        for cloud in clouds:
            try:
                cloud.open()
            except Exception as fault:  # noqa: BLE001 - whatever an SDK raises; the order tells
                _LOG.warning("%s cannot be opened yet: %s", cloud.name, fault)

    thread = threading.Thread(target=open_all, name="opening", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def start_up(public_url: str) -> Callable[[str, bytes], str]:
    """Makes the start-up script of a machine, by its name, that calls this broker."""
    fingerprint = hashlib.sha256(agent_source()).hexdigest()

    def script(machine: str, secret: bytes) -> str:
        return start_up_script(public_url, token_of(machine, secret), fingerprint)

    return script
