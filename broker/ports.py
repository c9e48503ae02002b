"""The holes in the wall: what the steps need of the world, and what an adapter must keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from broker.domain.case import Case
from broker.domain.chain import Fact
from broker.domain.events import Event
from broker.domain.job import Job
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.places import PlaceRecord
from broker.domain.values import JobId, LeaseId, MachineName, ProviderName, RefusalReason, Usd


class Clock(Protocol):
    def now(self) -> datetime:
        """This instant, in UTC."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """An id that was never made before, such as `job_01ka…`; later ids sort after earlier."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """A piece of what a command wrote, as its agent sent it."""

    job: JobId
    unit: int
    lease: LeaseId
    seq: int
    """Counts within the lease, from 1."""
    at: str
    stream: str
    """`out` or `err`."""
    text: str


class Transaction(Protocol):
    """One transaction. It ends with its `with` block: committed, or, after an exception, undone.

    What is read for writing is locked until then, so that a decision is taken on what is true.
    """

    @property
    def now(self) -> datetime:
        """The instant of the transaction, by the store's clock."""
        ...

    # -- jobs, with their open offers, live commitments and machines that are not over

    def submit(self, jobs: Sequence[tuple[Job, Event, str | None]]) -> list[JobId]:
        """Add jobs with their first fact, each under an idempotency key where it has one.

        Returns the job's id for each, the earlier job's where tenant and key are known already.
        """
        ...

    def cases(self, jobs: Iterable[JobId]) -> dict[JobId, Case]:
        """The files of these jobs, locked. Ids that are not known are left out."""
        ...

    def due_jobs(self, limit: int) -> list[Case]:
        """Jobs whose `due_at` has come and that nobody else holds: by priority, then by age."""
        ...

    def due_offers(self, limit: int) -> list[Case]:
        """Jobs with an offer whose `due_at` has come and that nobody else holds."""
        ...

    def keep(self, cases: Iterable[Case]) -> None:
        """Write what the cases changed and append what they told, each to `job/<id>`."""
        ...

    # -- machines

    def claim_machines(self, provider: ProviderName, limit: int, until: datetime) -> list[Machine]:
        """Machines of one provider whose `due_at` has come; each is put off until `until`.

        Each claimed machine counts one more try, so that what may have been asked is known.
        """
        ...

    def machine(self, name: MachineName) -> Machine | None: ...

    def enrol(self, name: MachineName, session_sha256: str) -> bool:
        """Bind a machine's agent to its session; False where another session was first."""
        ...

    def machine_of_session(self, session_sha256: str) -> Machine | None:
        """The machine whose agent has this session, and a note that it was heard of now."""
        ...

    def silent_machines(self, since: datetime, limit: int) -> list[Machine]:
        """Leased machines whose agent was last heard of before `since`."""
        ...

    def machines(self, *, provider: ProviderName | None = None) -> list[Machine]:
        """Every machine that is not over."""
        ...

    # -- places

    def places(self) -> Mapping[Place, PlaceRecord]:
        """What is remembered of every place that was ever asked."""
        ...

    def put_place(self, record: PlaceRecord, events: Sequence[Event] = ()) -> None:
        """Remember it, and append the facts to `place/<provider>/<region>/<sku>`.

        Machines that are still only wanted there become due now.
        """
        ...

    def unresolved(self) -> Mapping[Place, int]:
        """How many machines each place was asked for that it has not answered."""
        ...

    # -- the rest

    def record(self, stream: str, events: Sequence[Event]) -> None:
        """Append facts to a stream that is no job's."""
        ...

    def editions_recorded(self) -> set[tuple[str, str]]:
        """Agreement and edition of every `EditionRecorded` in the log."""
        ...

    def add_log(self, chunks: Sequence[LogChunk]) -> None:
        """Keep chunks of output; a chunk that is there already is dropped."""
        ...


class Store(Protocol):
    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def next_due(self) -> datetime | None:
        """The earliest `due_at` of any job, offer or machine."""
        ...

    def seal(self, limit: int = 1000) -> int:
        """Give committed facts their position and hash, in order; returns how many."""
        ...

    def facts(self, after: int = 0, limit: int = 1000, stream: str | None = None) -> list[Fact]:
        """Sealed facts whose position is greater than `after`, of one stream or of all."""
        ...

    def logs(self, job: JobId, after: int = 0, limit: int = 1000) -> list[tuple[int, LogChunk]]:
        """Chunks of a job's output, each with its number in order of arrival, after a number."""
        ...

    def close(self) -> None: ...


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
    labels: Mapping[str, str] = field(default_factory=dict)
    """More tags; keys and values of a-z, 0-9 and dashes."""


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


@dataclass(frozen=True, slots=True)
class Fault:
    """Not a "no": a mistake of ours, a limit on calls, a bad day. The order may be repeated."""

    kind: FaultKind
    code: str
    message: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """Whether the machine exists is not known: the same order is asked again before any other."""

    because: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A machine that was there is not there any more."""

    because: str = ""


Outcome: TypeAlias = Launching | Running | Refused | Fault | Unsure | Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedMachine:
    """What a cloud reports of a machine that bears our owner tag."""

    name: MachineName
    place: Place
    handle: str
    running: bool
    since: datetime | None = None
    price_usd_hour: Usd | None = None


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
