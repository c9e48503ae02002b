"""What there is, and whether all is well."""

from __future__ import annotations

from fastapi import APIRouter, Response

from broker.api.context import Here
from broker.api.replies import json_reply
from broker.api.views import machine_view
from broker.wire import FleetView, Health

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/fleet", response_model=FleetView)
def show_fleet(here: Here) -> Response:
    """Every machine that is not gone, and how many jobs are in each state."""
    counts = here.board.counts()
    view = FleetView(
        machines=tuple(map(machine_view, here.board.fleet())),
        jobs={state.value: number for state, number in counts.jobs.items()},
        oldest_queued_at=counts.oldest_queued_at,
    )
    return json_reply(view)


@router.get("/health", response_model=Health)
def show_health(here: Here) -> Response:
    """Whether the broker answers and its database too."""
    counts = here.board.counts()
    jobs = {state.value: number for state, number in counts.jobs.items()}
    return json_reply(Health(status="ok", version=here.version, jobs=jobs))
