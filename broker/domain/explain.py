"""Tell the story of one job from its facts, and from nothing else.

So it works on a live log and on an exported one alike. Facts that belong to other jobs are passed
over, but for the refusals that this job's facts cite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Final

from broker.domain import told_offers, told_places, told_purchases
from broker.domain.accounts.shortage import figures
from broker.domain.accounts.waits import Waits
from broker.domain.chain import Fact
from broker.domain.explanation import Asking, Explanation, Verdict, span
from broker.domain.retelling import ENDS, Retelling, seconds
from broker.domain.told_places import Elsewhere, elsewhere
from broker.domain.told_records import ReadEdition
from broker.domain.values import instant

_STANDING: Final = frozenset({Verdict.PLACED, Verdict.COMMITTED})
_SETTLES: Final = frozenset({"OfferIssued", "UnitsReleased", "ThirdPartyCommitted"})
_TELLS: Final[Mapping[str, Callable[[Retelling, Fact], None]]] = {
    "JobHeld": told_offers.held,
    "OfferIssued": told_offers.issued,
    "OfferDelivered": told_offers.delivered,
    "OfferTolled": told_offers.tolled,
    "OfferAccepted": told_offers.accepted,
    "OfferRefused": told_offers.refused,
    "OfferLapsed": told_offers.lapsed,
    "OfferWithdrawn": told_offers.withdrawn,
    "HolderDefaulted": told_offers.defaulted,
    "AnswerRejected": told_offers.answer_rejected,
    "UnitsReleased": told_offers.released,
    "ReleaseExpired": told_offers.release_over,
    "ThirdPartyCommitted": told_purchases.bought,
    "HolderCommitted": told_purchases.bought,
    "CommitmentFailed": told_purchases.failed,
    "LeaseActivated": told_purchases.activated,
    "LeaseEnded": told_purchases.lease_ended,
    "LeaseRenewed": told_purchases.renewed,
    "MigrationBegun": told_purchases.moving,
}


_TEACHES: Final[Mapping[str, Callable[[Retelling, Fact], None]]] = {
    "EditionRecorded": told_places.edition_recorded,
    "PricesListed": told_places.prices_listed,
    "ConditionAttested": told_places.on_record,
    "ConsentRecorded": told_places.on_record,
    "ConsentRevoked": told_places.on_record,
    "ConflictRecorded": told_places.on_record,
    "ConflictLifted": told_places.on_record,
    "StakeRecorded": told_places.on_record,
    "PlaceRefused": told_offers.refusal_recorded,
    "PlaceAdvised": told_places.advised,
}
"""What is told of no job in particular, and may still matter to this one."""


def explain(
    facts: Iterable[Fact],
    job: str,
    read_edition: ReadEdition | None = None,
    at: datetime | None = None,
) -> Explanation:
    """Every supplier asked for the job, in order, with verdicts and the facts that prove them.

    Facts of other jobs may be among them. With `read_edition`, which makes an edition of the
    document that the log carries, the places that were not asked are told as well. An open job has
    waited until `at`, or else until the last of the facts. Raises KeyError where no fact submits
    the job.
    """
    told, waits, last = Retelling(job), Waits(kept=job), ""
    for fact in facts:
        last = max(last, fact.at)
        if _read(told, fact) or fact.type == "BrokerUp":
            waits.read(fact)
    if told.submitted is None:
        raise KeyError(job)
    others = elsewhere(told, read_edition) if read_edition else Elsewhere()
    asked = told.submitted.data
    state = ENDS[told.end.type] if told.end else "running" if told.started else "queued"
    standing = [row for row in told.bought() if row.verdict in _STANDING]
    after = seconds(told.submitted.at, told.placed_at) if told.placed_at else None
    return Explanation(
        job=job,
        name=asked.get("name", ""),
        state=state,
        headline=_headline(state, standing, told, after),
        agreement=asked.get("agreement"),
        submitted_at=told.submitted.at,
        placed_after_s=after,
        holder_wait_s=told.holder_wait_s,
        waits_s=figures(waits.of(job, at or instant(last))),
        asked=tuple(_merged(told.in_order())),
        bought=tuple(dict.fromkeys(map(_basis, standing))),
        not_asked=others.places,
        would_change=others.would_change,
        contested=others.contested,
        end=_end(told.end),
        positions=tuple(sorted(set(told.positions))),
    )


def jobs_called(facts: Iterable[Fact], name: str) -> list[str]:
    """The ids of the jobs with this id or name; an exact id stands alone."""
    submitted = [fact.data for fact in facts if fact.type == "JobSubmitted"]
    ids = [data["job"] for data in submitted if data["job"] == name]
    return ids or [data["job"] for data in submitted if data.get("name") == name]


def _read(told: Retelling, fact: Fact) -> bool:
    """Whether the fact is about the job, or about what it could be placed on."""
    data = fact.data
    if learn := _TEACHES.get(fact.type):
        learn(told, fact)
        return True
    if data.get("job") == told.job or data.get("offer") in told.offers:
        told.positions.append(fact.position)
        if fact.type in _SETTLES:
            told.held = None
        if tell := _TELLS.get(fact.type):
            tell(told, fact)
        elif fact.type == "JobSubmitted":
            told.submitted = fact
        elif fact.type == "JobStarted":
            told.started = True
        elif fact.type in ENDS:
            told.end = fact
        return True
    return False


def _headline(state: str, standing: Sequence[Asking], told: Retelling, after_s: int | None) -> str:
    where = ", ".join(dict.fromkeys(row.place for row in standing))
    if where and after_s is not None:
        return f"{state}, placed on {where} after {span(after_s)}"
    if where:
        return f"{state}, on order at {where}"
    open_ = [row for row in told.rows if row.verdict is Verdict.ASKED]
    if open_ and not told.end:
        return f"{state}, offered to {open_[-1].provider}, {open_[-1].because}"
    if told.held and not told.end:
        return f"{state}, held: {told.held}"
    return f"{state}, {'nothing was bought' if told.end else 'nothing is bought yet'}"


def _basis(row: Asking) -> str:
    cited = f", cites {', '.join(row.cites)}" if row.cites else ""
    return f"{row.place}: {row.because}{cited}; {row.agreement} {row.edition}"


def _end(end: Fact | None) -> str:
    if end is None:
        return ""
    reason = end.data.get("reason")
    code = end.data.get("exit_code")
    said = [reason] if reason else []
    if code is not None and not reason:
        said.append(f"exit code {code}")
    return f"{ENDS[end.type]} at {end.at}" + (f": {', '.join(said)}" if said else "")


def _merged(rows: Sequence[Asking]) -> list[Asking]:
    """Rows that differ in their units only become one row with the sum of them."""
    merged: list[Asking] = []
    for _, alike in groupby(rows, key=_kind):
        first, *others = alike
        same = [first, *others]
        positions = sorted({position for row in same for position in row.positions})
        units = first.units if first.clause and not first.basis else sum(r.units for r in same)
        merged.append(replace(first, units=units, positions=tuple(positions)))
    return merged


def _kind(row: Asking) -> tuple[object, ...]:
    return (row.place, row.price_usd_hour, row.verdict, row.because, row.offer, row.cites)
