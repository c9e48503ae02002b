"""A third party takes its quote back; the operator says so, for suppliers have no keys."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response

from broker.api.context import Here
from broker.api.errors import DeclinedError, unknown
from broker.api.replies import json_reply
from broker.domain.values import JobId
from broker.steps.withdraw_quote import withdraw_quote
from broker.wire.withdrawals import EndedView, WithdrawalBody, WithdrawalView

router = APIRouter(prefix="/v1/jobs", tags=["offers"])


@router.post("/{job}/quotes/{quote}/withdraw", response_model=WithdrawalView)
def take_quote_back(job: str, quote: str, body: WithdrawalBody, here: Here) -> Response:
    """Take back the quote that an offer of this job was frozen on; nothing is bought on it then.

    An open offer ends with it or survives, as its clause says; an acceptance stands.
    """
    try:
        ended = withdraw_quote(JobId(job), quote, body.why, here.store)
    except KeyError:
        raise unknown("job", job) from None
    if not ended:
        message = (
            f"quote: nothing of {job} stands on {quote[:100]!r} now; "
            f"its live quotes are named by its offers, see GET /v1/offers?job={job}"
        )
        raise DeclinedError(HTTPStatus.CONFLICT, "quote_over", message, field="quote")
    offers = tuple(EndedView(offer=one.offer, became=one.became.value) for one in ended)
    return json_reply(WithdrawalView(job=job, quote=quote, offers=offers))
