"""What a worker's process holds, made where it is used: in the process itself, not its parent."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from broker.domain.values import ProviderName
from broker.ports import Order, Outcome, OwnedMachine, Provider
from broker.serve import agent_source
from broker.steps.run import token_of
from providers.machine import start_up_script
from providers.registry import provider

T = TypeVar("T")


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
        return self._open().launch(order)

    def poll(self, order: Order, handle: str) -> Outcome:
        return self._open().poll(order, handle)

    def terminate(self, order: Order, handle: str | None) -> bool:
        return self._open().terminate(order, handle)

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        return self._open().owned(owner)

    def _open(self) -> Provider:
        with self._lock:
            if self._opened is None:
                self._opened = provider(self._name, self._account)
            return self._opened


def unopened(
    accounts: Mapping[ProviderName, Mapping[str, str]],
) -> dict[ProviderName, Unopened]:
    return {name: Unopened(name, account) for name, account in accounts.items()}


def start_up(public_url: str) -> Callable[[str, bytes], str]:
    """Makes the start-up script of a machine, by its name, that calls this broker."""
    fingerprint = hashlib.sha256(agent_source()).hexdigest()

    def script(machine: str, secret: bytes) -> str:
        return start_up_script(public_url, token_of(machine, secret), fingerprint)

    return script
