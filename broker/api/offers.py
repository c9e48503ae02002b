"""Offers: what the holder is asked, and what its desk answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from broker.api.context import ApiContext, Here
from broker.api.door import PartyKey
from broker.api.errors import DeclinedError, unknown
from broker.api.links import signed_link
from broker.api.queries import OfferQuery
from broker.api.replies import JSON, json_reply
from broker.api.views import offer_view
from broker.domain.key import Shown
from broker.domain.link import LinkTo
from broker.domain.notice import notice as entry_of
from broker.domain.offer import Offer
from broker.domain.values import JobId, NoticeId, OfferId
from broker.steps.answer import (
    Rejection,
    acknowledge,
    record_answer,
)
from broker.steps.notices import fetch_notice
from broker.steps.said import Answer, AnswerKind, Hold
from broker.wire import AnswerBody, JudgementView, LinkBody, LinkView, OfferPage, OfferView

router = APIRouter(prefix="/v1/offers", tags=["offers"])
notices = APIRouter(prefix="/v1/notices", tags=["offers"])

REJECTIONS: Final[Mapping[Rejection, HTTPStatus]] = {
    Rejection.LATE: HTTPStatus.GONE,
    Rejection.DUPLICATE: HTTPStatus.CONFLICT,
    Rejection.NONCONFORMING: HTTPStatus.UNPROCESSABLE_ENTITY,
    Rejection.UNAUTHORISED: HTTPStatus.UNAUTHORIZED,
    Rejection.FORBIDDEN: HTTPStatus.FORBIDDEN,
}


@router.get("", response_model=OfferPage)
def list_offers(query: Annotated[OfferQuery, Query()], here: Here) -> Response:
    """The newest first."""
    page = here.board.offers(
        query.state,
        job=None if query.job is None else JobId(query.job),
        limit=query.limit,
        cursor=query.cursor,
    )
    return json_reply(OfferPage(items=tuple(map(offer_view, page.items)), next=page.cursor))


@router.get("/{offer}", response_model=OfferView)
def show_offer(offer: str, here: Here) -> Response:
    return json_reply(offer_view(_the_offer(offer, here)))


@router.get("/{offer}/notice")
def read_notice(offer: str, here: Here, key: PartyKey = None) -> Response:
    """The exact bytes of the notice, whose hash is in the log. Reading them opens the window."""
    found = _the_offer(offer, here)
    acknowledge(found.id, here.store, here.rules, key)
    return Response(entry_of(found), media_type=JSON)


@router.post("/{offer}/answer", response_model=JudgementView)
def answer_offer(offer: str, body: AnswerBody, here: Here, key: PartyKey = None) -> Response:
    """Answer as the holder's desk. What is late, repeated or does not conform changes nothing."""
    found = _the_offer(offer, here)
    judged = record_answer(found.id, answer_of(body, key), here.store, here.rules, here.ids)
    if judged.rejected is not None:
        raise DeclinedError(REJECTIONS[judged.rejected], judged.rejected.value, judged.because)
    return json_reply(
        JudgementView(answer=judged.answer, offer=found.id, state=judged.state, reply=judged.reply)
    )


def answer_of(body: AnswerBody, shown: Shown) -> Answer:
    """What a body says, by whoever shows this."""
    return Answer(
        kind=AnswerKind(body.kind),
        units=body.units,
        holds=tuple(
            Hold(
                hold=one.hold,
                units=one.units,
                region=one.region,
                sku=one.sku,
                purchase=one.purchase,
                via=one.via,
            )
            for one in body.holds
        ),
        reason=body.reason,
        by=body.by,
        shown=shown,
        question=body.question,
        terms=body.terms.said() if body.terms is not None else None,
    )


@router.post("/{offer}/link", response_model=LinkView)
def link_to(offer: str, body: LinkBody, here: Here) -> Response:
    """A signed link to the page on which a person answers the offer."""
    found = _the_offer(offer, here)
    return json_reply(signed_link(here, LinkTo.OFFER, found.id, found.version, body))


@notices.post("/{notice}/link", response_model=LinkView)
def link_to_notice(notice: str, body: LinkBody, here: Here) -> Response:
    """A signed link to the page on which a person answers all offers of a notice."""
    with here.store.transaction() as tx:
        if tx.notice(NoticeId(notice)) is None:
            raise unknown("notice", notice)
    return json_reply(signed_link(here, LinkTo.NOTICE, notice, 1, body))


@notices.get("/{notice}")
def fetch(notice: str, here: Here, key: PartyKey = None) -> Response:
    """The exact bytes of a notice with all its offers. Fetching it opens their windows."""
    try:
        found = fetch_notice(NoticeId(notice), here.store, here.rules, key)
    except KeyError:
        raise unknown("notice", notice) from None
    return Response(found.body.encode(), media_type=JSON)


def _the_offer(offer: str, here: ApiContext) -> Offer:
    found = here.board.offer(OfferId(offer))
    if found is None:
        raise unknown("offer", offer)
    return found
