"""One local cloud in this process, and the adapter that asks it, for the contract of providers.

To add a cloud: one line in `CLOUDS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName, Purchase, usd
from broker.ports import Launching, Order, Outcome, Provider
from providers.emulators.cloud import Cloud, CloudMachine
from providers.emulators.machines import LocalComputer
from providers.emulators.metadata import Metadata
from providers.emulators.wire import Wire
from providers.registry import provider

OWNER: Final = "tests"
SCRIPT: Final = "#!/bin/sh\necho started >here\nexec sleep 600\n"
DEADLINE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What differs between the clouds of the contract."""

    name: ProviderName
    region: str
    sku: str
    wrong: Mapping[str, str]
    """What to change in the account so that its credentials are no good."""
    throttled: tuple[int, str]
    """How this cloud says that it was asked too often."""
    keys_stay: bool = False


CLOUDS: Final = (
    Kind(
        name=ProviderName.AZURE,
        region="eastus",
        sku="Standard_NC24ads_A100_v4",
        wrong={"token": "wrong"},
        throttled=(429, "TooManyRequests"),
    ),
    Kind(
        name=ProviderName.AWS,
        region="us-east-1",
        sku="p5.4xlarge",
        wrong={"secret_access_key": "wrong"},
        throttled=(503, "RequestLimitExceeded"),
        keys_stay=True,
    ),
    Kind(
        name=ProviderName.GCP,
        region="us-central1",
        sku="a2-ultragpu-1g",
        wrong={"token": "wrong"},
        throttled=(403, "rateLimitExceeded"),
    ),
    Kind(
        name=ProviderName.ORACLE,
        region="us-phoenix-1",
        sku="VM.GPU.A10.1",
        wrong={"fingerprint": ":".join(["00"] * 16)},
        throttled=(429, "TooManyRequests"),
        keys_stay=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class LocalCloud:
    kind: Kind
    cloud: Cloud
    computer: LocalComputer
    account: Mapping[str, str]
    provider: Provider
    wire: Wire

    def order(self, seed: str, *, sku: str | None = None, start_up: str = SCRIPT) -> Order:
        place = Place(self.kind.name, self.kind.region, sku or self.kind.sku)
        return Order(name=machine_name(seed, 0, place), place=place, owner=OWNER, start_up=start_up)

    def on_spot(self, seed: str, cap: str | None = None, start_up: str = SCRIPT) -> Order:
        place = Place(self.kind.name, self.kind.region, self.kind.sku, Purchase.SPOT)
        return Order(
            name=machine_name(seed, 0, place),
            place=place,
            owner=OWNER,
            start_up=start_up,
            max_price_usd_hour=usd(cap) if cap else None,
        )

    def machine(self, order: Order) -> CloudMachine:
        """How the cloud itself sees it, gone or not."""
        found = [m for m in self.cloud.list(gone=True) if order.name in m.tags.values()]
        return found[-1]

    def another_provider(self, **changes: str) -> Provider:
        return provider(self.kind.name, {**self.account, **changes})

    def settled(self, order: Order) -> Outcome:
        """Launch, and poll until the cloud has made up its mind."""
        outcome = self.provider.launch(order)
        deadline = time.monotonic() + DEADLINE_S
        while isinstance(outcome, Launching) and time.monotonic() < deadline:
            outcome = self.provider.poll(order, outcome.handle)
        return outcome

    def homes(self) -> list[Path]:
        """The directories of the machines that run."""
        return sorted(self.computer.root.iterdir())


@contextmanager
def local_cloud(kind: Kind, computer: LocalComputer) -> Iterator[LocalCloud]:
    """A cloud with two machines of one kind in stock."""
    stock = {(kind.region, kind.sku): 2, (kind.region, f"{kind.sku} spot"): 2}
    cloud = Cloud(stock=stock, computer=computer, keys_stay=kind.keys_stay)
    face, account = import_module(f"providers.emulators.{kind.name.value}").open_account(cloud)
    wire, inside = Wire(face, cloud.faults.arriving), Wire(Metadata(cloud, kind.name.value))
    cloud.metadata = inside.url
    account = {**account, "endpoint": wire.url, "read_s": "5"}
    try:
        yield LocalCloud(
            kind=kind,
            cloud=cloud,
            computer=computer,
            account=account,
            provider=provider(kind.name, account),
            wire=wire,
        )
    finally:
        wire.close()
        inside.close()


def eventually(claim: Callable[[], bool], deadline_s: float = DEADLINE_S) -> bool:
    """Whether a claim becomes true before the deadline."""
    deadline = time.monotonic() + deadline_s
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
