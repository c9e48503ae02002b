"""What an edition that was recorded late would have said of decisions taken before (case 10).

The past is never rewritten: what was offered and bought stands. This only tells the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from broker.domain.agreement import Edition
from broker.domain.chain import Fact
from broker.domain.clause import PoolView
from broker.domain.market import PoolKind
from broker.domain.values import instant
from broker.domain.verdict import VerdictKind, verdict
from broker.domain.workload import Scope, WorkClass

_SOME_CLOUD: Final = PoolView("", PoolKind.THIRD_PARTY_CLOUD)
_UNOFFERED: Final = frozenset({"free", "carve_out", "consent"})
"""Bases of a purchase before which nothing had to be offered."""
_OFFERED: Final = {
    VerdictKind.OFFER: "right",
    VerdictKind.FORBID: "order",
    VerdictKind.ALLOW: "nothing to offer",
}
_JOB_ENDS: Final = frozenset({"JobFinished", "JobFailed", "JobCancelled", "JobUnmet"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One past decision that the edition would have read otherwise."""

    position: int
    job: str
    subject: str
    """The offer or the commitment."""
    was: str
    would: str


def discrepancies(
    facts: Iterable[Fact], edition: Edition, recorded_at: datetime
) -> Iterator[Discrepancy]:
    """Of the facts of a log, in its order; those told since it was recorded are passed over."""
    jobs: dict[str, Mapping[str, Any]] = {}
    for fact in facts:
        if fact.type == "JobSubmitted":
            jobs[fact.data["job"]] = fact.data
        elif fact.type in _JOB_ENDS:
            jobs.pop(fact.data["job"], None)
        elif fact.type in ("OfferIssued", "ThirdPartyCommitted"):
            job = jobs.get(fact.data["job"])
            at = instant(fact.at)
            if job is None or fact.data["agreement"] != edition.agreement:
                continue
            if edition.runs_at(at) and at < recorded_at and fact.data["edition"] != edition.id:
                told = _offered if fact.type == "OfferIssued" else _bought
                yield from told(fact, job, edition, at)


def _offered(
    fact: Fact, job: Mapping[str, Any], edition: Edition, at: datetime
) -> Iterator[Discrepancy]:
    said = _verdict(edition, job, _SOME_CLOUD, at)
    would = _OFFERED.get(said, said.value)
    if would != fact.data["kind"]:
        yield _found(fact, "offer", f"offered as {fact.data['kind']}", would)
        return
    rights = [c.right for c in edition.clauses if c.right is not None]
    window = rights[0].window_for(WorkClass(job["class"])) if rights else None
    shorter = window is not None and fact.data["supersedes"] is None
    if would == "right" and shorter and window != fact.data["window_s"]:
        was = f"a window of {fact.data['window_s']} s"
        yield _found(fact, "offer", was, f"a window of {window} s")


def _bought(
    fact: Fact, job: Mapping[str, Any], edition: Edition, at: datetime
) -> Iterator[Discrepancy]:
    data = fact.data
    pool = PoolView(data["provider"], PoolKind(data["pool_kind"]))
    said = _verdict(edition, job, pool, at)
    free = data["basis"] in _UNOFFERED
    if said is VerdictKind.FORBID or (said is VerdictKind.OFFER) is free:
        was = f"bought from {data['provider']} on the basis {data['basis']}"
        yield _found(fact, "commitment", was, said.value)


def _verdict(edition: Edition, job: Mapping[str, Any], pool: PoolView, at: datetime) -> VerdictKind:
    work_class, tags = WorkClass(job["class"]), frozenset(job["tags"])
    return verdict(edition, work_class, tags, pool, Scope.NEW, at).reads_as


def _found(fact: Fact, subject: str, was: str, would: str) -> Discrepancy:
    return Discrepancy(
        position=fact.position,
        job=fact.data["job"],
        subject=fact.data[subject],
        was=was,
        would=would,
    )
