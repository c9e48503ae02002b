"""What was logged: a job's output, its facts, all facts, and the story they tell."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from broker.agreements.read import read_recorded
from broker.api.context import ApiContext, Here, PulseHere
from broker.api.errors import unknown
from broker.api.jobs import the_job
from broker.api.pulse import EVERYTHING
from broker.api.queries import GrowthQuery
from broker.api.replies import json_reply
from broker.api.streams import Growth, event_stream, started_at, wants_stream
from broker.api.views import chunk_view, fact_views
from broker.domain.chain import Fact, exported
from broker.domain.explain import explain
from broker.domain.job import Job
from broker.domain.machine import RunState
from broker.domain.place import areas
from broker.domain.places import advice_stream
from broker.domain.values import JobId
from broker.wire import ChunkPage, FactPage

router = APIRouter(prefix="/v1", tags=["log"])

_AT_ONCE = 1000

Growing = Annotated[GrowthQuery, Query()]


@router.get("/jobs/{job}/logs", response_model=ChunkPage)
async def read_logs(
    job: str, query: Growing, request: Request, here: Here, pulse: PulseHere
) -> Response:
    """What its machines wrote, in order of arrival."""
    await run_in_threadpool(the_job, job, here)
    after = started_at(request, query.after)
    if wants_stream(request, follow=query.follow):
        return event_stream("chunk", job, lambda n: _output(JobId(job), n, here), after, pulse)
    return json_reply(await run_in_threadpool(_chunks, JobId(job), after, query.limit, here))


@router.get("/jobs/{job}/events", response_model=FactPage)
async def read_events(
    job: str, query: Growing, request: Request, here: Here, pulse: PulseHere
) -> Response:
    """The facts of one job."""
    await run_in_threadpool(the_job, job, here)
    after = started_at(request, query.after)
    if wants_stream(request, follow=query.follow):
        return event_stream("fact", job, lambda n: _told(JobId(job), n, here), after, pulse)
    return json_reply(await run_in_threadpool(_facts, JobId(job), after, query.limit, here))


@router.get("/facts", response_model=FactPage)
async def read_facts(query: Growing, request: Request, here: Here, pulse: PulseHere) -> Response:
    """Every fact there is, in the order of the log."""
    after = started_at(request, query.after)
    if wants_stream(request, follow=query.follow):
        return event_stream("fact", EVERYTHING, lambda n: _told(None, n, here), after, pulse)
    return json_reply(await run_in_threadpool(_facts, None, after, query.limit, here))


@router.get("/jobs/{job}/explain")
def explain_job(job: str, here: Here) -> Response:
    """Why it is where it is, and why not elsewhere."""
    found = the_job(job, here)
    with here.store.transaction() as tx:
        now = tx.now
    try:
        said = explain(_facts_about(found, here), found.id, read_recorded, now)
    except KeyError:
        raise unknown("sealed fact of job", job) from None
    return JSONResponse(said.as_json())


def _chunks(job: JobId, after: int, limit: int, here: ApiContext) -> ChunkPage:
    done = _quiet(job, here)  # asked first: what is written later is no part of the promise
    found = here.store.logs(job, after, limit)
    return ChunkPage(
        items=tuple(chunk_view(number, chunk) for number, chunk in found),
        next=found[-1][0] if found else after,
        over=done and len(found) < limit,
    )


def _output(job: JobId, after: int, here: ApiContext) -> Growth:
    page = _chunks(job, after, _AT_ONCE, here)
    return Growth([(one.number, one.model_dump_json()) for one in page.items], page.over)


def _facts(job: JobId | None, after: int, limit: int, here: ApiContext) -> FactPage:
    found, over = _read(job, after, limit, here)
    last = found[-1].position if found else after
    return FactPage.model_construct(items=fact_views(found), next=last, over=over)


def _told(job: JobId | None, after: int, here: ApiContext) -> Growth:
    found, over = _read(job, after, _AT_ONCE, here)
    return Growth([(fact.position, exported(fact)) for fact in found], over)


def _read(job: JobId | None, after: int, limit: int, here: ApiContext) -> tuple[list[Fact], bool]:
    if job is None:
        return here.store.facts(after, limit), False
    found = here.board.job(job)
    facts = here.store.facts(after, limit, f"job/{job}")
    if found is None or not found.state.over or len(facts) >= limit:
        return facts, False
    return facts, _sealed(found, facts, after, here) and _quiet(job, here)


def _sealed(job: Job, facts: list[Fact], after: int, here: ApiContext) -> bool:
    """Whether all that the job has told is sealed, and read with these facts."""
    stream = f"job/{job.id}"
    newest = facts or here.store.facts(max(after - 1, 0), 1, stream) or _all_of(stream, here)
    return bool(newest) and newest[-1].version >= job.version


def _quiet(job: JobId, here: ApiContext) -> bool:
    """Whether the job is over and no command of it runs any more."""
    found = here.board.job(job)
    if found is None or not found.state.over:
        return False
    with here.store.transaction() as tx:
        case = tx.cases([job]).get(job)
        machines = case.machines.values() if case else ()
        return not any(machine.run is RunState.RUNNING for machine in machines)


def _facts_about(job: Job, here: ApiContext) -> list[Fact]:
    """The job's own facts, those of its agreement and places, and the prices it was placed by."""
    work = job.workload
    places = {
        pool.place
        for pool in here.rules.pools
        if pool.fits(work.shape) and pool.within(work.limits)
    }
    streams = [f"job/{job.id}", f"agreement/{job.agreement}", "broker"]
    around = {one for place in places for one in areas(place)}
    streams += [one.stream for one in sorted(around)]
    streams += [advice_stream(place) for place in sorted(places)]
    found = list(chain.from_iterable(_all_of(stream, here) for stream in streams))
    lists = {fact.data["list_id"] for fact in found if fact.type == "ThirdPartyCommitted"}
    for name in sorted(lists | {here.rules.list_id}):
        found += _all_of(f"prices/{name}", here)
    return sorted(found, key=lambda fact: fact.position)


def _all_of(stream: str, here: ApiContext) -> list[Fact]:
    facts = page = here.store.facts(0, _AT_ONCE, stream)
    while len(page) == _AT_ONCE:
        page = here.store.facts(page[-1].position, _AT_ONCE, stream)
        facts = [*facts, *page]
    return facts
