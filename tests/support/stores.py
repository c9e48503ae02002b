"""Stores under one contract, and jobs, offers and machines to keep in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from broker.domain.case import Case
from broker.domain.commitment import Commitment
from broker.domain.events import JobStarted
from broker.domain.job import Job, Unit
from broker.domain.line import line_of
from broker.domain.machine import Machine
from broker.domain.market import Place, PoolKind
from broker.domain.offer import Desk, Mechanics, Offer, OfferKind
from broker.domain.terms import Terms
from broker.domain.values import (
    CommitmentId,
    JobId,
    MachineName,
    OfferId,
    ProviderName,
    usd,
)
from broker.domain.workload import Kind, WorkClass, Workload
from broker.ports import Store, SubmissionKey
from broker.steps.submit import submitted

NOON: Final = datetime(2025, 6, 2, 12, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
HOUR: Final = timedelta(hours=1)
FULL: Final = Place(ProviderName.AZURE, "eastus", "nd96")
OTHER: Final = Place(ProviderName.AWS, "us-east-1", "p5")
TERMS: Final = Terms(
    accelerators=("H100",), gpus_per_unit=8, regions=("us-*",), price_usd_hour=usd("98.320")
)


@dataclass
class StoppedClock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at


@dataclass
class CountingIds:
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self.numbers):09d}"


@dataclass
class World:
    """A store, and what a test needs to speak of its now."""

    store: Store
    ids: CountingIds

    def now(self) -> datetime:
        with self.store.transaction() as tx:
            return tx.now

    def job(
        self,
        *,
        due_in: timedelta | None = -SECOND,
        age: timedelta = SECOND,
        **work: Any,  # noqa: ANN401 - the fields of the workload
    ) -> Job:
        now = self.now()
        workload = Workload(
            **{
                "name": "tune",
                "tenant": "lab",
                "kind": Kind.TRAINING,
                "work_class": WorkClass.FINE_TUNING,
                "run": "python tune.py",
            }
            | work
        )
        return Job(
            id=JobId(self.ids.new("job")),
            workload=workload,
            agreement="house",
            terms=TERMS,
            submitted_at=now - age,
            patience_until=None,
            last_at=now - age,
            units=tuple(Unit(index=index) for index in range(workload.units)),
            due_at=None if due_in is None else now + due_in,
            line=line_of("house", workload),
        )

    def submit(self, *jobs: Job, key: str | None = None, digest: str = "same") -> list[JobId]:
        named = None if key is None else SubmissionKey(key, digest)
        with self.store.transaction() as tx:
            return tx.submit([(job, submitted(job), named) for job in jobs])

    def submitted(self, **work: Any) -> Job:  # noqa: ANN401 - as `job`
        """A job that is in the store already."""
        job = self.job(**work)
        self.submit(job)
        return job

    @contextmanager
    def case(self, job: JobId) -> Iterator[Case]:
        """The file of a job, kept at the end of the block."""
        with self.store.transaction() as tx:
            case = tx.cases([job])[job]
            yield case
            tx.keep([case])

    def read(self, job: JobId) -> Case:
        with self.store.transaction() as tx:
            return tx.cases([job])[job]

    def machine(self, job: Job, *, due_in: timedelta | None = -SECOND, **fields: Any) -> Machine:  # noqa: ANN401
        """A machine wanted for a job, and in the store."""
        now = self.now()
        machine = replace(a_machine(job, self.ids.new("cb"), now), **fields)
        machine = replace(machine, due_at=None if due_in is None else now + due_in)
        with self.case(job.id) as case:
            case.put_machine(machine)
        return machine


def started(job: Job) -> JobStarted:
    return JobStarted(job=job.id)


def an_offer(job: Job, offer: str, at: datetime, **fields: Any) -> Offer:  # noqa: ANN401
    made = Offer(
        id=OfferId(offer),
        job=job.id,
        kind=OfferKind.RIGHT,
        version=1,
        units=(0,),
        gang=False,
        chunk=1,
        work_class="fine_tuning",
        agreement="house",
        edition="2025-01",
        clause="first",
        holder=("azure",),
        terms=TERMS,
        mechanics=Mechanics(
            window_s=60,
            tail_s=60,
            tail_from_notice=False,
            tolerance=Decimal("0.05"),
            provision_s=60,
            cure_s=60,
            refusal_max_age_s=60,
            deemed_after_s=60,
            deemed_attempts=3,
            contents=("units",),
        ),
        desk=Desk.AUTOMATIC,
        issued_at=at,
    )
    return replace(made, **fields)


def a_commitment(job: Job, commitment: str, at: datetime, **fields: Any) -> Commitment:  # noqa: ANN401
    made = Commitment(
        id=CommitmentId(commitment),
        job=job.id,
        units=(0,),
        place=OTHER,
        pool_kind=PoolKind.THIRD_PARTY_CLOUD,
        terms=TERMS,
        made_at=at,
    )
    return replace(made, **fields)


def a_machine(job: Job, name: str, at: datetime) -> Machine:
    return Machine(
        name=MachineName(name),
        job=job.id,
        unit=0,
        place=FULL,
        price_usd_hour=usd("98.32"),
        wanted_at=at,
        due_at=at,
    )
