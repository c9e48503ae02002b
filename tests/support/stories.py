"""Good stories: every one a log that keeps every law."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final

from broker.domain.values import instant_text
from tests.support.lease_stories import LEASE_STORIES
from tests.support.logs import EDITION, OWN, TERMS, Story


def a_spilled_job() -> Story:
    """Offered, refused, released, placed with another cloud, run, finished."""
    story = Story().edition().after(1)
    job = story.job().submitted(2).after(1).offered("o1", 0, 1).after(1).delivered("o1")
    story.after(60).place_refused("r1", offer="o1")
    job.refused("o1", 0, 1).released("refusal", 0, 1, offer="o1").after(1)
    job.committed("c1", 0, 1, basis="refusal", cites=["o1"]).after(60)
    job.live("c1", 0).live("c1", 1).started(0, "JobStarted").started(1).after(3600)
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
    job = story.job().submitted(2, gang=2).offered("o1", 0, 1).after(1).delivered("o1").after(695)
    story.outage(story.now - timedelta(seconds=595), story.now - timedelta(seconds=495))
    job.tolled("o1", 100, story.later(5)).after(5)
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


def a_requoted_job() -> Story:
    """Its tenant asks for better terms while the holder considers it: a new version, then a yes."""
    story = Story().edition().after(1)
    job = story.job().submitted().offered("o1", 0).after(1).delivered("o1").after(60)
    job.tell("JobAmended", job="j1", terms=TERMS, exclude=[])
    job.tell("OfferWithdrawn", offer="o1", why="superseded").after(1)
    job.offered("o2", 0, supersedes="o1").after(1).delivered("o2").after(60)
    job.accepted("o2", 0).held("c1", 0, offer="o2").after(60).live("c1", 0, "azure")
    job.tell("OfferFulfilled", offer="o2", units=[0]).after(600)
    job.let_go("c1", 0, "azure").finished()
    return story


def a_rack_used_for_other_work() -> Story:
    """A third of the own-built hours is research, and half of them should be; it is reported."""
    story = Story().edition().after(1)
    carved, free = ("carve_out", ["clause:own-build"]), ("free", ["clause:any-cloud"])
    for class_, (basis, cites), hours in (("research", carved, 1), ("evaluation", free, 2)):
        job = story.job(class_).submitted(1, **{"class": class_}).after(1)
        name, kind = f"c-{class_}", "own_built"
        job.committed(name, 0, basis=basis, cites=cites, provider="own", pool_kind=kind).after(30)
        job.live(f"c-{class_}", 0, "own").after(3600 * hours).let_go(f"c-{class_}", 0, "own")
        job.finished()
    midnight = datetime.combine(story.now.date(), time(), UTC) + timedelta(days=1)
    story.after((midnight - story.now).total_seconds() + 660)
    under = {"agreement": "first-refusal", "edition": "2026-01-01", "clause": "own-build"}
    share = {"share": "0.333333", "min_share": "0.5", "over_s": 172800}
    stream, until = "share/first-refusal/own-build/2026-03-03", instant_text(midnight)
    return story.tell(stream, "ShareBelow", **under, **share, until=until)


def a_narrow_release() -> Story:
    """Noticed for Europe only: a cheaper place elsewhere is not open under that release."""
    story = Story().edition().after(1)
    relisted = story.drafts[-1].data["pools"][2]
    relisted |= {"region": "us-east1", "price_usd_hour": "20"}
    job = story.job().submitted(terms={**TERMS, "regions": None}).offered("o1", 0).after(1)
    job.delivered("o1").after(60).refused("o1", 0).released("refusal", 0, offer="o1").after(1)
    job.committed("c1", 0, basis="refusal", cites=["o1"]).after(60).live("c1", 0).after(60)
    job.let_go("c1", 0).finished()
    return story


def a_quoted_job() -> Story:
    """A third party's quote is what the holder is asked to match."""
    story = Story().edition().after(1)
    job = story.job().submitted()
    place = {"provider": "aws", "region": "eu-central-1", "sku": "p4", "list_id": "list-1"}
    until = story.later(1800)
    job.tell("QuoteReceived", quote="q1", job="j1", terms=TERMS, valid_until=until, **place)
    job.offered("o1", 0)
    story.drafts[-1].data["quote"] = "q1"
    job.delivered("o1").after(60).refused("o1", 0).released("refusal", 0, offer="o1").after(1)
    job.committed("c1", 0, basis="refusal", cites=["o1"]).after(60).live("c1", 0).after(60)
    job.let_go("c1", 0).finished()
    return story


