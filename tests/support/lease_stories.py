"""Good stories of leases: renewed where they are, moved to the holder, asked back, run out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.support.logs import AGREEMENT, PRICES, Story, Telling

TERM_S: Final = 86_400


def _spilled(story: Story, **asked: object) -> Telling:
    """One unit runs with a third party for a term, for the holder has refused it."""
    job = story.edition().after(1).job().submitted(1, **asked).after(1).offered("o1", 0)
    job.after(1).delivered("o1").after(60).refused("o1", 0).released("refusal", 0, offer="o1")
    job.after(1).committed("c1", 0, basis="refusal", cites=["o1"]).after(60)
    return job.live("c1", 0, term_until=story.later(TERM_S)).after(1).started(0, "JobStarted")


def _asked_again(story: Story) -> Telling:
    job = _spilled(story).after(TERM_S - 3600).tell("RenewalDue", job="j1", units=[0])
    return job.offered("o2", 0, scope="renewal").after(1).delivered("o2").after(60)


def _moved(job: Telling, commitment: str, why: str) -> Telling:
    """A machine is prepared, the old lease fenced, and the new one begins."""
    lease = {"job": "j1", "unit": 0, "lease": "j1-0-1"}
    job.tell("MigrationBegun", **lease, commitment=commitment, why=why).after(60)
    job.tell("LeaseFenced", **lease, epoch=1).after(20).live(commitment, 0, "azure", 2)
    return job.after(1).started(0, epoch=2).after(5)


def _goes_on(job: Telling, **why: Any) -> Story:  # noqa: ANN401 - what a commitment says
    """The place has become dearer by the renewal, and is paid so from there on."""
    story, dearer = job.story, json.loads(json.dumps(PRICES).replace('"29.5"', '"31"'))
    story.tell("prices/list-3", "PricesListed", **dearer | {"list_id": "list-3"}).after(1)
    job.committed("c2", 0, **why, renews="j1-0-1", listed=("31", "list-3"))
    job.renewed("c1", "c2", 0, story.later(TERM_S)).after(600)
    job.let_go("c2", 0).finished()
    return story


def a_renewed_job() -> Story:
    """The holder refuses again, and the lease goes on where it is."""
    job = _asked_again(Story()).refused("o2", 0).released("refusal", 0, offer="o2")
    return _goes_on(job, basis="refusal", cites=["o2"])


def a_renewal_waived() -> Story:
    """The right to it was given up beforehand: nobody is asked, and the waiver is drawn down."""
    story = Story()
    job = _spilled(story).after(TERM_S - 7200)
    dates = {"from": story.later(0), "to": story.later(86400)}
    match = {"class": ["pretraining"], "capacity": ["renewal"]}
    waiver = {"waiver": "w1", "of_clause": "new-capacity", "match": match, "cap_units": 1}
    story.agreed("WaiverGranted", **waiver, by="holder", **dates).after(3600)
    job.tell("RenewalDue", job="j1", units=[0])
    return _goes_on(job, basis="waiver", cites=["w1"])


def a_renewal_too_small_to_offer() -> Story:
    job = _spilled(Story()).after(TERM_S - 3600).tell("RenewalDue", job="j1", units=[0])
    return _goes_on(job, basis="de_minimis", cites=["clause:new-capacity"])


def a_renewal_accepted_beforehand() -> Story:
    """The holder takes it by a standing acceptance of renewals; the unit moves to it."""
    story = Story()
    job = _spilled(story).after(TERM_S - 4000)
    dates = {"from": story.later(0), "to": story.later(86400)}
    given = {"acceptance": "a1", "of_clause": "new-capacity", "units": 1, "price_usd_hour": "30"}
    match = {"class": ["pretraining"], "capacity": ["renewal"]}
    where = {"hold": "r7", "region": "eu-west", "sku": "nd8", "by": "holder"}
    story.agreed("StandingAcceptanceGiven", **given, match=match, **where, **dates).after(400)
    job.tell("RenewalDue", job="j1", units=[0]).offered("o2", 0, scope="renewal").delivered("o2")
    holds = [{"hold": "r7", "units": 1, "region": "eu-west", "sku": "nd8"}]
    times = {"deliver_by": story.later(7200), "cure_until": story.later(8100)}
    job.tell("OfferAccepted", offer="o2", units=[0], holds=holds, standing="a1", **times)
    job.held("c2", 0, offer="o2", hold="r7")
    _moved(job, "c2", "renewal").tell("OfferFulfilled", offer="o2", units=[0])
    job.let_go("c1", 0, cause="migrated", exit_code=None).after(600)
    job.let_go("c2", 0, "azure", 2).finished()
    return story


def a_moved_job() -> Story:
    """The holder accepts the renewal; the unit starts again with it, in its second epoch."""
    story = Story()
    job = _asked_again(story).accepted("o2", 0).held("c2", 0, offer="o2")
    _moved(job, "c2", "renewal").tell("OfferFulfilled", offer="o2", units=[0])
    job.let_go("c1", 0, cause="migrated", exit_code=None).after(600)
    job.let_go("c2", 0, "azure", 2).finished()
    return story


def a_reclaimed_job() -> Story:
    """The holder asks the unit back, keeps a machine for it, and waits out its notice."""
    story = Story()
    job = _spilled(story, checkpointable=True).after(600)
    place = {"hold": "h1", "provider": "azure", "region": "eu-west", "sku": "nd8"}
    why = {**AGREEMENT, "clause": "new-capacity", "notice_until": story.later(600)}
    job.tell("ReclaimAsked", job="j1", unit=0, lease="j1-0-1", **place, **why, by="clerk")
    job.held("c2", 0, offer=None, hold="h1").after(600)
    _moved(job, "c2", "reclaim").let_go("c1", 0, cause="migrated", exit_code=None)
    job.after(600).let_go("c2", 0, "azure", 2).finished()
    return story


def a_stopped_move() -> Story:
    """The holder's machine comes to nothing; the old lease was never fenced and goes on."""
    story = Story()
    job = _asked_again(story).accepted("o2", 0).held("c2", 0, offer="o2")
    lease = {"job": "j1", "unit": 0, "lease": "j1-0-1"}
    job.tell("MigrationBegun", **lease, commitment="c2", why="renewal").after(60)
    failed = {"commitment": "c2", "job": "j1", "units": [0], "provider": "azure"}
    job.tell("CommitmentFailed", **failed, reason="finished", code="")
    job.tell("MigrationAborted", **lease, why="finished").let_go("c1", 0).finished()
    return story


