"""Row and domain object, there and back. The document is the truth; columns are for asking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

from pydantic import TypeAdapter

from broker.domain.altered import altered
from broker.domain.commitment import Commitment
from broker.domain.job import Job
from broker.domain.machine import Machine
from broker.domain.offer import Offer
from broker.domain.places import PlaceRecord
from broker.domain.register import Register
from broker.ports import SubmissionKey

Values: TypeAlias = dict[str, Any]
"""The values of one row, by column."""

MILLION: Final = 1_000_000
"""Amounts in columns are whole millionths of a dollar."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_JOB: Final = TypeAdapter(Job)
_OFFER: Final = TypeAdapter(Offer)
_COMMITMENT: Final = TypeAdapter(Commitment)
_MACHINE: Final = TypeAdapter(Machine)
_PLACE: Final = TypeAdapter(PlaceRecord)
_REGISTER: Final = TypeAdapter(Register)

job_from: Final[Callable[[str], Job]] = _JOB.validate_json
offer_from: Final[Callable[[str], Offer]] = _OFFER.validate_json
commitment_from: Final[Callable[[str], Commitment]] = _COMMITMENT.validate_json
register_from: Final[Callable[[str], Register]] = _REGISTER.validate_json
place_from: Final[Callable[[str], PlaceRecord]] = lru_cache(maxsize=8192)(_PLACE.validate_json)
"""Every round reads all places, few of which have changed since the last."""


def micros(at: datetime) -> int:
    """Whole microseconds since the epoch."""
    return (at - _EPOCH) // _MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def instant_of(count: int) -> datetime:
    return _EPOCH + timedelta(microseconds=count)


def _due(at: datetime | None, *, over: bool) -> int | None:
    """What is over is never due, so that the index of what is due holds nothing else."""
    return None if over else micros_or_none(at)


def job_row(job: Job, key: SubmissionKey | None = None) -> Values:
    work = job.workload
    return {
        "id": job.id,
        "tenant": work.tenant,
        "name": work.name,
        "kind": work.kind.value,
        "class": work.work_class.value,
        "state": job.state.value,
        "priority": work.priority,
        "submitted_at": micros(job.submitted_at),
        "due_at": _due(job.due_at, over=job.state.over),
        "agreement": job.agreement,
        "line": job.line,
        "stuck": job.stuck and not job.state.over,
        "in_line": job.in_line and not job.state.over,
        "ended_at": micros_or_none(job.ended_at),
        "idempotency_key": key.name if key else None,
        "submission_sha256": key.digest if key else None,
        "doc": _JOB.dump_json(job).decode(),
    }


def offer_row(offer: Offer) -> Values:
    return {
        "id": offer.id,
        "job": offer.job,
        "state": offer.state.value,
        "due_at": _due(offer.due_at, over=offer.state.over),
        "issued_at": micros(offer.issued_at),
        "doc": _OFFER.dump_json(offer).decode(),
    }


def commitment_row(commitment: Commitment) -> Values:
    return {
        "id": commitment.id,
        "job": commitment.job,
        "provider": commitment.place.provider.value,
        "state": commitment.state.value,
        "hold": commitment.holds[0] if len(commitment.holds) == 1 else None,
        "doc": _COMMITMENT.dump_json(commitment).decode(),
    }


def machine_row(machine: Machine) -> Values:
    return {
        "name": machine.name,
        "job": machine.job,
        "unit": machine.unit,
        "provider": machine.place.provider.value,
        "region": machine.place.region,
        "sku": machine.place.sku,
        "purchase": machine.place.purchase.value,
        "state": machine.state.value,
        "due_at": _due(machine.due_at, over=machine.state.over),
        "tries": machine.tries,
        "wanted_at": micros(machine.wanted_at),
        "up_at": micros_or_none(machine.up_at),
        "offer": machine.offer,
        "commitment": machine.commitment,
        "lease": machine.lease,
        "micro_usd_hour": int(machine.price_usd_hour * MILLION),
        "doc": _MACHINE.dump_json(machine).decode(),
    }


def machine_from(doc: str, due_at: int | None, tries: int) -> Machine:
    """The machine, with what its columns know better."""
    machine = _MACHINE.validate_json(doc)
    if machine.tries == tries and micros_or_none(machine.due_at) == due_at:
        return machine
    return altered(machine, tries=tries, due_at=None if due_at is None else instant_of(due_at))


def place_row(record: PlaceRecord) -> Values:
    place = record.place
    return {
        "provider": place.provider.value,
        "region": place.region,
        "sku": place.sku,
        "purchase": place.purchase.value,
        "doc": _PLACE.dump_json(record).decode(),
    }


def register_row(register: Register) -> Values:
    return {
        "agreement": register.agreement,
        "version": register.version,
        "doc": _REGISTER.dump_json(register).decode(),
    }
