"""Cool-downs: what keeps the broker away from places, and the end of it."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import APIRouter, Response

from broker.api.context import Here
from broker.api.errors import DeclinedError
from broker.api.replies import json_reply
from broker.domain.cool_downs import CoolDown, standing
from broker.domain.place import EVERY
from broker.steps.clear_cool_downs import Within, clear_cool_downs
from broker.wire.cool_downs import ClearBody, CoolDownsView, CoolDownView

router = APIRouter(prefix="/v1/cool-downs", tags=["fleet"])


@router.get("", response_model=CoolDownsView)
def list_cool_downs(here: Here) -> Response:
    """The widest first: a cloud, then regions, families of machines, zones and places."""
    with here.store.transaction() as tx:
        now = tx.now
    return json_reply(_view(standing(here.board.places(), now)))


@router.post("/clear", response_model=CoolDownsView)
def clear(body: ClearBody, here: Here) -> Response:
    """Forget what was said there, now. The answer is what was forgotten."""
    within = Within(provider=body.provider, region=body.region, sku=body.sku)
    found = clear_cool_downs(within, body.by, body.reason, here.store)
    if not found:
        where = " ".join(part for part in (body.provider, body.region, body.sku) if part)
        raise DeclinedError(
            HTTPStatus.NOT_FOUND,
            "not_found",
            f"nothing keeps the broker away from {where[:200]}; GET /v1/cool-downs shows what does",
        )
    return json_reply(_view(found))


def _view(found: Iterable[CoolDown]) -> CoolDownsView:
    return CoolDownsView(
        items=tuple(
            CoolDownView(
                provider=one.place.provider,
                scope=one.reach.value,
                region=None if one.place.region == EVERY else one.place.region,
                sku=None if one.place.sku == EVERY else one.place.sku,
                purchase=one.place.purchase.value,
                effect=one.effect,
                why=one.why,
                code=one.code,
                message=one.message,
                alert=one.alert,
                refusal=one.refusal,
                since=one.since,
                until=one.until,
            )
            for one in found
        )
    )