def an_amended_offer() -> Story:
    """Another edition begins while the holder considers it, and says that it is withdrawn."""
    story = Story().edition().after(1)
    ends: dict[str, object] = {"transition": {"open_offers": "withdraw"}}
    ends |= {"edition": "2026-03-02", "supersedes": EDITION["edition"]}
    ends["effective"] = {"from": story.later(60), "to": None}
    story.tell("agreement/first-refusal", "EditionRecorded", **{**EDITION, **ends})
    job = story.job().submitted().offered("o1", 0).delivered("o1").after(60)
    job.tell("OfferWithdrawn", offer="o1", why="amended").after(1)
    job.tell("JobCancelled", job="j1", reason="asked")
    return story


def an_unmet_job() -> Story:
    """An order that the holder refuses releases nothing; the job waits out its patience."""
    story = Story().edition().after(1)
    asked = {"class": "inference_api", "patience_until": story.later(1800)}
    job = story.job().submitted(1, **asked).offered("o1", 0, kind="order").after(1).delivered("o1")
    job.after(60).refused("o1", 0).after(1745).tell("JobUnmet", job="j1", reason="patience")
    return story


WAIVED: Final = {"class": ["pretraining"]}


def a_waived_job() -> Story:
    """Two units under a waiver of three; one try fails and gives its unit back."""
    story = Story().edition().after(1)
    dates = {"from": story.later(0), "to": story.later(86400)}
    story.agreed(
        "WaiverGranted",
        waiver="w1",
        of_clause="new-capacity",
        match=WAIVED,
        cap_units=3,
        by="holder",
        **dates,
    ).after(1)
    job = story.job().submitted(3).after(1)
    job.committed("c1", 0, 1, basis="waiver", cites=["w1"])
    job.committed("c2", 2, basis="waiver", cites=["w1"], provider="gcp").after(5)
    failed = {"commitment": "c2", "job": "j1", "units": [2], "provider": "gcp"}
    job.tell("CommitmentFailed", **failed, reason="no_capacity", code="Full")
    job.committed("c3", 2, basis="waiver", cites=["w1"]).after(60)
    job.live("c1", 0).live("c1", 1).live("c3", 2).after(60)
    job.let_go("c1", 0).let_go("c1", 1).let_go("c3", 2).finished()
    return story


def small_jobs() -> Story:
    """Three units of one tenant's within a day, and one more when the day is over."""
    story = Story().edition().after(1)
    for number, units in enumerate((2, 1), start=1):
        job = story.job(f"j{number}").submitted(units).after(1)
        indices = range(units)
        job.committed(f"c{number}", *indices, basis="de_minimis", cites=["clause:new-capacity"])
        for unit in indices:
            job.live(f"c{number}", unit).let_go(f"c{number}", unit)
        job.finished()
    story.after(86400)
    late = story.job("j3").submitted(2).after(1)
    late.committed("c3", 0, 1, basis="de_minimis", cites=["clause:new-capacity"])
    late.live("c3", 0).live("c3", 1).let_go("c3", 0).let_go("c3", 1).finished()
    return story


def a_suspended_right() -> Story:
    """One default suspends the right; the next job is let go at once."""
    story = a_defaulted_job()
    cut = next(d for d in story.drafts if d.type == "HolderDefaulted")
    story.now = story.drafts[-1].at
    del story.drafts[story.drafts.index(cut) + 1 :]
    story.now = cut.at
    story.agreed(
        "RightSuspended",
        suspension="s1",
        clause="new-capacity",
        offers=["o1"],
        until=story.later(604800),
    )
    first = story.job()
    first.released("default", 0, offer="o1").after(1)
    first.committed("c2", 0, basis="default", cites=["o1"]).after(60).live("c2", 0)
    job = story.job("j2").submitted().after(1).released("suspension", 0, cites=["s1"])
    job.committed("c3", 0, basis="suspension", cites=["s1"]).after(60).live("c3", 0).after(60)
    job.let_go("c3", 0).finished()
    first.let_go("c2", 0).finished()
    return story


