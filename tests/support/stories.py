"""Good stories: every one a log that keeps every law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from tests.support.logs import OWN, Story


def a_spilled_job() -> Story:
    """Offered, refused, released, placed with another cloud, run, finished."""
    story = Story().edition().after(1)
    job = story.job().submitted(2).after(1).offered("o1", 0, 1).after(1).delivered("o1")
    story.after(60).place_refused("r1", offer="o1")
    job.refused("o1", 0, 1).released("refusal", 0, 1, offer="o1").after(1)
    job.committed("c1", 0, 1, basis="refusal", cites=["o1"]).after(60)
    job.live("c1", 0).live("c1", 1).tell("JobStarted", job="j1").after(3600)
    job.let_go("c1", 0).let_go("c1", 1).finished()
    return story


def a_kept_job() -> Story:
    """Offered, accepted, delivered by the holder; one lease is lost and replaced after an offer."""
    story = Story().edition().after(1)
    job = story.job().submitted().offered("o1", 0).after(1).delivered("o1").after(60)
    job.accepted("o1", 0).held("c1", 0, offer="o1").after(60).live("c1", 0, "azure")
    job.tell("OfferFulfilled", offer="o1", units=[0]).after(600)
    job.let_go("c1", 0, "azure", cause="lost").offered("o2", 0).after(1).delivered("o2").after(5)
    job.accepted("o2", 0).held("c2", 0, offer="o2").after(60).live("c2", 0, "azure", 2)
    job.tell("OfferFulfilled", offer="o2", units=[0]).after(600)
    job.let_go("c2", 0, "azure", 2).finished()
    return story


def two_kept_jobs() -> Story:
    """The holder accepts two jobs, and a third under the first one's hold when that is over."""
    story = Story().edition().after(1)
    first, second, third = (story.job(name) for name in ("j1", "j2", "j3"))
    for job, offer in ((first, "o1"), (second, "o2"), (third, "o3")):
        job.submitted().offered(offer, 0).after(1).delivered(offer)
    first.after(60).accepted("o1", 0).held("c1", 0, offer="o1", hold="h1")
    second.accepted("o2", 0).held("c2", 0, offer="o2", hold="h2").after(60)
    for job, commitment, offer in ((first, "c1", "o1"), (second, "c2", "o2")):
        job.live(commitment, 0, "azure").tell("OfferFulfilled", offer=offer, units=[0])
    first.after(60).let_go("c1", 0, "azure").finished()
    third.accepted("o3", 0).held("c3", 0, offer="o3", hold="h1").after(60)
    third.live("c3", 0, "azure").tell("OfferFulfilled", offer="o3", units=[0]).after(60)
    second.let_go("c2", 0, "azure").finished()
    third.let_go("c3", 0, "azure").finished()
    return story


def a_job_kept_by_way_of_another() -> Story:
    """The holder delivers from the pool of another, which its edition names."""
    story = Story().edition().after(1)
    job = story.job().submitted().offered("o1", 0).after(1).delivered("o1").after(60)
    through = {"provider": "oracle", "pool_kind": "holder_via", "via": "oci-via-azure"}
    job.accepted("o1", 0).held("c1", 0, offer="o1", **through).after(60).live("c1", 0, "oracle")
    job.tell("OfferFulfilled", offer="o1", units=[0]).let_go("c1", 0, "oracle").finished()
    return story


def a_shared_job() -> Story:
    """Accepted in part: the holder brings one unit, another cloud, at its second try, the rest."""
    story = Story().edition().after(1)
    job = story.job().submitted(3).offered("o1", 0, 1, 2).after(1).delivered("o1").after(60)
    job.accepted("o1", 0).released("refusal", 1, 2, offer="o1").held("c1", 0, offer="o1").after(1)
    job.committed("c2", 1, 2, basis="refusal", cites=["o1"]).after(30).tell(
        "CommitmentFailed",
        commitment="c2",
        job="j1",
        units=[1, 2],
        provider="aws",
        reason="no_capacity",
        code="Insufficient",
    )
    job.committed("c3", 1, 2, basis="refusal", cites=["o1"], provider="gcp").after(30)
    job.live("c1", 0, "azure").tell("OfferFulfilled", offer="o1", units=[0])
    job.live("c3", 1, "gcp").live("c3", 2, "gcp").after(600)
    job.let_go("c1", 0, "azure").let_go("c3", 1, "gcp").let_go("c3", 2, "gcp").finished()
    return story


