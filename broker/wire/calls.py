"""The bodies of the calls about jobs, and their short answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from broker.domain.job import JobState
from broker.domain.values import ProviderName
from broker.domain.workload import SpotUse
from broker.wire.jobs import JobSpec
from broker.wire.quantities import Price, price
from broker.wire.resources import Providers, Spot, Words, spot_use
from broker.wire.strict import Seen, Strict, Text, Word

MOST_JOBS: Final = 10_000
GRACE_S: Final = 30

Key = Annotated[Text, Field(min_length=1, max_length=200)]
Grace = Annotated[int, Field(strict=True, ge=0, le=86_400)]


class BatchItem(Strict):
    job: JobSpec
    key: Key | None = None
    """Two submissions of a tenant with one key are one job."""


class BatchSubmit(Strict):
    """All of them are taken, or none."""

    jobs: Annotated[tuple[BatchItem, ...], Field(max_length=MOST_JOBS)]


class SubmittedJob(Seen):
    id: str


class SubmittedBatch(Seen):
    ids: tuple[str, ...]
    """In the order of the jobs that were sent."""


class LimitsBody(Strict):
    """What is left out stays as it is; an empty list or null takes a limit away."""

    regions: Words = ()
    exclude: Providers = ()
    max_price_per_hour: Price = None
    spot: Spot = SpotUse.NEVER

    def changes(self) -> dict[str, Any]:
        """Fields of the workload's limits."""
        given = self.model_fields_set
        said: dict[str, Any] = {}
        if "regions" in given:
            said["regions"] = tuple(self.regions)
        if "exclude" in given:
            said["exclude"] = tuple(ProviderName(name) for name in self.exclude)
        if "max_price_per_hour" in given:
            said["max_price_usd_hour"] = price(self.max_price_per_hour)
        if "spot" in given:
            said["spot"] = spot_use(self.spot)
        return said


class AmendBody(Strict):
    """Other terms for a job that waits."""

    limits: LimitsBody


class CancelBody(Strict):
    reason: Annotated[Text, Field(max_length=1000)] = "asked"
    grace_s: Grace = GRACE_S
    """How long the command may take to stop by itself."""


class CancelMany(CancelBody):
    ids: Annotated[tuple[Word, ...], Field(max_length=MOST_JOBS)]


class CancelledView(Seen):
    """The state of each job that is known; one that was over already stays what it was."""

    states: Mapping[str, JobState]
