"""A job that was submitted, as a future: it can be waited for, read, explained and cancelled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal

from typing_extensions import override

from broker.client.connection import Connection
from broker.client.errors import JobCancelled, JobFailed, NoCapacity
from broker.domain.chain import Fact
from broker.domain.explanation import Explanation

if TYPE_CHECKING:
    from broker.wire import JobView
    from broker.wire.withdrawals import WithdrawalView

Milestone = Literal["accepted", "placed", "running", "finished"]

OVER: Final = frozenset({"finished", "failed", "cancelled", "unmet"})
_LATER: Final = {"finished": OVER}
_LATER["running"] = _LATER["finished"] | {"running"}
_LATER["placed"] = _LATER["running"] | {"starting"}
_LATER["accepted"] = _LATER["placed"] | {"placing"}
"""The stages in which a milestone has been passed; an end passes all of them."""

GRACE_S: Final = 30
TAIL_LINES: Final = 20
PAGE: Final = 1000
_FIRST_LOOK_S: Final = 0.02
_LONGEST_LOOK_S: Final = 0.25


class Unchanged(Enum):
    """Stands for what is not said."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended well."""

    job: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a job wrote."""

    text: str
    unit: int
    stream: str
    """`out` or `err`."""
    at: str


class JobHandle(Future[Outcome]):
    """A job, as a real future: `wait` and `as_completed` of `concurrent.futures` take it."""

    def __init__(self, connection: Connection, job: str, name: str = "") -> None:
        super().__init__()
        self._line = connection
        self._name = name
        self.id = job

    @override
    def __repr__(self) -> str:
        return f"<JobHandle {self.id}>"

    @property
    def name(self) -> str:
        if not self._name:
            self._name = str(self._seen()["name"])
        return self._name

    @property
    def url(self) -> str:
        return f"{self._line.url}/v1/jobs/{self.id}"

    @property
    def state(self) -> str:
        """How far it is by now: queued, offered, released, placing, starting, running, or over."""
        return str(self._seen()["stage"])

    def view(self) -> JobView:
        """Everything there is to see of it by now."""
        from broker.wire import JobView  # noqa: PLC0415 - a command line does without

        return JobView.model_validate(self._seen())

    def wait(self, until: Milestone = "finished", timeout: float | None = None) -> str:
        """Wait for a milestone and return the stage. Raises TimeoutError."""
        if until not in _LATER:
            raise ValueError(f"{until!r} is no milestone; known are {', '.join(_LATER)}")
        deadline = None if timeout is None else monotonic() + timeout
        for _ in looks(deadline):
            if (stage := self.state) in _LATER[until]:
                return stage
        raise TimeoutError(f"{self.id} is not {until} after {timeout} s; it goes on")

    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[LogLine]:
        """Its output line by line; `tail` begins with the last lines of what is there."""
        for batch in self._batches(follow=follow, tail=tail):
            yield from batch

    def events(self, *, follow: bool = False) -> Iterator[Fact]:
        """The facts that the log holds of it."""
        for page in follow_pages(self._line, f"/v1/jobs/{self.id}/events", follow=follow):
            for item in page["items"]:
                yield Fact(**{name: item[name] for name in Fact._fields})

    def explain(self) -> Explanation:
        """Why it is where it is: everybody who was asked, and what they said."""
        return Explanation.from_json(self._line.get(f"/v1/jobs/{self.id}/explain"))

    def amend(
        self,
        *,
        max_price: Decimal | str | float | Unchanged | None = UNCHANGED,
        regions: Sequence[str] | Unchanged = UNCHANGED,
        exclude: Sequence[str] | Unchanged = UNCHANGED,
        spot: str | bool | Unchanged = UNCHANGED,
    ) -> JobView:
        """Change its limits while it waits; what is left out stays, `None` is no limit.

        A change that would leave a rival better off has the holder asked anew. Raises
        BrokerError where the job waits no more, or was requoted as often as its agreement allows.
        """
        from broker.wire import JobView  # noqa: PLC0415 - a command line does without

        said = {"max_price_per_hour": max_price, "regions": regions, "exclude": exclude}
        said |= {"spot": spot}
        limits = {name: _plain(v) for name, v in said.items() if not isinstance(v, Unchanged)}
        return JobView.model_validate(self._line.patch(f"/v1/jobs/{self.id}", {"limits": limits}))

    def withdraw_quote(self, quote: str, why: str = "withdrawn by its supplier") -> WithdrawalView:
        """Take back the third party's quote that an offer of it was frozen on.

        Returns what became of each such offer. Raises BrokerError where none stands on it.
        """
        from broker.wire.withdrawals import WithdrawalView  # noqa: PLC0415 - as above

        path = f"/v1/jobs/{self.id}/quotes/{quote}/withdraw"
        return WithdrawalView.model_validate(self._line.post(path, {"why": why}, repeatable=False))

    @override
    def cancel(self, reason: str = "asked", grace: timedelta | float = GRACE_S) -> bool:
        """End it; its command has `grace` to stop by itself. False where it was over already."""
        if self.done():
            return False
        seconds = grace.total_seconds() if isinstance(grace, timedelta) else grace
        body = {"reason": reason, "grace_s": int(seconds)}
        said = self._line.post(f"/v1/jobs/{self.id}/cancel", body, repeatable=True)
        return bool(said["states"].get(self.id) == "cancelled")

    @override
    def cancelled(self) -> bool:
        return self.done() and isinstance(self.exception(0), JobCancelled)

    @override
    def running(self) -> bool:
        return not self.done() and self.state == "running"

    def settle(self, state: str, exit_code: int | None, reason: str) -> None:
        """Resolve the future with the job's end; the first end stands."""
        if self.done():
            return
        if state == "finished":
            self.set_result(Outcome(job=self.id, exit_code=exit_code or 0))
        elif state == "failed":
            self.set_exception(
                JobFailed(f"{self.id} failed: {reason}", exit_code=exit_code, tail=self._tail)
            )
        elif state == "cancelled":
            self.set_exception(JobCancelled(f"{self.id} was cancelled: {reason}"))
        else:
            hint = "see explain(); give it longer with limits.start_within, or widen its limits"
            self.set_exception(NoCapacity(f"{self.id} was unmet: {reason}", hint=hint))

    def _seen(self) -> dict[str, Any]:
        seen: dict[str, Any] = self._line.get(f"/v1/jobs/{self.id}")
        return seen

    def _tail(self) -> str:
        return "\n".join(line.text for line in self.logs(tail=TAIL_LINES))

    def _batches(self, *, follow: bool, tail: int | None) -> Iterator[list[LogLine]]:
        """Lines as they come; a line may come in pieces, each machine and stream for itself."""
        begun: dict[tuple[int, str], LogLine] = {}
        kept: deque[LogLine] | None = None if tail is None else deque(maxlen=tail)
        for page in follow_pages(self._line, f"/v1/jobs/{self.id}/logs", follow=follow):
            batch: list[LogLine] = []
            for chunk in page["items"]:
                batch += _lines(chunk, begun)
            if kept is not None and tail is not None:
                kept.extend(batch)
                batch = []
                if len(page["items"]) < PAGE:  # a line that is still being written counts as one
                    batch, kept = list(kept)[max(0, len(kept) + len(begun) - tail) :], None
            yield batch
        yield list(begun.values())


