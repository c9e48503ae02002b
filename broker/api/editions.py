"""Editions recorded while the broker runs, and the report of those that came late."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from broker.agreements.errors import AgreementError
from broker.api.context import Here
from broker.api.door import PartyKey
from broker.api.errors import DeclinedError, may_not, unknown
from broker.api.replies import json_reply
from broker.steps.new_edition import record_edition
from broker.wire.editions import (
    DiscrepanciesView,
    DiscrepancyView,
    EditionBody,
    EditionRecordedView,
)

router = APIRouter(prefix="/v1/agreements", tags=["agreements"])

_PAGE = 1000


@router.post(
    "/{agreement}/editions", status_code=HTTPStatus.CREATED, response_model=EditionRecordedView
)
def record(agreement: str, body: EditionBody, here: Here, key: PartyKey = None) -> Response:
    """Put the next edition on record: it decides from its beginning on, and never earlier.

    One that has begun already rewrites nothing; what it would have said of the past is reported.
    """
    if agreement not in here.rules.agreements:
        raise unknown("agreement", agreement)
    try:
        done = record_edition(agreement, body.edition, body.by, here.store, here.rules, key)
    except AgreementError as wrong:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        message = f"{wrong} ({wrong.rule.value})"
        raise DeclinedError(status, "invalid_edition", message, field="edition") from None
    if done.refused is not None and done.denied is not None:
        raise may_not(done.denied, done.refused)
    if done.refused is not None or done.begins is None:
        raise DeclinedError(HTTPStatus.FORBIDDEN, "wrong_party", done.refused or "", field="by")
    found = tuple(
        DiscrepancyView(
            edition=done.edition,
            position=one.position,
            job=one.job,
            subject=one.subject,
            was=one.was,
            would=one.would,
        )
        for one in done.discrepancies
    )
    view = EditionRecordedView(
        agreement=agreement, edition=done.edition, begins=done.begins, discrepancies=found
    )
    return json_reply(view, status=HTTPStatus.CREATED)


@router.get("/{agreement}/discrepancies", response_model=DiscrepanciesView)
def list_discrepancies(agreement: str, here: Here) -> Response:
    """What editions that were recorded late would have said of decisions taken before."""
    if agreement not in here.rules.agreements:
        raise unknown("agreement", agreement)
    found: list[DiscrepancyView] = []
    after = 0
    while facts := here.store.facts(after, _PAGE, f"agreement/{agreement}"):
        told = (fact.data for fact in facts if fact.type == "DiscrepancyFound")
        found += [_view(data) for data in told]
        after = facts[-1].position
    return json_reply(DiscrepanciesView(items=tuple(found)))


def _view(data: Mapping[str, Any]) -> DiscrepancyView:
    return DiscrepancyView(**{name: data[name] for name in DiscrepancyView.model_fields})
