"""An agreement and its register, as people are shown them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias, assert_never

from broker.domain.agreement import Agreement, Edition
from broker.domain.clause import Clause, Consent, Waiver
from broker.domain.conflicts import Conflict
from broker.domain.register import Register
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import decimal_text, instant_text, plain
from broker.domain.workload import WorkClass
from broker.wire import (
    AgreementSummary,
    AgreementView,
    ClauseView,
    EditionView,
    RecordView,
    StandsView,
)


def summary(agreement: Agreement, default: str, now: datetime) -> AgreementSummary:
    edition = agreement.in_force(now)
    return AgreementSummary(
        name=agreement.name,
        default=agreement.name == default,
        in_force=edition.id if edition else None,
        title=edition.title if edition else None,
        provenance=edition.provenance.value if edition else None,
        holder=edition.holder.id if edition else None,
        editions=len(agreement.editions),
    )


def agreement_view(agreement: Agreement, register: Register, now: datetime) -> AgreementView:
    edition = agreement.in_force(now)
    return AgreementView(
        name=agreement.name,
        in_force=edition.id if edition else None,
        editions=tuple(_edition(one, now) for one in agreement.editions),
        stands=_stands(edition, register, now),
    )


def _edition(edition: Edition, now: datetime) -> EditionView:
    contested = {
        known.value: read.value for known in WorkClass if (read := edition.disputed(known, now))
    }
    return EditionView(
        id=edition.id,
        title=edition.title,
        status=edition.status.value,
        provenance=edition.provenance.value,
        in_force=edition.runs_at(now),
        begins=edition.begins,
        ends=edition.ends,
        recorded_at=edition.recorded_at,
        supersedes=edition.supersedes,
        grantor=edition.grantor.id,
        holder=edition.holder.id,
        holder_pools=edition.holder_pools,
        conditions={
            name: edition.party(said.attestor) for name, said in edition.conditions.items()
        },
        clauses=tuple(map(_clause, edition.clauses)),
        contested=contested,
    )


def _clause(clause: Clause) -> ClauseView:
    until = clause.until
    ends = [*map(instant_text, until.dates), *until.conditions] if until else []
    return ClauseView(
        id=clause.id,
        effect=clause.effect.value,
        standing=clause.standing.value,
        assumed=clause.assumed or bool(clause.right and clause.right.assumed),
        in_favour_of=clause.in_favour_of,
        match=clause.match.document(),
        until=tuple(ends),
        exceptions=clause.exceptions,
        carves_out=clause.carves_out,
        meter=plain(clause.meter) if clause.meter else None,
        lead_time_s=clause.lead_time_s,
        sources=clause.sources,
        note=clause.note,
    )


def _stands(edition: Edition | None, register: Register, now: datetime) -> StandsView:
    away = register.health.unavailable
    windows = (
        clause.right.de_minimis.per_tenant_window_s
        for clause in (edition.clauses if edition else ())
        if clause.right and clause.right.de_minimis
    )
    window = max(windows, default=0)
    small: Counter[str] = Counter()
    for one in register.small:
        if (now - one.at).total_seconds() < window:
            small[one.tenant] += one.units
    return StandsView(
        attested={one.condition: one.by for one in register.attested},
        records=tuple(_records(edition, register, now)),
        suspended_until={
            off.clause: off.until for off in register.conduct.suspensions if off.lasts(now)
        },
        defaults=len(register.conduct.defaults),
        unavailable_since=away.since if away else None,
        failed_probes=len(register.health.probes),
        small_units=dict(small),
        stakes=tuple(plain(one) for one in register.stakes),
    )


_Record: TypeAlias = Waiver | Consent | StandingAcceptance | Conflict


def _records(edition: Edition | None, register: Register, now: datetime) -> Iterator[RecordView]:
    own: list[_Record] = [*edition.waivers, *edition.consents] if edition else []
    beside: list[_Record] = [
        *register.waivers,
        *register.consents,
        *register.acceptances,
        *register.conflicts,
    ]
    yield from (_record(one, register, now, in_edition=True) for one in own)
    yield from (_record(one, register, now, in_edition=False) for one in beside)


def _record(
    one: _Record,
    register: Register,
    now: datetime,
    *,
    in_edition: bool,
) -> RecordView:
    live = one.begins <= now and (one.ends is None or now < one.ends)
    units, says = None, {}
    match one:
        case Waiver(cap_units=cap):
            kind, units = "waiver", cap
        case StandingAcceptance():
            kind, units = "standing acceptance", one.units
            says = {
                "hold": one.hold,
                "place": f"{one.region} {one.sku}",
                "price_usd_hour": decimal_text(one.price_usd_hour),
            }
        case Consent():
            kind = "consent"
        case Conflict():
            kind = "conflict"
            says = {"tenant": one.tenant, "party": one.party, "because": one.because}
        case _:
            assert_never(one)
    return RecordView(
        id=one.id,
        kind=kind,
        of_clause=None if isinstance(one, Conflict) else one.of_clause,
        given_by=None if isinstance(one, Conflict) else one.given_by,
        begins=one.begins,
        ends=one.ends,
        live=live and register.stands(one.id),
        revoked_at=register.revoked.get(one.id),
        match={} if isinstance(one, Conflict) else one.match.document(),
        units=units,
        used=register.drawn.get(one.id, 0) if units is not None else None,
        says=says,
        in_edition=in_edition,
    )
