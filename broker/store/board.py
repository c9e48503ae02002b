"""The board: what people read of jobs, offers, machines and places. It takes no locks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from broker.domain.job import Job, JobState
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.offer import Offer, OfferState
from broker.domain.places import PlaceRecord
from broker.domain.quote import Waited
from broker.domain.register import Register
from broker.domain.values import JobId, OfferId, ProviderName
from broker.domain.workload import Kind, WorkClass

T = TypeVar("T")


class BadCursor(ValueError):
    """A cursor that no page has handed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    items: tuple[T, ...]
    cursor: str | None
    """What to ask for the next page with; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; what is None or empty does not narrow."""

    states: tuple[JobState, ...] = ()
    tenant: str | None = None
    kind: Kind | None = None
    name: str | None = None
    work_class: WorkClass | None = None
    provider: ProviderName | None = None
    """Jobs with a commitment to this provider that has not failed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """All of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMachine:
    machine: Machine
    enrolled_at: datetime | None
    seen_at: datetime | None
    """When its agent was last heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    jobs: Mapping[JobState, int]
    """Every state, 0 where there are none."""
    oldest_queued_at: datetime | None
    """When the job that has waited longest was submitted."""


class Board(Protocol):
    def jobs(
        self, wanted: JobFilter = ..., *, limit: int = 50, cursor: str | None = None
    ) -> Page[Job]:
        """Newest first. Raises BadCursor."""
        ...

    def job(self, job: JobId) -> Job | None: ...

    def find_jobs(self, text: str, *, tenant: str | None = None, limit: int = 2) -> list[Job]:
        """Jobs with this name, or whose id begins with the text: newest first.

        The one whose id is the text stands alone. Two found means: ask for more.
        """
        ...

    def offers(
        self,
        states: tuple[OfferState, ...] = (),
        *,
        job: JobId | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Offer]:
        """Newest first. Raises BadCursor."""
        ...

    def offer(self, offer: OfferId) -> Offer | None: ...

    def fleet(self) -> list[FleetMachine]:
        """Every machine that is not over, oldest first."""
        ...

    def counts(self) -> Counts: ...

    def waits(self, since: datetime) -> Mapping[Place, Waited]:
        """How long machines wanted since an instant took until they were up, by place."""
        ...

    def places(self) -> list[PlaceRecord]:
        """In the order of provider, region and kind of machine."""
        ...

    def register(self, agreement: str) -> Register:
        """What is on record of an agreement; a new register where nothing is."""
        ...


def cursor_of(count: int, name: str) -> str:
    """The cursor after an item: its instant in microseconds, and its id."""
    return f"{count}.{name}"


def read_cursor(cursor: str) -> tuple[int, str]:
    """What `cursor_of` wrote. Raises BadCursor."""
    count, dot, name = cursor.partition(".")
    if not (dot and name and count.isascii() and count.isdigit()):
        raise BadCursor(f"{cursor!r} is no cursor; use the one that the page before handed out")
    return int(count), name
