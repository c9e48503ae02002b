"""Quotes: what would be done with a job, before it is submitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from broker.api.context import Here
from broker.steps.quote import quote_job
from broker.wire import JobSpec

router = APIRouter(prefix="/v1/quotes", tags=["jobs"])

LATELY: Final = timedelta(days=7)
"""How far back machines are looked at for how long they took."""


@router.post("")
def quote(job: JobSpec, here: Here) -> Response:
    """Who would be asked for it, in which order and at which price. Nothing is written."""
    with here.store.transaction() as tx:
        since = tx.now - LATELY
    waits = here.board.waits(since)
    said = quote_job(job.to_workload(), here.store, here.rules, waits)
    return JSONResponse(said.as_json())
