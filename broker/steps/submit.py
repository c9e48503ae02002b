"""Take jobs in: check that each can be, and write it down with its first fact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from broker.domain.events import JobSubmitted
from broker.domain.family import any_of
from broker.domain.job import Job, Unit
from broker.domain.line import line_of
from broker.domain.market import Market
from broker.domain.options import remembered
from broker.domain.register import NOTHING_ON_RECORD
from broker.domain.terms import Terms
from broker.domain.values import JobId, plain
from broker.domain.workload import SpotUse, Workload
from broker.ports import Ids, KeyTakenError, Store, SubmissionKey
from broker.steps.rulebook import Rulebook


class InvalidJobError(ValueError):
    """A job that cannot be. Names the field and says what to do."""

    def __init__(self, field: str, sentence: str, index: int = 0) -> None:
        super().__init__(sentence)
        self.field, self.index = field, index


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    workload: Workload
    key: str | None = None
    """Two submissions of a tenant with one key are one job, if they ask for the same."""

    def named(self) -> SubmissionKey | None:
        return None if self.key is None else SubmissionKey(self.key, digest_of(self.workload))


class Taken(NamedTuple):
    job: JobId
    anew: bool
    """False where an earlier submission under its key is meant."""


def submit_jobs(
    submissions: Sequence[Submission], store: Store, rules: Rulebook, ids: Ids
) -> list[JobId]:
    """As `take_in`; the ids only."""
    return [taken.job for taken in take_in(submissions, store, rules, ids)]


def take_in(
    submissions: Sequence[Submission], store: Store, rules: Rulebook, ids: Ids
) -> list[Taken]:
    """All of them or none, in one transaction.

    Raises InvalidJobError or KeyTakenError with the index of the first that cannot be.
    """
    keys = _keys(submissions)
    known: set[str] = set()
    with store.transaction() as tx:
        now = tx.now
        rows = []
        for index, one in enumerate(submissions):
            job = _job(one.workload, rules, now, JobId(ids.new("job")))
            _check(job, rules, now, known, index)
            rows.append((job, submitted(job), keys[index]))
        meant = tx.submit(rows)
        return [Taken(id_, id_ == row[0].id) for id_, row in zip(meant, rows, strict=True)]


def digest_of(work: Workload) -> str:
    """SHA-256 of what was asked for.

    What is left empty counts for nothing, so that a field of a later broker changes no digest.
    """
    return sha256(json.dumps(_filled(plain(work)), sort_keys=True).encode()).hexdigest()


def _filled(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: _filled(part) for name, part in value.items() if not _empty(part)}


def _empty(part: object) -> bool:
    return part is None or part is False or (isinstance(part, str | list | dict) and not part)


def _keys(submissions: Sequence[Submission]) -> list[SubmissionKey | None]:
    """Their keys, where each that comes twice asks for the same twice. Raises KeyTakenError."""
    first: dict[tuple[str, str], tuple[int, str]] = {}
    keys = [one.named() for one in submissions]
    for index, (one, key) in enumerate(zip(submissions, keys, strict=True)):
        if key is None:
            continue
        before, digest = first.setdefault((one.workload.tenant, key.name), (index, key.digest))
        if digest != key.digest:
            raise KeyTakenError(key.name, f"jobs[{before}]", index)
    return keys


def checked_job(work: Workload, rules: Rulebook, now: datetime, job: JobId) -> Job:
    """The job as it would be taken in. Raises InvalidJobError."""
    made = _job(work, rules, now, job)
    _check(made, rules, now, set(), 0)
    return made


def _meant(work: Workload, rules: Rulebook) -> Workload:
    """The work with the accelerators that its names stand for, so that a notice lists them all."""
    meant = any_of(work.shape.accelerators, rules.sold)
    if meant == work.shape.accelerators:
        return work
    return replace(work, shape=replace(work.shape, accelerators=meant))


def _job(asked: Workload, rules: Rulebook, now: datetime, job: JobId) -> Job:
    work = _meant(asked, rules)
    patience = None if work.patience_s is None else now + timedelta(seconds=work.patience_s)
    agreement = rules.agreement_of(work.tenant)
    return Job(
        id=job,
        workload=work,
        agreement=agreement,
        terms=Terms(
            accelerators=work.shape.accelerators or None,
            gpus_per_unit=work.shape.gpus,
            regions=work.limits.regions or None,
            price_usd_hour=work.limits.max_price_usd_hour,
            duration_s=work.duration_s,
            chunk=work.units if work.gang else work.chunk,
            interruptible=work.limits.spot is not SpotUse.NEVER,
        ),
        submitted_at=now,
        patience_until=patience,
        last_at=now,
        units=tuple(Unit(index=index) for index in range(work.units)),
        due_at=now,
        line=line_of(agreement, work),
    )


def submitted(job: Job) -> JobSubmitted:
    """The first fact of a job."""
    work = job.workload
    return JobSubmitted(
        job=job.id,
        tenant=work.tenant,
        name=work.name,
        kind=work.kind,
        work_class=work.work_class,
        tags=work.tags,
        units=work.units,
        gang=work.units if work.gang else 0,
        chunk=work.chunk,
        terms=job.terms,
        patience_until=job.patience_until,
        agreement=job.agreement,
        shape=work.shape,
        exclude=work.limits.exclude,
        checkpointable=work.checkpointable,
        spot=work.limits.spot,
        preempted=work.retry.preempted,
    )


def _check(job: Job, rules: Rulebook, now: datetime, known: set[str], index: int) -> None:
    """What only catalogue and agreement can tell: that there is a place for it somewhere."""
    work = job.workload
    if job.line in known:
        return
    edition = rules.edition(job.agreement, now)
    if edition is None:
        raise InvalidJobError(
            "tenant",
            f"the agreement {job.agreement!r} of tenant {work.tenant!r} has no edition in force; "
            "record one, or name another agreement in broker.toml",
            index,
        )
    market = Market(pools=rules.pools)
    options = remembered(rules.memo, job.line, work, market, edition, now, NOTHING_ON_RECORD)
    if not options.some and not any(pool.fits(work.shape) for pool in rules.pools):
        raise InvalidJobError("resources.gpu", _unknown_shape(work, rules.sold), index)
    holders = sorted(set(edition.holder_pools) & {name.value for name in work.limits.exclude})
    if holders and (options.right or options.exclusive):
        raise InvalidJobError(
            "limits.exclude",
            f"{holders[0]} cannot be excluded: clause {options.right or options.exclusive} of "
            f"{job.agreement} has it asked first for {work.work_class}; leave it out of "
            "limits.exclude",
            index,
        )
    if not options.some:
        raise InvalidJobError(
            "limits",
            "no machine that fits is left by limits.regions and limits.exclude; widen one of them",
            index,
        )
    known.add(job.line)


def _unknown_shape(work: Workload, sold: tuple[str, ...]) -> str:
    shape = work.shape
    for accelerator in shape.accelerators:
        if accelerator not in sold:
            return (
                f"no catalogue knows a GPU called {accelerator!r}; "
                f"known are {', '.join(sold) or 'none'}"
            )
    return (
        f"no machine in any catalogue has {shape.gpus} x {'|'.join(shape.accelerators) or 'any'} "
        f"GPU, {shape.cpus} CPUs and {shape.memory_gib} GiB; ask for less per unit"
    )
