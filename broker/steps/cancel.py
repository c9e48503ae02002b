"""The tenant wants a job no more."""

from __future__ import annotations

from collections.abc import Sequence

from broker.domain.job import JobState
from broker.domain.lease import cancel
from broker.domain.values import JobId
from broker.ports import Store
from broker.steps.keeping import keep


def cancel_jobs(
    jobs: Sequence[JobId], reason: str, grace_s: int, store: Store
) -> dict[JobId, JobState]:
    """Cancel what is not over yet; returns the state of each job that is known."""
    with store.transaction() as tx:
        cases = tx.cases(jobs)
        for case in cases.values():
            if not case.job.state.over:
                cancel(case, reason, grace_s)
        keep(tx, cases.values())
        tx.call_up({case.job.line: 1 for case in cases.values() if not case.job.stuck})
        return {job: case.job.state for job, case in cases.items()}
