"""The tenant changes the terms of a job that still waits (design 3.5, T12 and case 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from broker.domain.case import Case
from broker.domain.events import JobAmended
from broker.domain.job import Job, UnitState
from broker.domain.market import Market
from broker.domain.offer import Mechanics
from broker.domain.options import remembered
from broker.domain.register import Register
from broker.domain.release import Release
from broker.domain.requote import overtaken, reopen, room_from, supersede
from broker.domain.values import JobId, instant_text
from broker.domain.workload import Limits
from broker.ports import Store
from broker.steps.rulebook import Rulebook
from broker.steps.submit import checked_job

_WAITING = (UnitState.PENDING, UnitState.OFFERED, UnitState.RELEASED)


class Became(StrEnum):
    """What an amendment did."""

    UNCHANGED = "unchanged"
    """The job asks for just that already."""
    AMENDED = "amended"
    """What is noticed stands, for no rival is better off."""
    REQUOTED = "requoted"
    """A new notice is due."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    became: Became
    because: str = ""


def amend_job(name: JobId, changes: Mapping[str, Any], store: Store, rules: Rulebook) -> Amended:
    """Change limits of a job; what is refused changes nothing. Raises KeyError, InvalidJobError.

    `changes` are fields of `Limits`. What is bound already keeps the terms it was bound on.
    """
    with store.transaction() as tx:
        case = tx.cases([name])[name]
        job = case.job
        if job.state.over or not job.in_state(*_WAITING):
            return _refused(f"the job is {_how_far(job)}; its terms are fixed, submit another")
        limits = replace(job.workload.limits, **changes)
        if limits == job.workload.limits:
            return Amended(became=Became.UNCHANGED)
        amended = _judge(case, limits, rules, tx.registers([job.agreement])[job.agreement])
        if amended.became is not Became.REFUSED:
            tx.keep([case])
            tx.call_up({job.line: 1})
    return amended


def _judge(case: Case, limits: Limits, rules: Rulebook, register: Register) -> Amended:
    job = case.job
    wanted = checked_job(replace(job.workload, limits=limits), rules, case.now, job.id)
    edition = rules.edition_as_it_stands(register, case.now)
    assert edition is not None  # noqa: S101 - it was checked
    market = Market(pools=rules.pools)
    work, now = wanted.workload, case.now
    options = remembered(rules.memo, wanted.line, work, market, edition, now, register)
    clause = options.right or options.exclusive or ""
    noticed = wanted.terms.priced(options.notice_price)
    other = limits.spot is not job.workload.limits.spot
    offers, releases = overtaken(case, noticed, other_machines=other)
    mechanics = rules.mechanics(edition, clause, wanted.workload)
    room = room_from(case, mechanics) if offers or _noticed(releases) else None
    if room is not None:
        return _refused(_no_room(mechanics, instant_text(room)))
    _write_down(case, wanted, limits)
    for offer in offers:
        supersede(case, offer)
    for release in releases:
        reopen(case, release, "terms")
    return Amended(became=Became.REQUOTED if offers or releases else Became.AMENDED)


def _noticed(releases: list[Release]) -> bool:
    """Whether the holder has seen the terms of one of them."""
    return any(release.offer is not None for release in releases)


def _write_down(case: Case, wanted: Job, limits: Limits) -> None:
    case.tell(
        JobAmended(job=case.job.id, terms=wanted.terms, exclude=limits.exclude, spot=limits.spot)
    )
    case.set_job(
        workload=wanted.workload,
        terms=wanted.terms,
        line=wanted.line,
        stuck=False,
        in_line=False,
        due_at=case.now,
    )


def _no_room(rules: Mechanics, room: str) -> str:
    return (
        f"the holder was sent {rules.requote_max} new notices for this job, as many as the "
        "agreement allows within one tail; the job waits for its answer, and better or other "
        f"terms may be asked for again from {room}"
    )


def _how_far(job: Job) -> str:
    return job.state.value if job.state.over else "placed"


def _refused(because: str) -> Amended:
    return Amended(became=Became.REFUSED, because=because)