def an_absent_holder() -> Story:
    """Nobody answers at two vantage points; a class that is exclusive goes elsewhere too."""
    story = Story().edition().after(1)
    for number, vantage in enumerate(("here", "there", "here"), start=1):
        story.agreed(
            "HolderProbed",
            probe=f"p{number}",
            provider="azure",
            vantage=vantage,
            answered=False,
            code="timeout",
        ).after(150)
    story.after(-150).agreed(
        "HolderUnavailable",
        unavailability="u1",
        provider="azure",
        probes=["p1", "p2", "p3"],
        vantages=["here", "there"],
    ).after(1)
    job = story.job().submitted().after(1).released("unavailability", 0, cites=["u1"])
    job.committed("c1", 0, basis="unavailability", cites=["u1"]).after(5)
    api = story.job("api").submitted(1, **{"class": "inference_api"}).after(1)
    api.committed("c2", 0, basis="continuity", cites=["u1"]).after(60)
    job.live("c1", 0), api.live("c2", 0).after(60)
    story.agreed(
        "HolderProbed", probe="p4", provider="azure", vantage="here", answered=True, code=""
    )
    story.agreed("HolderRecovered", unavailability="u1", probe="p4").after(1)
    job.let_go("c1", 0).finished()
    api.let_go("c2", 0).finished()
    return story


def a_standing_acceptance() -> Story:
    """Two units taken under an acceptance given beforehand, with its own hold."""
    story = Story().edition().after(1)
    dates = {"from": story.later(0), "to": story.later(86400)}
    story.agreed(
        "StandingAcceptanceGiven",
        acceptance="a1",
        of_clause="new-capacity",
        match=WAIVED,
        units=2,
        price_usd_hour="30",
        hold="r7",
        region="eu-west",
        sku="nd8",
        by="holder",
        **dates,
    ).after(60)
    job = story.job().submitted(2).offered("o1", 0, 1).delivered("o1")
    job.accepted("o1", 0, 1)
    taken = story.drafts[-1].data
    taken["standing"] = "a1"
    taken["holds"] = [{"hold": "r7", "units": 2, "region": "eu-west", "sku": "nd8"}]
    job.held("c1", 0, 1, offer="o1").after(60).live("c1", 0, "azure").live("c1", 1, "azure")
    job.tell("OfferFulfilled", offer="o1", units=[0, 1]).after(60)
    job.let_go("c1", 0, "azure").let_go("c1", 1, "azure").finished()
    return story


def an_attested_condition() -> Story:
    """The grantor attests what ends the exclusive clause; what lies beneath it is free."""
    story = Story().edition().after(1)
    story.agreed("ConditionAttested", condition="agi", by="buyer").after(1)
    job = story.job().submitted(1, **{"class": "inference_api"}).after(1)
    job.committed("c1", 0, basis="free", cites=["clause:any-cloud"]).after(60).live("c1", 0)
    job.after(60).let_go("c1", 0).finished()
    return story


def a_conflict() -> Story:
    """A party bought half of gcp: another tenant's work goes there all the same."""
    story = Story().edition().after(1)
    story.agreed(
        "ConflictRecorded",
        conflict="k1",
        tenant="shop",
        party="meta",
        because="a rival",
        to=None,
        share="0.4",
        by="buyer",
        **{"from": story.later(0)},
    )
    story.agreed(
        "StakeRecorded",
        stake="e1",
        owner="meta",
        supplier="gcp",
        share="0.5",
        to=None,
        by="buyer",
        **{"from": story.later(0)},
    ).after(1)
    job = story.job().submitted(1, **{"class": "evaluation"}).after(1)
    job.committed("c1", 0, basis="free", cites=["clause:any-cloud"], provider="gcp").after(60)
    job.live("c1", 0, "gcp").after(60).let_go("c1", 0, "gcp").finished()
    return story


def two_editions() -> Story:
    """One edition ends in the instant in which the next begins."""
    story = Story().edition()
    before = {**EDITION, "edition": "2025-01-01", "status": "superseded"}
    before["effective"] = {"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    return story.tell("agreement/first-refusal", "EditionRecorded", **before)


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
    a_requoted_job,
    a_rack_used_for_other_work,
    a_narrow_release,
    a_quoted_job,
    an_amended_offer,
    an_unmet_job,
    a_waived_job,
    small_jobs,
    a_suspended_right,
    an_absent_holder,
    a_standing_acceptance,
    an_attested_condition,
    a_conflict,
    two_editions,
    *LEASE_STORIES,
)
