"""All that the contract of providers is held against, and what each of them can be made to do.

A peer is an adapter and what stands behind it: a local cloud, moto, or this computer itself. A test
names what it needs beyond the adapter (`needs`); it runs for every peer that can do that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName
from broker.ports import Launching, Order, Outcome, Provider
from providers.emulators.machines import LocalComputer
from providers.registry import provider
from tests.support.clouds import (
    CLOUDS,
    DEADLINE_S,
    OWNER,
    SCRIPT,
    Kind,
    LocalCloud,
    eventually,
    local_cloud,
)
from tests.support.moto_server import Moto, moto
from tests.support.specs import Exchange

STRANGER: Final = "a-stranger"
needs = pytest.mark.needs


class Can(StrEnum):
    """What a peer can be made to do."""

    RUN = "run a machine's script"
    TAKE_TIME = "take its time to boot a machine"
    RUN_OUT = "run out of machines"
    RUN_OUT_LATE = "accept a launch and run out later"
    KEEP_A_QUOTA = "keep a quota"
    SELL_SOME = "not sell a machine type"
    KNOW_US = "tell wrong credentials from right ones"
    FAIL = "answer with a fault, or not at all, when it is told to"
    HANG_UP = "not be there"


class Peer(Protocol):
    """One adapter, and what is behind it. There are two machines to be had."""

    provider: Provider

    def order(self, seed: str, *, sku: str | None = None, start_up: str = SCRIPT) -> Order: ...

    def another_provider(self) -> Provider:
        """The same account, opened by another process of the broker."""
        ...

    def machines(self, *, gone: bool = False) -> int:
        """How many there are, or ever were, by the peer's own count."""
        ...

    def launch_a_stranger(self) -> None:
        """Start a machine that is not ours."""
        ...

    def stock(self, units: int) -> None:
        """Let so many be had."""
        ...

    def hang_up(self) -> None:
        """Be gone from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What a peer is started with."""

    computer: LocalComputer
    folder: Path
    heard: Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class PeerKind:
    name: str
    can: frozenset[Can]
    start: Callable[[Setting], AbstractContextManager[Peer]]


def settled(peer: Peer, order: Order) -> Outcome:
    """Launch, and poll until the cloud has made up its mind."""
    outcome = peer.provider.launch(order)
    deadline = time.monotonic() + DEADLINE_S
    while isinstance(outcome, Launching) and time.monotonic() < deadline:
        outcome = peer.provider.poll(order, outcome.handle)
    return outcome


@dataclass
class CloudPeer:
    local: LocalCloud

    def __post_init__(self) -> None:
        self.provider: Provider = self.local.provider

    def order(self, seed: str, *, sku: str | None = None, start_up: str = SCRIPT) -> Order:
        return self.local.order(seed, sku=sku, start_up=start_up)

    def another_provider(self) -> Provider:
        return self.local.another_provider()

    def machines(self, *, gone: bool = False) -> int:
        return len(self.local.cloud.list(gone=gone))

    def launch_a_stranger(self) -> None:
        kind = self.local.kind
        self.local.cloud.launch(key="k", name="x", region=kind.region, sku=kind.sku)

    def stock(self, units: int) -> None:
        self.local.cloud.restock(self.local.kind.region, self.local.kind.sku, units)

    def hang_up(self) -> None:
        self.local.wire.close()


@contextmanager
def _cloud(kind: Kind, setting: Setting) -> Iterator[Peer]:
    with local_cloud(kind, setting.computer) as local:
        yield CloudPeer(local)
        for machine in local.cloud.list():
            local.cloud.terminate(machine.id)
    assert eventually(lambda: not list(setting.computer.root.iterdir()))


@dataclass
class MotoPeer:
    """Machines without end, which run as soon as they are asked for and run nothing."""

    moto: Moto
    account: Mapping[str, str]

    def __post_init__(self) -> None:
        self.provider = self.another_provider()

    def order(self, seed: str, *, sku: str | None = None, start_up: str = SCRIPT) -> Order:
        return _order(Place(ProviderName.AWS, "us-east-1", sku or "p4d.24xlarge"), seed, start_up)

    def another_provider(self) -> Provider:
        return provider(ProviderName.AWS, self.account)

    def machines(self, *, gone: bool = False) -> int:
        every = self.moto.instances()
        return sum(gone or one.state != "terminated" for one in every)

    def launch_a_stranger(self) -> None:
        self.provider.launch(replace(self.order("stranger"), owner=STRANGER))

    def stock(self, units: int) -> None:
        """There are always more."""

    def hang_up(self) -> None:
        self.moto.hang_up()


@contextmanager
def _moto(setting: Setting) -> Iterator[Peer]:
    with moto(setting.heard) as server:
        account = {
            "access_key_id": "AKIALOCAL",
            "secret_access_key": "any",
            "regions": "us-east-1",
            "image": "ami-785db401",
            "endpoint": server.endpoint,
            # Its first launch reads all that it knows of machine types.
            "read_s": "60",
        }
        yield MotoPeer(server, account)


@dataclass
class OwnPeer:
    """Machines of one's own: processes on this computer."""

    folder: Path
    units: int = 2

    def __post_init__(self) -> None:
        self.provider = self.another_provider()

    def order(self, seed: str, *, sku: str | None = None, start_up: str = SCRIPT) -> Order:
        return _order(Place(ProviderName.OWN, "here", sku or "bench"), seed, start_up)

    def another_provider(self) -> Provider:
        account = {"state": str(self.folder), "count": str(self.units)}
        return provider(ProviderName.OWN, account)

    def machines(self, *, gone: bool = False) -> int:
        """A machine that was terminated leaves no trace here."""
        return sum(home.is_dir() for home in self.folder.iterdir()) if self.folder.exists() else 0

    def launch_a_stranger(self) -> None:
        self.provider.launch(replace(self.order("stranger"), owner=STRANGER))

    def stock(self, units: int) -> None:
        self.units = units
        self.provider = self.another_provider()

    def hang_up(self) -> None:
        raise NotImplementedError("this computer is always there")


@contextmanager
def _own(setting: Setting) -> Iterator[Peer]:
    peer = OwnPeer(setting.folder)
    yield peer
    for home in setting.folder.glob("*/order.json"):
        left = replace(peer.order("any"), owner=json.loads(home.read_text())["owner"])
        assert eventually(partial(peer.provider.terminate, left, home.parent.name))


def _order(place: Place, seed: str, start_up: str) -> Order:
    return Order(name=machine_name(seed, 0, place), place=place, owner=OWNER, start_up=start_up)


PEERS: Final = (
    *(PeerKind(kind.name.value, frozenset(Can), partial(_cloud, kind)) for kind in CLOUDS),
    PeerKind("moto", frozenset({Can.HANG_UP, Can.SELL_SOME}), _moto),
    PeerKind("own", frozenset({Can.RUN, Can.RUN_OUT}), _own),
)
