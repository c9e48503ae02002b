"""Jobs: submit, list, show, amend, cancel."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from broker.api.context import ApiContext, Here
from broker.api.errors import DeclinedError, unknown
from broker.api.queries import JobQuery
from broker.api.replies import json_reply
from broker.api.views import Purchase, bought, job_view, purchases
from broker.domain.job import Job
from broker.domain.values import JobId
from broker.steps.amend import Became, amend_job
from broker.steps.cancel import cancel_jobs
from broker.steps.submit import Submission, submit_jobs, take_in
from broker.wire import (
    AmendBody,
    BatchSubmit,
    CancelBody,
    CancelledView,
    CancelMany,
    JobPage,
    JobSpec,
    JobView,
    SubmittedBatch,
    SubmittedJob,
)
from broker.wire.calls import Key

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_FACTS_AT_ONCE = 1000


@router.post("", status_code=HTTPStatus.CREATED, response_model=SubmittedJob)
def create_job(
    job: JobSpec, here: Here, idempotency_key: Annotated[Key | None, Header()] = None
) -> Response:
    """Take a job. Two submissions of a tenant with one idempotency key are one job.

    The second is answered with 200 and the job of the first; if it asks for something else, it is
    refused with 409.
    """
    submission = Submission(workload=job.to_workload(), key=idempotency_key)
    (taken,) = take_in([submission], here.store, here.rules, here.ids)
    status = HTTPStatus.CREATED if taken.anew else HTTPStatus.OK
    return json_reply(SubmittedJob(id=taken.job), status=status)


@router.post("/batch", status_code=HTTPStatus.CREATED, response_model=SubmittedBatch)
def create_jobs(batch: BatchSubmit, here: Here) -> Response:
    """Take all of these jobs, or none; their ids come back in the same order."""
    submissions = [Submission(workload=item.job.to_workload(), key=item.key) for item in batch.jobs]
    made = submit_jobs(submissions, here.store, here.rules, here.ids)
    return json_reply(SubmittedBatch(ids=tuple(made)), status=HTTPStatus.CREATED)


@router.post("/cancel", response_model=CancelledView)
def cancel_many(body: CancelMany, here: Here) -> Response:
    """Cancel what is not over yet. Ids that are not known are left out of the answer."""
    jobs = [JobId(job) for job in dict.fromkeys(body.ids)]
    states = cancel_jobs(jobs, body.reason, body.grace_s, here.store)
    return json_reply(CancelledView(states={job: states[job] for job in jobs if job in states}))


@router.post("/{job}/cancel", response_model=CancelledView)
def cancel_job(job: str, here: Here, body: CancelBody | None = None) -> Response:
    """Cancel it; a job that is over already stays what it was."""
    body = body or CancelBody()
    states = cancel_jobs([JobId(job)], body.reason, body.grace_s, here.store)
    if not states:
        raise unknown("job", job)
    return json_reply(CancelledView(states=dict(states.items())))


@router.get("", response_model=JobPage)
def list_jobs(query: Annotated[JobQuery, Query()], here: Here) -> Response:
    """The newest first."""
    if query.find is not None:
        found = here.board.find_jobs(query.find, tenant=query.tenant, limit=query.limit)
        return json_reply(JobPage(items=tuple(_view(job, here) for job in found)))
    page = here.board.jobs(query.wanted(), limit=query.limit, cursor=query.cursor)
    items = tuple(_view(job, here) for job in page.items)
    return json_reply(JobPage(items=items, next=page.cursor))


@router.get("/{job}", response_model=JobView)
def show_job(job: str, here: Here) -> Response:
    return json_reply(_view(the_job(job, here), here))


@router.patch("/{job}", response_model=JobView)
def amend(job: str, body: AmendBody, here: Here) -> Response:
    """Change the limits of a job that waits.

    What the holder was told stands, unless the change would leave a rival better off: then the
    holder is asked anew, as often as the agreement allows.
    """
    known = the_job(job, here)
    amended = amend_job(known.id, body.limits.changes(), here.store, here.rules)
    if amended.became is Became.REFUSED:
        raise DeclinedError(HTTPStatus.CONFLICT, "not_amended", amended.because)
    return json_reply(_view(the_job(job, here), here))


def the_job(job: str, here: ApiContext) -> Job:
    found = here.board.job(JobId(job))
    if found is None:
        raise unknown("job", job)
    return found


def _view(job: Job, here: ApiContext) -> JobView:
    return job_view(job, _purchases(job, here) if bought(job) else {})


def _purchases(job: Job, here: ApiContext) -> dict[str, Purchase]:
    known: dict[str, Purchase] = {}
    wanted = {unit.commitment for unit in job.units if unit.commitment is not None}
    after, facts = 0, here.store.facts(0, _FACTS_AT_ONCE, f"job/{job.id}")
    while facts:
        known |= purchases(facts)
        if wanted <= known.keys() or len(facts) < _FACTS_AT_ONCE:
            break
        after = facts[-1].position
        facts = here.store.facts(after, _FACTS_AT_ONCE, f"job/{job.id}")
    return known
