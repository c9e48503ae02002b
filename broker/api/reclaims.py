"""Units that went elsewhere, asked back by the holder."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from broker.api.context import Here
from broker.api.door import PartyKey
from broker.api.errors import DeclinedError, unknown
from broker.api.replies import json_reply
from broker.domain.values import JobId
from broker.steps.reclaim import NotReclaimed, Replacement, ask_back
from broker.wire.reclaims import ReclaimBody, ReclaimView

router = APIRouter(prefix="/v1/jobs", tags=["offers"])

_STATUS: Final[Mapping[NotReclaimed, HTTPStatus]] = {
    NotReclaimed.NO_SUCH_UNIT: HTTPStatus.NOT_FOUND,
    NotReclaimed.NO_CLAUSE: HTTPStatus.FORBIDDEN,
    NotReclaimed.NOT_RELEASED: HTTPStatus.FORBIDDEN,
    NotReclaimed.NOT_CHECKPOINTABLE: HTTPStatus.FORBIDDEN,
    NotReclaimed.GANG: HTTPStatus.FORBIDDEN,
    NotReclaimed.CONFLICT: HTTPStatus.FORBIDDEN,
    NotReclaimed.UNAUTHORISED: HTTPStatus.UNAUTHORIZED,
    NotReclaimed.FORBIDDEN: HTTPStatus.FORBIDDEN,
    NotReclaimed.NO_SUCH_PLACE: HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""What is not named here is a matter of how things stand: 409."""


@router.post("/{job}/units/{unit}/reclaim", response_model=ReclaimView)
def reclaim_unit(
    job: str,
    unit: Annotated[int, Path(ge=0, le=10_000)],
    body: ReclaimBody,
    here: Here,
    key: PartyKey = None,
) -> Response:
    """Ask back a unit that was released, as the holder's desk, with what is kept in its place.

    Only where the clause grants it, and only of a job that can be stopped; its notice runs first.
    """
    kept = Replacement(
        hold=body.hold,
        region=body.region,
        sku=body.sku,
        purchase=body.purchase,
        by=body.by,
        shown=key,
    )
    try:
        said = ask_back(JobId(job), unit, kept, here.store, here.rules)
    except KeyError:
        raise unknown("job", job) from None
    if said.refused is not None:
        status = _STATUS.get(said.refused, HTTPStatus.CONFLICT)
        raise DeclinedError(status, said.refused.value, said.because)
    assert said.notice_until is not None  # noqa: S101 - what is not refused has its notice
    return json_reply(ReclaimView(job=job, unit=unit, notice_until=said.notice_until))
