"""What may stand after the question mark; a name that is not known is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from broker.domain.job import JobState
from broker.domain.offer import OfferState
from broker.domain.values import ProviderName
from broker.domain.workload import Kind, WorkClass
from broker.store.board import JobFilter
from broker.wire.quantities import span
from broker.wire.strict import Strict, Text, wrong

LARGEST_PAGE: Final = 1000

Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE)]
After = Annotated[int, Field(ge=0, le=2**63 - 1)]


def _label(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not (name and equals):
        raise wrong(f"{text[:100]!r} is no label; write it as name=value")
    return text


class JobQuery(Strict):
    state: tuple[JobState, ...] = ()
    tenant: Text | None = None
    kind: Kind | None = None
    workload_class: Annotated[WorkClass | None, Field(alias="class")] = None
    label: tuple[Annotated[Text, AfterValidator(_label)], ...] = ()
    """`name=value`; given more than once, all of them."""
    provider: ProviderName | None = None
    name: Text | None = None
    find: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """Jobs with this name, or whose id begins with it; an exact id stands alone."""
    limit: Limit = 50
    cursor: Text | None = None

    def wanted(self) -> JobFilter:
        labels = (label.partition("=") for label in self.label)
        return JobFilter(
            states=self.state,
            tenant=self.tenant,
            kind=self.kind,
            name=self.name,
            work_class=self.workload_class,
            provider=self.provider,
            labels={name: value for name, _, value in labels},
        )


class OfferQuery(Strict):
    state: tuple[OfferState, ...] = ()
    job: Text | None = None
    limit: Limit = 50
    cursor: Text | None = None


class ScorecardQuery(Strict):
    since: Annotated[timedelta | None, BeforeValidator(span)] = None
    """Only what happened in so long a time, `7d`; left out: all."""


class GrowthQuery(Strict):
    """Of something that grows: what is newer than `after`, and whether to go on reading."""

    after: After = 0
    limit: Limit = LARGEST_PAGE
    follow: bool = False
    """Stream it as server-sent events, as `Accept: text/event-stream` also asks."""
