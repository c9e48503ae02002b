"""What a local cloud says to a launch, and how one of its machines stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

from broker.domain.values import Purchase


class MachineState(StrEnum):
    CREATING = "creating"
    RUNNING = "running"
    STOPPING = "stopping"
    GONE = "gone"
    FAILED = "failed"
    """Never ran for want of stock; stays as a residue until it is terminated."""


LIVE: Final = frozenset({MachineState.CREATING, MachineState.RUNNING, MachineState.STOPPING})


@dataclass(frozen=True, slots=True)
class Spot:
    """A machine that may be taken back; `cap` is the most that its customer pays an hour."""

    cap: Decimal | None = None


def sold_as(sku: str, spot: Spot | None) -> str:
    return sku if spot is None else f"{sku} {Purchase.SPOT.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMachine:
    """How a machine stood at one instant."""

    id: str
    """Seventeen hexadecimal digits; a face makes its own cloud's form of it."""
    key: str
    name: str
    region: str
    sku: str
    tags: Mapping[str, str]
    spec_hash: str
    created_s: float
    """Seconds since 1970."""
    state: MachineState = MachineState.CREATING
    user_data: bytes = field(default=b"", repr=False)
    spot: Spot | None = None
    """On which terms it may be taken back; None: it was bought on demand."""
    notice_until_s: float | None = None
    """Seconds since 1970: when it is taken back, once that is decided."""
    preempted: bool = False
    """Whether its end was the cloud's own will."""

    @property
    def place(self) -> tuple[str, str]:
        """Region, and what is sold there: on spot and on demand are stocks of their own."""
        return self.region, sold_as(self.sku, self.spot)


@dataclass(frozen=True, slots=True)
class Launched:
    machine: CloudMachine
    again: bool = False
    """The key was known: this is the machine of the first call."""


@dataclass(frozen=True, slots=True)
class StockOut:
    """Sold here, but none is left now."""


@dataclass(frozen=True, slots=True)
class NotSold:
    """Nobody ever gets this kind of machine here."""


@dataclass(frozen=True, slots=True)
class OverQuota:
    limit: int
    used: int


@dataclass(frozen=True, slots=True)
class TooDear:
    """On spot, and above what the customer pays at most."""

    price: Decimal


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used before, for another specification."""

    machine: CloudMachine


Launch: TypeAlias = Launched | StockOut | NotSold | OverQuota | TooDear | Mismatch
