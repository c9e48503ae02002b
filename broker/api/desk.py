"""The pages of a person's desk, which a signed link opens. They need no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from broker.api.context import ApiContext, Here
from broker.api.desk_page import HEADERS, VIA, Sheet, page, sentence_page
from broker.api.errors import DeclinedError, unknown
from broker.api.links import read_link
from broker.api.offers import REJECTIONS, answer_of
from broker.domain.key import LinkOf
from broker.domain.link import LinkTo
from broker.domain.market import Pool
from broker.domain.notice import entry
from broker.domain.offer import Offer
from broker.domain.place import read_sold
from broker.domain.values import NoticeId, OfferId, plain
from broker.steps.answer import acknowledge, record_answer
from broker.steps.authority import UnauthorisedError
from broker.steps.notices import fetch_notice
from broker.steps.through import ways
from broker.wire import AnswerBody
from broker.wire.problems import first_problem

router = APIRouter(prefix="/desk", include_in_schema=False)

_ROWS: Final = 4
"""How many holds the form has room for."""
LARGEST_FORM: Final = 65_536


@router.get("/notices/{notice}")
@router.post("/notices/{notice}")
async def show_notice(notice: str, request: Request, here: Here) -> Response:
    """All offers of a notice, each with its own form."""
    return await _shown(LinkTo.NOTICE, notice, request, here)


@router.get("/{offer}")
@router.post("/{offer}")
async def show_offer(offer: str, request: Request, here: Here) -> Response:
    return await _shown(LinkTo.OFFER, offer, request, here)


async def _shown(to: LinkTo, name: str, request: Request, here: ApiContext) -> Response:
    form: dict[str, list[str]] | None = None
    if request.method == "POST":
        body = await request.body()
        if len(body) > LARGEST_FORM:
            said = "the form is too large; shorten what is written in it"
            return _html(sentence_page(said), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        form = parse_qs(body.decode("utf-8", "replace"))
    query = dict(request.query_params)
    return await run_in_threadpool(_answered, to, name, query, form, here)


def _answered(
    to: LinkTo,
    name: str,
    query: Mapping[str, str],
    form: Mapping[str, Sequence[str]] | None,
    here: ApiContext,
) -> Response:
    try:
        with here.store.transaction() as tx:
            now = tx.now
        link, shown = read_link(to, name, query, here, now)
        offers = _opened(to, name, link.version, shown, here)
        said, status, about = "", HTTPStatus.OK, ""
        if form is not None:
            about = _one(form, "offer")
            said, status = _answer(about, offers, form, shown, here)
            offers = [_current(offer.id, here) for offer in offers]
    except DeclinedError as refused:
        return _html(sentence_page(refused.problem.error.message), refused.status)
    except UnauthorisedError as refused:
        return _html(sentence_page(f"{refused}; ask for a new link"), HTTPStatus.FORBIDDEN)
    sheets = [
        Sheet(
            offer=offer.id,
            state=offer.state.value,
            expires_at=offer.expires_at,
            deliver_by=offer.deliver_by,
            said=plain(entry(offer)),
            places=_places(offer, here),
            gang=offer.gang,
            told=said if offer.id == about else "",
        )
        for offer in offers
    ]
    return _html(page(sheets, now, f"?{urlencode(query)}"), status)


def _opened(to: LinkTo, name: str, version: int, shown: LinkOf, here: ApiContext) -> list[Offer]:
    """The offers that the link leads to; whoever follows it has received them."""
    if to is LinkTo.NOTICE:
        try:
            notice = fetch_notice(NoticeId(name), here.store, here.rules, shown)
        except KeyError:
            raise unknown("notice", name) from None
        return [_current(offer, here) for offer in notice.offers]
    offer = _current(OfferId(name), here)
    if offer.version != version:
        message = "this link is to an earlier version of the offer; ask for a new one"
        raise DeclinedError(HTTPStatus.GONE, "link_over", message)
    acknowledge(offer.id, here.store, here.rules, shown)
    return [_current(offer.id, here)]


def _current(offer: OfferId, here: ApiContext) -> Offer:
    found = here.board.offer(offer)
    if found is None:
        raise unknown("offer", offer)
    return found


def _answer(
    about: str,
    offers: Sequence[Offer],
    form: Mapping[str, Sequence[str]],
    shown: LinkOf,
    here: ApiContext,
) -> tuple[str, HTTPStatus]:
    """Judge what a form says; returns one sentence for the page, and the status."""
    offer = next((offer for offer in offers if offer.id == about), None)
    if offer is None:
        raise unknown("offer", about)
    try:
        body = AnswerBody.model_validate(_body(form, offer))
    except (ValidationError, ValueError) as wrong:
        errors = wrong.errors() if isinstance(wrong, ValidationError) else None
        said = first_problem(errors, "invalid_request").error.message if errors else str(wrong)
        return f"Not sent: {said}.", HTTPStatus.UNPROCESSABLE_ENTITY
    judged = record_answer(offer.id, answer_of(body, shown), here.store, here.rules, here.ids)
    if judged.rejected is not None:
        return f"Not taken: {judged.because}.", REJECTIONS[judged.rejected]
    if body.kind == "query":
        answers = ", ".join(f"{field}: {value}" for field, value in judged.reply.items())
        return f"The notice says: {answers}.", HTTPStatus.OK
    return f"Recorded. The offer is {judged.state.value} now.", HTTPStatus.OK


def _body(form: Mapping[str, Sequence[str]], offer: Offer) -> dict[str, Any]:
    """What the form says, as the API would be told. Raises ValueError."""
    kind = _one(form, "kind")
    body: dict[str, Any] = {"kind": kind, "by": _one(form, "by") or "desk"}
    if kind == "accept":
        body["holds"] = [
            {"hold": hold, "units": _number(form, f"units-{row}")} | _place(form, row)
            for row in range(_ROWS)
            if (hold := _one(form, f"hold-{row}"))
        ]
        body["units"] = sum(hold["units"] for hold in body["holds"]) or len(offer.units)
    if kind in ("refuse", "counter"):
        body["reason"] = _one(form, "reason") or None
    if kind == "counter":
        terms = {name: _one(form, name) for name in ("price_usd_hour", "note")}
        body["terms"] = {name: value for name, value in terms.items() if value} or None
    if kind == "query":
        body["question"] = _one(form, "question") or None
    return {name: value for name, value in body.items() if value is not None}


def _place(form: Mapping[str, Sequence[str]], row: int) -> dict[str, str]:
    machine, _, via = _one(form, f"place-{row}").partition(VIA)
    region, _, sold = machine.partition(" ")
    return {"region": region} | read_sold(sold) | ({"via": via} if via else {})


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    return (form.get(name) or [""])[0].strip()


def _number(form: Mapping[str, Sequence[str]], name: str) -> int:
    text = _one(form, name)
    if not text.isdecimal() or len(text) > 5:  # noqa: PLR2004 - no offer has more units
        raise ValueError(f"units: {text[:20]!r} is no number of units")
    return int(text)


def _places(offer: Offer, here: ApiContext) -> list[str]:
    """The places that what the notice says leaves: the holder's own, then by way of others."""
    terms = offer.terms
    seen: dict[str, Pool] = {
        f"{pool.place.region} {pool.place.sold}": pool
        for pool in here.rules.pools
        if pool.place.provider in offer.holder
        and (terms.interruptible or not pool.place.interruptible)
        and pool.gpus >= terms.gpus_per_unit
        and (terms.accelerators is None or pool.accelerator in terms.accelerators)
    }
    job = here.board.job(offer.job)
    others = ways(offer, job.workload, here.store, here.rules) if job else ()
    return [*sorted(seen), *(f"{p.place.region} {p.place.sold}{VIA}{p.via}" for p in others)]


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(text, status, headers=dict(HEADERS), media_type="text/html")