def an_expired_lease() -> Story:
    """Nothing renews it: it is over, and its unit is offered as new."""
    story = Story()
    job = _asked_again(story).after(540).tell("OfferLapsed", offer="o2", units=[0], reason="-")
    job.released("lapse", 0, offer="o2").after(2998)
    job.tell("ReleaseExpired", job="j1", units=[0], why="expired")
    job.tell("LeaseFenced", job="j1", unit=0, epoch=1, lease="j1-0-1").after(30)
    job.let_go("c1", 0, cause="expired", exit_code=None).offered("o3", 0).after(1)
    job.tell("OfferWithdrawn", offer="o3", why="cancelled")
    job.tell("JobCancelled", job="j1", reason="asked")
    return story


def a_job_taken_back() -> Story:
    """On spot with a rival, taken back with notice, bought again under its release, and lost."""
    story = Story()
    job = _spilled(story, spot="only", preempted=2).after(600)
    lease = {"job": "j1", "unit": 0, "epoch": 1, "lease": "j1-0-1", "provider": "aws"}
    job.tell("InterruptionNoticed", **lease, until=story.later(120), said="terminate").after(120)
    job.let_go("c1", 0, cause="preempted", exit_code=None)
    told = next(d for d in story.drafts if d.type == "UnitsReleased").data
    job.tell("UnitsReleased", **{**told, "again": True}).after(1)
    job.committed("c2", 0, basis="refusal", cites=["o1"]).after(60)
    job.live("c2", 0, epoch=2).after(1).started(0, epoch=2).after(600)
    job.let_go("c2", 0, epoch=2).finished()
    for draft in story.drafts:
        for name in {"terms", "ceiling"} & draft.data.keys():
            draft.data[name] = {**draft.data[name], "interruptible": True}
        if draft.type == "ThirdPartyCommitted":
            draft.data["purchase"] = "spot"
    prices = next(d for d in story.drafts if d.type == "PricesListed").data
    there = next(one for one in prices["pools"] if one["provider"] == "aws")
    prices["pools"] = [*prices["pools"], {**there, "purchase": "spot"}]
    return story


LEASE_STORIES: Final[Sequence[Callable[[], Story]]] = (
    a_renewed_job,
    a_renewal_waived,
    a_renewal_too_small_to_offer,
    a_renewal_accepted_beforehand,
    a_moved_job,
    a_reclaimed_job,
    a_job_taken_back,
    a_stopped_move,
    an_expired_lease,
)
