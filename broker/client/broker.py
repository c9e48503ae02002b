"""The broker, as a Python program sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from datetime import timedelta
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from typing_extensions import override

from broker.client import where
from broker.client.agreements import Agreements
from broker.client.connection import Connection
from broker.client.cool_downs import CoolDowns
from broker.client.errors import BrokerUnavailable
from broker.client.handle import GRACE_S, JobHandle
from broker.client.keys import Keys
from broker.client.watch import Watch
from broker.domain.quote import Quote

if TYPE_CHECKING:
    from broker.wire import (
        Batch,
        CounterBody,
        Health,
        HoldBody,
        Inference,
        JobPage,
        JudgementView,
        OfferPage,
        OfferView,
        Training,
    )
    from broker.wire.reclaims import ReclaimView


class Engine(Protocol):
    """A broker inside this process."""

    url: str
    token: str | None

    def close(self) -> None: ...


class JobGroup(Sequence[JobHandle]):
    """Jobs that were submitted together; `as_completed(group)` takes it."""

    def __init__(self, connection: Connection, handles: Sequence[JobHandle]) -> None:
        self._line, self._handles = connection, tuple(handles)

    @override
    def __getitem__(self, index: Any) -> Any:
        return self._handles[index]

    @override
    def __len__(self) -> int:
        return len(self._handles)

    @override
    def __iter__(self) -> Iterator[JobHandle]:
        return iter(self._handles)

    def wait(self, timeout: float | None = None, *, until_failure: bool = False) -> bool:
        """Wait for all of them, or for the first failure; False where time was too short."""
        how = FIRST_EXCEPTION if until_failure else "ALL_COMPLETED"
        return not wait(self._handles, timeout, how).not_done

    def cancel(self, reason: str = "asked", grace: timedelta | float = GRACE_S) -> int:
        """End all that are not over yet; returns how many are cancelled now."""
        seconds = grace.total_seconds() if isinstance(grace, timedelta) else grace
        ids = [handle.id for handle in self._handles if not handle.done()]
        if not ids:
            return 0
        body = {"reason": reason, "grace_s": int(seconds), "ids": ids}
        states = self._line.post("/v1/jobs/cancel", body, repeatable=True)["states"]
        return sum(state == "cancelled" for state in states.values())


class Jobs:
    def __init__(self, connection: Connection) -> None:
        self._line = connection

    def list(  # noqa: PLR0913 - the filters there are
        self,
        *,
        state: str | None = None,
        tenant: str | None = None,
        kind: str | None = None,
        workload_class: str | None = None,
        label: str | None = None,
        provider: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JobPage:
        """One page, the newest first; `label` is `name=value`."""
        from broker.wire import JobPage  # noqa: PLC0415 - a command line does without

        asked = {"state": state, "tenant": tenant, "kind": kind, "class": workload_class}
        more = {"label": label, "provider": provider, "limit": limit, "cursor": cursor}
        return JobPage.model_validate(self._line.get("/v1/jobs", **asked, **more))


class Offers:
    def __init__(self, connection: Connection) -> None:
        self._line = connection

    def list(
        self, *, state: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> OfferPage:
        from broker.wire import OfferPage  # noqa: PLC0415 - as above

        page = self._line.get("/v1/offers", state=state, limit=limit, cursor=cursor)
        return OfferPage.model_validate(page)

    def show(self, offer: str) -> OfferView:
        from broker.wire import OfferView  # noqa: PLC0415 - as above

        return OfferView.model_validate(self._line.get(f"/v1/offers/{offer}"))

    def answer(  # noqa: PLR0913 - all that an answer can say
        self,
        offer: str,
        kind: str,
        *,
        units: int | None = None,
        holds: Iterable[HoldBody] = (),
        reason: str | None = None,
        by: str = "desk",
        question: str | None = None,
        terms: CounterBody | None = None,
        key: str | None = None,
    ) -> JudgementView:
        """Answer as the holder's desk, with its key where it was given one.

        Not repeated when the line breaks: look, then answer.
        """
        from broker.wire import JudgementView  # noqa: PLC0415 - as above

        body: dict[str, Any] = {"kind": kind, "units": units, "reason": reason, "by": by}
        body |= {"question": question}
        body |= {"terms": terms.model_dump(mode="json", exclude_defaults=True) if terms else None}
        body = {name: value for name, value in body.items() if value is not None}
        held = [hold.model_dump(mode="json") for hold in holds]
        said = self._line.post(
            f"/v1/offers/{offer}/answer",
            {**body, "holds": held},
            {"Broker-Key": key} if key else None,
            repeatable=False,
        )
        return JudgementView.model_validate(said)

    def reclaim(
        self,
        job: str,
        unit: int,
        *,
        hold: str,
        region: str,
        sku: str,
        by: str = "desk",
        key: str | None = None,
    ) -> ReclaimView:
        """Ask a released unit back as the holder's desk, with what is kept in its place.

        It moves when its notice is over. Not repeated when the line breaks: look, then ask. Raises
        BrokerError where no clause grants it, or the unit cannot be moved.
        """
        from broker.wire.reclaims import ReclaimView  # noqa: PLC0415 - as above

        said = self._line.post(
            f"/v1/jobs/{job}/units/{unit}/reclaim",
            {"hold": hold, "region": region, "sku": sku, "by": by},
            {"Broker-Key": key} if key else None,
            repeatable=False,
        )
        return ReclaimView.model_validate(said)

    def link(self, offer: str, *, key: str | None = None, valid_s: int = 86400) -> str:
        """A signed link to the page on which the offer can be answered."""
        body = {"valid_s": valid_s} | ({"key": key} if key else {})
        return str(self._line.post(f"/v1/offers/{offer}/link", body, repeatable=True)["url"])


class Broker:
    """A broker: the one at `url`, the one that is configured, or else one in this process.

    Without an argument: `$BROKER_URL`, `broker.toml` or `[tool.broker]` upwards from here, the
    user's own `broker.toml`, the `broker up` that runs here or above; where there is none of
    these, the embedded engine is started.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._engine: Engine | None = None
        address = where.find(url, token)
        if address is None:
            self._engine = _embedded()
            address = where.Address(self._engine.url, self._engine.token)
        self._line = Connection(address.url, address.token)
        self._watch = Watch(self._line)
        self.jobs = Jobs(self._line)
        self.offers = Offers(self._line)
        self.keys = Keys(self._line)
        self.cool_downs = CoolDowns(self._line)
        self.agreements = Agreements(self._line)

    @property
    def url(self) -> str:
        return self._line.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def quote(self, job: Training | Inference | Batch) -> Quote:
        """What would be done with the job if it were submitted now; nothing is written."""
        return Quote.from_json(self._line.post("/v1/quotes", _body(job), repeatable=True))

    def submit(
        self, job: Training | Inference | Batch, idempotency_key: str | None = None
    ) -> JobHandle:
        """Submit one job. Two submissions with one key are one job; without one, each is new."""
        key = idempotency_key or token_hex(16)
        said = self._line.post("/v1/jobs", _body(job), {"Idempotency-Key": key}, repeatable=True)
        handle = JobHandle(self._line, said["id"], job.name)
        self._watch.add([handle])
        return handle

    def submit_many(
        self, jobs: Iterable[Training | Inference | Batch], keys: Sequence[str] | None = None
    ) -> JobGroup:
        """Submit jobs in one request and one transaction: all of them or none."""
        wanted = list(jobs)
        if keys is None:
            group = token_hex(16)
            keys = [f"{group}-{number}" for number in range(len(wanted))]
        items = [{"job": _body(job), "key": key} for job, key in zip(wanted, keys, strict=True)]
        ids = self._line.post("/v1/jobs/batch", {"jobs": items}, repeatable=True)["ids"]
        named = zip(ids, wanted, strict=True)
        handles = [JobHandle(self._line, id_, job.name) for id_, job in named]
        self._watch.add(handles)
        return JobGroup(self._line, handles)

    def job(self, id: str) -> JobHandle:  # noqa: A002 - the word of the trade
        """A job that was submitted before. Raises NotFound."""
        view = self._line.get(f"/v1/jobs/{id}")
        handle = JobHandle(self._line, view["id"], view["name"])
        self._watch.meet(handle, view)
        return handle

    def scorecards(self, since: str | None = None) -> dict[str, Any]:
        """A scorecard for every party, by its name; of the last `7d`, or of all the log.

        `parties` is whole once `complete` is true; before that, ask again.
        """
        return dict(self._line.get("/v1/scorecards", since=since))

    def meters(self, agreement: str) -> dict[str, Any]:
        """How far an agreement's commitments are drawn down, and its own-built shares."""
        return dict(self._line.get(f"/v1/agreements/{agreement}/meters"))

    def health(self) -> Health:
        from broker.wire import Health  # noqa: PLC0415 - as above

        return Health.model_validate(self._line.get("/v1/health"))

    def close(self) -> None:
        """Let go of the line; an embedded broker ends with it."""
        self._watch.close()
        self._line.close()
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def _body(job: Training | Inference | Batch) -> dict[str, Any]:
    return {**job.model_dump(mode="json", exclude_defaults=True), "kind": job.kind}


def _embedded() -> Engine:
    """The engine in this process, found through the distribution's entry points."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - needed only here

    for point in entry_points(group="broker.engine", name="embedded"):
        return cast("Engine", point.load()())
    raise BrokerUnavailable(
        "no broker is named and none can be started here",
        hint="give Broker(url), set BROKER_URL, or install capacity-broker whole",
    )
