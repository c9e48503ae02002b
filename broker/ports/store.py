"""What a store must keep to: one transaction at a time decides on what is true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.caps import Spending
from broker.domain.case import Case
from broker.domain.chain import Fact
from broker.domain.event import Event
from broker.domain.job import Job
from broker.domain.key import Key
from broker.domain.line import Heads
from broker.domain.machine import Machine
from broker.domain.market import Place
from broker.domain.notice import Notice
from broker.domain.offer import Offer
from broker.domain.places import PlaceRecord
from broker.domain.register import Register
from broker.domain.values import JobId, MachineName, NoticeId, OfferId, ProviderName
from broker.ports.inputs import Lock, LogChunk, SubmissionKey
from broker.ports.scout import AdviceKept


class Transaction(AdviceKept, Protocol):
    """One transaction. It ends with its `with` block: committed, or, after an exception, undone.

    What is read for writing is locked until then, so that a decision is taken on what is true.
    """

    @property
    def now(self) -> datetime:
        """The instant of the transaction, by the store's clock."""
        ...

    # -- jobs, with their open offers, live commitments and machines that are not over

    def submit(self, jobs: Sequence[tuple[Job, Event, SubmissionKey | None]]) -> list[JobId]:
        """Add jobs with their first fact, each under an idempotency key where it has one.

        Returns the job's id for each, the earlier job's where tenant and key are known already.
        Raises KeyTakenError where the earlier job came with another digest; one of which no
        digest is kept takes any.
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

    def heads(self, lines: AbstractSet[str]) -> Heads:
        """The rank of the first stuck job of each of these lines that has one."""
        ...

    def call_heads(self) -> None:
        """Make every stuck job due now: somewhere a machine of ours has ended."""
        ...

    def call_up(self, lines: Mapping[str, int]) -> None:
        """Make the first so many jobs that stand in each line due now."""
        ...

    def bound_holds(self, holders: Sequence[str], holds: Iterable[str]) -> Mapping[str, str]:
        """Which of these holds of a holder's are bound: by which offer, or else which commitment.

        Nobody else can bind one of them before this transaction ends.
        """
        ...

    def offer(self, offer: OfferId) -> Offer | None:
        """An offer as it stands, also long after it is over; not locked."""
        ...

    # -- notices to desks, and who may answer

    def put_notice(self, notice: Notice, events: Sequence[Event] = ()) -> None:
        """Keep it, and append the facts to `notice/<id>`."""
        ...

    def notice(self, notice: NoticeId) -> Notice | None: ...

    def claim_notices(self, limit: int, until: datetime) -> list[Notice]:
        """Notices whose `due_at` has come; each counts one more try and is put off until `until`.

        Nobody else is given one of them meanwhile.
        """
        ...

    def put_key(self, key: Key, events: Sequence[Event] = ()) -> None:
        """Keep it, and append the facts to `party/<party>`."""
        ...

    def party_keys(self, party: str | None = None, *, hold: bool = False) -> list[Key]:
        """Every key that a party was ever given, or all there are; the oldest first.

        With `hold` none is given or taken back before this transaction ends.
        """
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

    def keep_claims(self, machines: Iterable[MachineName], until: datetime) -> None:
        """Put off until then those of these machines that have not become due."""
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

    def places(self, hold: Iterable[Place] = ()) -> Mapping[Place, PlaceRecord]:
        """What is remembered of every place that was ever asked, and of areas around places.

        Nobody else can add to what is remembered of those in `hold` before this transaction ends.
        Cases that are wanted too are read first, so that no two transactions wait in a ring.
        """
        ...

    def put_place(self, record: PlaceRecord, events: Sequence[Event] = ()) -> None:
        """Remember it, and append the facts to `place/<provider>/<region>/<sku>`.

        What it grew from was read in this transaction by `places`, and held.
        Machines that are wanted there and were never asked for become due now; those in an area,
        if it is open.
        """
        ...

    def asked(self, provider: ProviderName) -> Mapping[Place, int]:
        """How many machines each place was asked for and did not answer, before a claim is made."""
        ...

    def unresolved(self) -> Mapping[Place, int]:
        """How many machines are wanted or asked for at each place that has not answered."""
        ...

    # -- registers

    def registers(
        self, agreements: Iterable[str], lock: Lock = Lock.NONE
    ) -> Mapping[str, Register]:
        """What is on record of each of these agreements; a new register where nothing is.

        Take the jobs before the registers, and all the registers at once. Whoever has them
        locked to read may lock them to draw too, and never to change.
        """
        ...

    def put_register(self, register: Register, events: Sequence[Event] = ()) -> None:
        """Write it, one version on, and append the facts to `agreement/<name>`.

        Once for an agreement in a transaction. If somebody has written it since it was read,
        nothing of the transaction is kept.
        """
        ...

    # -- spending

    def spending(self, *, hold: bool = False) -> Spending:
        """What each tenant spends at each cloud; with `hold`, nobody else asks so until the end."""
        ...

    # -- signs of life

    def beats(self, *, hold: bool = False) -> Mapping[str, datetime]:
        """When each part of the broker last gave a sign of life.

        With `hold` nobody else can write one before this transaction ends.
        """
        ...

    def put_beats(self, beats: Mapping[str, datetime]) -> None: ...

    def open_offers(self) -> list[Case]:
        """Every job with an offer that is undecided, or accepted and not delivered yet."""
        ...

    # -- the rest

    def record(self, stream: str, events: Sequence[Event]) -> None:
        """Append facts to a stream that is no job's."""
        ...

    def told(self, stream: str) -> bool:
        """Whether a stream that is no job's has a fact."""
        ...

    def editions_recorded(self) -> set[tuple[str, str]]:
        """Agreement and edition of every `EditionRecorded` in the log."""
        ...

    def add_log(self, chunks: Sequence[LogChunk]) -> None:
        """Keep chunks of output; a chunk that is there already is dropped."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """When what is due first; None: nothing of the kind waits for an instant."""

    jobs: datetime | None
    offers: datetime | None
    machines: Mapping[ProviderName, datetime]
    notices: datetime | None = None


class Store(Protocol):
    def transaction(self) -> AbstractContextManager[Transaction]: ...

    def upcoming(self) -> Upcoming:
        """The earliest `due_at` of each kind of work."""
        ...

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