def _plain(value: Decimal | str | float | Sequence[str] | None) -> object:
    if isinstance(value, Decimal | float | int):
        return str(value)
    return value if value is None or isinstance(value, str) else list(value)


def _lines(chunk: dict[str, Any], begun: dict[tuple[int, str], LogLine]) -> list[LogLine]:
    key = (chunk["unit"], chunk["stream"])
    before = begun.pop(key, None)
    *whole, rest = ((before.text if before else "") + chunk["text"]).split("\n")

    def line(text: str) -> LogLine:
        return LogLine(text=text, unit=chunk["unit"], stream=chunk["stream"], at=chunk["at"])

    if rest:
        begun[key] = line(rest)
    return [line(text) for text in whole]


def follow_pages(
    connection: Connection, path: str, *, follow: bool, after: int = 0
) -> Iterator[dict[str, Any]]:
    """The pages of something that grows; it is over when it says so, or is at its end."""
    pause = looks(None)
    while True:
        page: dict[str, Any] = connection.get(path, after=after, limit=PAGE)
        yield page
        after = page["next"]
        if page["items"]:
            pause = looks(None)
            if len(page["items"]) == PAGE:
                continue
        if page["over"] or not follow:
            return
        next(pause)


def looks(deadline: float | None) -> Iterator[None]:
    """Moments to look, at first often; they end at the deadline, if there is one."""
    every, asleep = _FIRST_LOOK_S, Event()
    yield
    while deadline is None or monotonic() < deadline:
        left = every if deadline is None else min(every, max(0.0, deadline - monotonic()))
        asleep.wait(left)
        every = min(every * 1.5, _LONGEST_LOOK_S)
        yield
