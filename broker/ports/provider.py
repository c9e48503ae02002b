"""What a cloud must keep to: orders, the closed set of its answers, and four verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from broker.domain.altered import made_at_once
from broker.domain.place import Place, Reach
from broker.domain.values import MachineName, ProviderName, RefusalReason, Usd


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One machine to be bought: all that its cloud is told, fixed before the first call.

    Two calls with one name are one purchase: every idempotency key derives from it.
    """

    name: MachineName
    """At most 63 characters of a-z, 0-9 and dashes, beginning with a letter."""
    place: Place
    owner: str
    """The tag by which a broker finds what is its own; a-z, 0-9 and dashes."""
    start_up: str
    """The start-up script, at most 16,000 bytes."""
    domain: int | None = None
    """The placement domain that it must be in, counted from 0, for machines that belong together.

    A domain is what a cloud can promise nearness in: a zone, or an availability domain.
    """
    hold: str | None = None
    """The handle of the capacity that is held for it, where it was held before."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """More tags; keys and values of a-z, 0-9 and dashes."""
    max_price_usd_hour: Usd | None = None
    """On spot, the most that the cloud may charge; None: as much as on demand."""
    reservation: str | None = None
    """The reservation that a reserved place is bought under, by its cloud's own name."""


class FaultKind(StrEnum):
    """What went wrong that is not the cloud's "no"; none of these ever releases the right."""

    THROTTLED = "throttled"
    AUTH = "auth"
    INVALID = "invalid"
    TRANSIENT = "transient"
    CONFLICT = "conflict"
    UNREACHABLE = "unreachable"
    """Nothing was sent: the connection was refused."""
    UNKNOWN_CODE = "unknown_code"
    NO_QUOTA = "no_quota"
    """A quota that nobody ever had raised from 0: ours to ask for, and so no refusal."""
    BAD_WISH = "bad_wish"
    """What the job itself asks for cannot be, here or anywhere else."""


@dataclass(frozen=True, slots=True)
class Launching:
    """The cloud works on it; ask again with the handle."""

    handle: str
    retry_after_s: float | None = None
    """When to ask again, where the cloud says so."""


@dataclass(frozen=True, slots=True)
class Running:
    """The machine is really there."""

    handle: str
    address: str = ""
    """The address its siblings reach it under, where the cloud has told one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The cloud said no: now, or late, after it had begun. Nothing of the try is left behind."""

    reason: RefusalReason
    code: str
    """The cloud's own word for it."""
    message: str = ""
    reach: Reach = Reach.PLACE
    """What else it speaks of: a quota is a family's or a region's."""
    elsewhere: tuple[str, ...] = ()
    """The zones of the region in which the cloud says there is some left."""
    domains_left: int = 0
    """Where one domain of the place was asked: how many come after it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Not a "no": a mistake of ours, a limit on calls, a bad day. The order may be repeated.

    The message names the cloud, the account, the field and the remedy, and no secret.
    """

    kind: FaultKind
    code: str
    message: str = ""
    retry_after_s: float | None = None
    reach: Reach = Reach.PLACE
    """What else it concerns: credentials are the whole cloud's, a limit on calls a region's."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """Whether the machine exists is not known: the same order is asked again before any other."""

    because: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A machine that was there is not there any more."""

    because: str = ""
    preempted: bool = False
    """Whether its cloud has taken it back, by its own word."""


@dataclass(frozen=True, slots=True)
class Held:
    """Its capacity is kept for the machine, which is yet to be launched into it."""

    handle: str


Outcome: TypeAlias = Launching | Running | Refused | Fault | Unsure | Gone | Held


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedMachine:
    """What a cloud reports of a machine that bears our owner tag."""

    name: MachineName
    place: Place
    handle: str
    running: bool
    held: bool = False
    """Only room is kept under this name; whether the machine is there is told apart."""
    since: datetime | None = None
    price_usd_hour: Usd | None = None


@runtime_checkable
class Holder(Protocol):
    """A cloud that can keep capacity before a machine runs in it."""

    def hold(self, order: Order) -> Outcome:
        """Keep capacity for one machine. Holding twice with one order is holding once.

        Returns Held, or Launching, whose poll will say Held; for a kind of machine that cannot be
        held it launches the machine, as `launch` does. An order whose `hold` is set is launched
        into what is held, and `terminate` lets it go with the machine.
        """
        ...


class Provider(Protocol):
    """One cloud. Every call is bounded in time; none raises for what a cloud can answer."""

    @property
    def name(self) -> ProviderName: ...

    def launch(self, order: Order) -> Outcome:
        """Buy one machine. Launching twice with one order is launching once.

        Returns Launching, Running, Refused, Fault or Unsure.
        """
        ...

    def poll(self, order: Order, handle: str) -> Outcome:
        """How the machine fares: Launching, Running, Refused (late), Gone, Fault or Unsure.

        A late refusal has already cleared away what the failed try left in the cloud.
        """
        ...

    def terminate(self, order: Order, handle: str | None) -> bool:
        """End the machine with its disks and addresses; True once the cloud confirms it is gone.

        Without a handle the machine is looked up by its name. A machine that is already gone,
        or never was, is a machine ended. False means: under way, ask again. A fault of the cloud
        is False too.
        """
        ...

    def owned(self, owner: str) -> Iterable[OwnedMachine]:
        """Every machine that bears the owner's tag, in every region, that is not gone."""
        ...
