"""Agreements: list, show, and what their parties put on record of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, Response

from broker.api.agreement_views import agreement_view, summary
from broker.api.context import ApiContext, Here
from broker.api.door import PartyKey
from broker.api.errors import DeclinedError, may_not, unknown
from broker.api.replies import json_reply
from broker.domain.clause import Consent, Waiver
from broker.domain.conflicts import Conflict, Stake
from broker.domain.key import Shown
from broker.domain.recording import Entry, Revocation
from broker.domain.register import Attestation, Register
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import usd
from broker.steps.put_on_record import put_on_record
from broker.wire import (
    AgreementsView,
    AgreementView,
    AttestationBody,
    ConflictBody,
    ConsentBody,
    RecordedView,
    RevocationBody,
    StakeBody,
    StandingAcceptanceBody,
    WaiverBody,
)

router = APIRouter(prefix="/v1/agreements", tags=["agreements"])


@router.get("", response_model=AgreementsView)
def list_agreements(here: Here) -> Response:
    now, _ = _now_and_register(here, here.rules.default_agreement)
    known = [one for name in here.rules.agreements if (one := here.rules.agreement(name))]
    default = here.rules.default_agreement
    return json_reply(AgreementsView(items=tuple(summary(one, default, now) for one in known)))


@router.get("/{agreement}", response_model=AgreementView)
def show_agreement(agreement: str, here: Here) -> Response:
    """Its editions with their provenance, its clauses, and what stands now."""
    found = here.rules.agreement(agreement)
    if found is None:
        raise unknown("agreement", agreement)
    now, register = _now_and_register(here, agreement)
    return json_reply(agreement_view(found, register, now))


@router.post("/{agreement}/waivers", status_code=HTTPStatus.CREATED, response_model=RecordedView)
def grant_waiver(agreement: str, body: WaiverBody, here: Here, key: PartyKey = None) -> Response:
    """The holder gives its right up for some work, up to a cap; a known id changes a waiver."""

    def entry(now: datetime) -> Entry:
        return Waiver(
            id=body.id or here.ids.new("waiver"),
            of_clause=body.of_clause,
            given_by=body.by,
            begins=body.begins or now,
            ends=body.ends,
            match=body.match.to_match(),
            cap_units=body.cap_units,
        )

    return _put(agreement, body.by, entry, here, key)


@router.post("/{agreement}/consents", status_code=HTTPStatus.CREATED, response_model=RecordedView)
def record_consent(agreement: str, body: ConsentBody, here: Here, key: PartyKey = None) -> Response:
    """The holder lets some work of an exclusive class go elsewhere."""

    def entry(now: datetime) -> Entry:
        return Consent(
            id=body.id or here.ids.new("consent"),
            of_clause=body.of_clause,
            given_by=body.by,
            begins=body.begins or now,
            ends=body.ends,
            match=body.match.to_match(),
            excludes=body.excludes.to_match() if body.excludes else None,
        )

    return _put(agreement, body.by, entry, here, key)


@router.post(
    "/{agreement}/standing-acceptances",
    status_code=HTTPStatus.CREATED,
    response_model=RecordedView,
)
def give_acceptance(
    agreement: str, body: StandingAcceptanceBody, here: Here, key: PartyKey = None
) -> Response:
    """The holder accepts some work beforehand, at a price and under a hold of its own."""

    def entry(now: datetime) -> Entry:
        return StandingAcceptance(
            id=body.id or here.ids.new("standing"),
            of_clause=body.of_clause,
            given_by=body.by,
            given_at=now,
            begins=body.begins or now,
            ends=body.ends,
            match=body.match.to_match(),
            units=body.units,
            price_usd_hour=usd(body.price_usd_hour),
            hold=body.hold,
            region=body.region,
            sku=body.sku,
            purchase=body.purchase,
        )

    return _put(agreement, body.by, entry, here, key)


@router.post(
    "/{agreement}/attestations", status_code=HTTPStatus.CREATED, response_model=RecordedView
)
def attest(agreement: str, body: AttestationBody, here: Here, key: PartyKey = None) -> Response:
    """The party that the edition names says that a condition has come."""

    def entry(now: datetime) -> Entry:
        return Attestation(condition=body.condition, by=body.by, at=now)

    return _put(agreement, body.by, entry, here, key)


@router.post("/{agreement}/conflicts", status_code=HTTPStatus.CREATED, response_model=RecordedView)
def record_conflict(
    agreement: str, body: ConflictBody, here: Here, key: PartyKey = None
) -> Response:
    """A party may neither see nor run a tenant's work."""

    def entry(now: datetime) -> Entry:
        return Conflict(
            id=body.id or here.ids.new("conflict"),
            tenant=body.tenant,
            party=body.party,
            because=body.because,
            begins=body.begins or now,
            ends=body.ends,
            share=body.share,
        )

    return _put(agreement, body.by, entry, here, key)


@router.post("/{agreement}/stakes", status_code=HTTPStatus.CREATED, response_model=RecordedView)
def record_stake(agreement: str, body: StakeBody, here: Here, key: PartyKey = None) -> Response:
    """So much of a supplier belongs to a party."""

    def entry(now: datetime) -> Entry:
        return Stake(
            id=body.id or here.ids.new("stake"),
            owner=body.owner,
            supplier=body.supplier,
            share=body.share,
            begins=body.begins or now,
            ends=body.ends,
        )

    return _put(agreement, body.by, entry, here, key)


@router.post("/{agreement}/revoke", status_code=HTTPStatus.CREATED, response_model=RecordedView)
def revoke(agreement: str, body: RevocationBody, here: Here, key: PartyKey = None) -> Response:
    """A waiver, consent, standing acceptance or conflict ends now; what was placed stays."""
    return _put(agreement, body.by, lambda _: Revocation(record=body.record), here, key)


def _now_and_register(here: ApiContext, agreement: str) -> tuple[datetime, Register]:
    with here.store.transaction() as tx:
        return tx.now, tx.registers([agreement])[agreement]


def _put(
    agreement: str, by: str, entry: Callable[[datetime], Entry], here: ApiContext, key: Shown
) -> Response:
    if agreement not in here.rules.agreements:
        raise unknown("agreement", agreement)
    now, _ = _now_and_register(here, agreement)
    recorded = put_on_record(agreement, entry(now), by, here.store, here.rules, key)
    if recorded.refused is not None:
        if recorded.denied is not None:
            raise may_not(recorded.denied, recorded.refused)
        field = recorded.refused.partition(":")[0]
        if field == "by":
            raise DeclinedError(HTTPStatus.FORBIDDEN, "wrong_party", recorded.refused, field=field)
        raise DeclinedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "cannot_stand", recorded.refused, field=field
        )
    view = RecordedView(agreement=agreement, kind=recorded.kind, record=recorded.record, at=now)
    return json_reply(view, status=HTTPStatus.CREATED)