def a_lapsed_gang() -> Story:
    """Nobody answers, through an outage of ours; the gang moves whole when the window is over."""
    story = Story().edition().after(1)
    job = story.job().submitted(2, gang=2).offered("o1", 0, 1).after(1).delivered("o1").after(700)
    story.outage(story.now - timedelta(seconds=600), story.now - timedelta(seconds=500))
    job.tell("OfferLapsed", offer="o1", units=[0, 1], reason="silence")
    job.released("lapse", 0, 1, offer="o1").after(1)
    job.committed("c1", 0, basis="lapse", cites=["o1"])
    job.committed("c2", 1, basis="lapse", cites=["o1"]).after(60)
    job.live("c1", 0).live("c2", 1).after(600).let_go("c1", 0).let_go("c2", 1).finished()
    return story


def a_defaulted_job() -> Story:
    """Accepted and not delivered; released once, and placed elsewhere."""
    story = Story().edition().after(1)
    job = story.job().submitted().offered("o1", 0).after(1).delivered("o1").after(60)
    job.accepted("o1", 0).held("c1", 0, offer="o1").after(8100)
    job.tell("HolderDefaulted", offer="o1", units=[0]).released("default", 0, offer="o1").after(1)
    job.committed("c2", 0, basis="default", cites=["o1"]).after(60).live("c2", 0).after(60)
    job.let_go("c2", 0).finished()
    return story


def a_standing_refusal() -> Story:
    """A place refused a moment ago is not asked again; the release goes stale, unused."""
    story = Story().edition().after(1)
    story.place_refused("r1").after(60)
    job = story.job().submitted().released("standing_refusal", 0, cites=["r1"]).after(5)
    job.committed("c1", 0, basis="standing_refusal", cites=["r1"]).after(60).live("c1", 0)
    other = story.job("j2").submitted().released("standing_refusal", 0, cites=["r1"]).after(900)
    other.tell("ReleaseExpired", job="j2", units=[0], why="stale").offered("o2", 0).after(1)
    other.tell("OfferWithdrawn", offer="o2", why="cancelled")
    other.tell("JobCancelled", job="j2", reason="asked")
    job.let_go("c1", 0).finished()
    return story


def a_free_job() -> Story:
    """Own-built by the carve-out, another cloud by consent, any cloud where no clause holds."""
    story = Story().edition().after(1)
    own = story.job("own").submitted(1, **{"class": "research"}).after(1)
    own.committed(
        "c1",
        0,
        basis="carve_out",
        cites=["clause:own-build"],
        provider="own",
        pool_kind="own_built",
    )
    api = story.job("api").submitted(1, **{"class": "inference_api"}).after(1)
    api.committed("c2", 0, basis="consent", cites=["consent-1"], provider="oracle")
    free = story.job("free").submitted(1, **{"class": "evaluation"}).after(1)
    free.committed("c3", 0, basis="free", cites=["clause:any-cloud"], provider="gcp").after(30)
    own.live("c1", 0, "own"), api.live("c2", 0, "oracle"), free.live("c3", 0, "gcp").after(60)
    own.let_go("c1", 0, "own").finished()
    api.let_go("c2", 0, "oracle").finished()
    free.let_go("c3", 0, "gcp").finished()
    return story


def an_announced_job() -> Story:
    """Two jobs in one notice; the desk asks about one, refuses it, and lets the other be."""
    story = Story().edition().after(1)
    one, other = story.job("j1").submitted(), story.job("j2").submitted()
    one.offered("o1", 0), other.offered("o2", 0).noticed("n1", "o1", "o2").after(60)
    for job, offer in ((one, "o1"), (other, "o2")):
        sent = {"offer": offer, "attempt": 1, "channels": ["webhook", "inbox"], "notice": "n1"}
        job.tell("NoticeSent", **sent, sha256=OWN).after(1).delivered(offer)
    said = {"offer": "o1", "answer": "a1", "kind": "query", "units": [0], "fields": ["units"]}
    one.tell("AnswerReceived", **said).refused("o1", 0).released("refusal", 0, offer="o1")
    one.tell("JobCancelled", job="j1", reason="asked")
    other.tell("OfferWithdrawn", offer="o2", why="cancelled")
    other.tell("JobCancelled", job="j2", reason="asked")
    return story


def an_unmet_job() -> Story:
    """An order that the holder refuses releases nothing; the job waits out its patience."""
    story = Story().edition().after(1)
    asked = {"class": "inference_api", "patience_until": story.later(1800)}
    job = story.job().submitted(1, **asked).offered("o1", 0, kind="order").after(1).delivered("o1")
    job.after(60).refused("o1", 0).after(1745).tell("JobUnmet", job="j1", reason="patience")
    return story


GOOD_STORIES: Final[Sequence[Callable[[], Story]]] = (
    a_spilled_job,
    a_kept_job,
    a_job_kept_by_way_of_another,
    two_kept_jobs,
    a_shared_job,
    a_lapsed_gang,
    a_defaulted_job,
    a_standing_refusal,
    a_free_job,
    an_announced_job,
    an_unmet_job,
)
