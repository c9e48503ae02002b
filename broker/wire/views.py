"""What people and programs are shown of jobs, offers, machines and the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.domain.job import JobState
from broker.wire.strict import Seen, UsdText


class Stage(StrEnum):
    """How far a job has come, finer than its state."""

    QUEUED = "queued"
    OFFERED = "offered"
    """The holder has been asked and has not answered."""
    RELEASED = "released"
    """The holder let it go; the others are asked."""
    PLACING = "placing"
    """A supplier has it; its machines are being made."""
    STARTING = "starting"
    """A machine is there; the command has not begun on all of them."""
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNMET = "unmet"

    @property
    def over(self) -> bool:
        return self in (Stage.FINISHED, Stage.FAILED, Stage.CANCELLED, Stage.UNMET)


class PlaceView(Seen):
    """Where some of a job's machines are."""

    provider: str
    region: str
    sku: str
    purchase: str = "on_demand"
    """on_demand, spot or reserved."""
    units: int = 1


class JobView(Seen):
    id: str
    name: str
    kind: str
    state: JobState
    stage: Stage
    tenant: str
    workload_class: str
    tags: tuple[str, ...] = ()
    gpu: str = ""
    """What one machine must have: `A100|H100:8`; empty without a GPU."""
    units: int
    units_by_state: Mapping[str, int] = {}
    """pending, offered, accepted, released, committed, active, done, cancelled, unmet."""
    attempt: int = 0
    """How often the unit that began most often has begun; 0 before the first machine."""
    preempted: int = 0
    """How often a cloud has taken a machine back."""
    places: tuple[PlaceView, ...] = ()
    providers: tuple[str, ...] = ()
    price_usd_hour: UsdText | None = None
    """Of all its machines together."""
    spilled: bool = False
    """Whether a supplier other than the holder has any of it."""
    priority: int = 0
    labels: Mapping[str, str] = {}
    submitted_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    trouble: str = ""
    """What of ours holds it up."""
    agreement: str = ""


class JobPage(Seen):
    items: tuple[JobView, ...]
    next: str | None = None
    """The cursor of the next page; null at the end."""


class OfferView(Seen):
    id: str
    job: str
    kind: str
    """`right`, or `order` to an exclusive holder."""
    state: str
    version: int
    units: tuple[int, ...]
    accepted: tuple[int, ...] = ()
    gang: bool
    workload_class: str
    agreement: str
    edition: str
    clause: str
    holder: tuple[str, ...]
    desk: str
    terms: Mapping[str, Any]
    """As in the log: `accelerators`, `gpus_per_unit`, `regions`, `price_usd_hour` and so on."""
    window_s: int
    issued_at: datetime
    expires_at: datetime | None = None
    deliver_by: datetime | None = None
    notice: str | None = None
    """The notice it lies in, with others for the same shape."""
    quote: str | None = None
    """The third party's quote that it was frozen on, where its clause asks for one."""
    quote_until: datetime | None = None


class OfferPage(Seen):
    items: tuple[OfferView, ...]
    next: str | None = None


class MachineView(Seen):
    name: str
    job: str
    unit: int
    provider: str
    region: str
    sku: str
    purchase: str = "on_demand"
    state: str
    run: str
    """What its agent does: idle, running, ended."""
    price_usd_hour: UsdText
    wanted_at: datetime
    up_at: datetime | None = None
    heard_at: datetime | None = None
    because: str = ""


class FleetView(Seen):
    machines: tuple[MachineView, ...] = ()
    jobs: Mapping[str, int] = {}
    """How many jobs are in each state."""
    oldest_queued_at: datetime | None = None
    """When the job that has waited longest was submitted."""


class ChunkView(Seen):
    """A piece of a job's output."""

    number: int
    """In order of arrival within the job; what `after` refers to."""
    unit: int
    at: str
    stream: str
    """`out` or `err`."""
    text: str


class ChunkPage(Seen):
    items: tuple[ChunkView, ...]
    next: int
    """What to ask `after` next."""
    over: bool
    """The job has ended and this is the last of its log."""


class FactView(Seen):
    """A sealed fact, with exactly the names of the exported log."""

    position: int
    at: str
    stream: str
    version: int
    type: str
    data: Mapping[str, Any]
    previous: str
    hash: str


class FactPage(Seen):
    items: tuple[FactView, ...]
    next: int
    over: bool


class Health(Seen):
    status: str
    """`ok`, or what is wrong."""
    version: str
    api: str = "v1"
    jobs: Mapping[str, int] = {}
