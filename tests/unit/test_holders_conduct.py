"""A holder that defaults too often, is not there, accepts beforehand, or may not be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from broker.domain.conflicts import Stake
from broker.domain.offer import Desk
from broker.domain.recording import Revocation
from broker.domain.values import JobId, ProviderName, usd
from broker.domain.workload import Limits, WorkClass, Workload
from broker.ports import Fault, FaultKind
from tests.support.broker import AWS, EAST, GCP, NOON, WEST, Broker, a_broker, a_gang, work
from tests.support.records import DAY, Recorder, a_conflict, amended, an_acceptance

API: Final = {"work_class": WorkClass.INFERENCE_API}
TWO_DEFAULTS: Final = amended(("defaults: 3, within: P30D", "defaults: 2, within: P1D"))
GONE: Final = Fault(FaultKind.UNREACHABLE, "ConnectionRefused")
CURED_S: Final = 7200 + 900
"""Delivery and cure of the right that ships."""
FORGOTTEN_S: Final = 1000
"""After so long a refusal stands no more."""


def defaulted(broker: Broker) -> JobId:
    """A job that a person accepts for the holder, whose cloud then has no machine."""
    (job,) = broker.placed(work())
    broker.answer(job, holds=[(EAST, 1)])
    broker.wait(CURED_S + FORGOTTEN_S)
    return job


def released_on(broker: Broker, job: JobId) -> list[str]:
    return [f.data["basis"] for f in broker.facts("UnitsReleased", job=job)]


# -- suspension


def test_the_nth_default_within_the_period_suspends_the_right_for_its_time() -> None:
    stock = {EAST: 0, AWS: 9}
    with a_broker(stock, agreement=TWO_DEFAULTS, desk=Desk.PERSON) as broker:
        first = defaulted(broker)
        assert broker.facts("RightSuspended") == []
        second = defaulted(broker)
        (told,) = broker.facts("RightSuspended")
        assert told.data["offers"] == [broker.offer(first).id, broker.offer(second).id]
        offers = len(broker.facts("OfferIssued"))
        (third,) = broker.placed(work())
        broker.wait(1)
        assert released_on(broker, third) == ["suspension"]
        assert broker.facts("UnitsReleased", job=third)[0].data["cites"] == [
            told.data["suspension"]
        ]
        assert broker.where(third) == [AWS]
        assert len(broker.facts("OfferIssued")) == offers
        broker.wait(7 * 86400)
        (fourth,) = broker.placed(work())
        assert len(broker.facts("OfferIssued", job=fourth)) == 1  # restored, by itself


def test_defaults_that_lie_too_far_apart_suspend_nothing() -> None:
    stock = {EAST: 0, AWS: 9}
    with a_broker(stock, agreement=TWO_DEFAULTS, desk=Desk.PERSON) as broker:
        defaulted(broker)
        broker.wait(86400)
        defaulted(broker)
        assert broker.facts("RightSuspended") == []


def test_while_its_right_is_suspended_the_holder_may_be_bought_from_like_anybody() -> None:
    stock = {EAST: 0, AWS: 2}
    with a_broker(stock, agreement=TWO_DEFAULTS, desk=Desk.PERSON) as broker:
        defaulted(broker)
        defaulted(broker)
        broker.clouds[ProviderName.AZURE].stock[EAST] = 1
        (job,) = broker.placed(work())
        broker.wait(60)
        assert broker.where(job) == [EAST]
        assert broker.facts("OfferIssued", job=job) == []


def test_a_suspended_holder_that_has_none_either_leaves_the_release_as_it_is() -> None:
    stock = {EAST: 0, AWS: 2}
    with a_broker(stock, agreement=TWO_DEFAULTS, desk=Desk.PERSON) as broker:
        defaulted(broker)
        defaulted(broker)
        (job,) = broker.placed(work())
        broker.wait(60)
        (told,) = broker.facts("HolderCommitted", job=job)
        assert broker.facts("CommitmentFailed", commitment=told.data["commitment"])
        assert released_on(broker, job) == ["suspension"]


# -- unavailability


def look_from(broker: Broker, vantage: str) -> None:
    broker.rules = replace(broker.rules, vantage=vantage)


def unseen(broker: Broker, *works: Workload, fault: Fault = GONE) -> list[JobId]:
    """Jobs submitted here when the holder's cloud has just gone."""
    look_from(broker, "here")
    broker.clouds[ProviderName.AZURE].fault = fault
    return broker.placed(*works)


def absent(broker: Broker, vantages: Sequence[str] = ("here", "there")) -> None:
    """It answers nobody for some minutes, at these vantage points in turn."""
    for minute in range(8):
        look_from(broker, vantages[minute % len(vantages)])
        broker.wait(61)


def test_a_holder_that_nobody_can_reach_from_two_places_for_long_enough_is_unavailable() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        (waiting,) = unseen(broker, work())
        absent(broker)
        (told,) = broker.facts("HolderUnavailable")
        assert told.data["vantages"] == ["here", "there"]
        probes = {f.data["probe"] for f in broker.facts("HolderProbed", answered=False)}
        assert set(told.data["probes"]) <= probes
        broker.wait(10)
        assert broker.where(waiting) == [AWS]
        assert released_on(broker, waiting) == ["unavailability"]
        assert broker.facts("OfferWithdrawn")[0].data["why"] == "holder unavailable"
        broker.clouds[ProviderName.AZURE].fault = None
        broker.reconcile()
        assert len(broker.facts("HolderRecovered")) == 1
        (later,) = broker.placed(work())
        assert broker.where(later) == [EAST]


def test_few_facts_are_told_of_many_calls_that_found_nobody() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        unseen(broker, *(work() for _ in range(5)))
        absent(broker)
        assert len(broker.clouds[ProviderName.AZURE].launches) > 50
        assert len(broker.facts("HolderProbed")) <= 10


@pytest.mark.parametrize(
    ("vantages", "kind"),
    [
        (("here",), FaultKind.UNREACHABLE),
        (("here", "there"), FaultKind.AUTH),
        (("here", "there"), FaultKind.THROTTLED),
        (("here", "there"), FaultKind.INVALID),
        (("here", "there"), FaultKind.UNKNOWN_CODE),
    ],
)
def test_one_vantage_point_or_a_fault_of_ours_is_no_evidence(
    vantages: Sequence[str], kind: FaultKind
) -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        (job,) = unseen(broker, work(), fault=Fault(kind, "Code"))
        absent(broker, vantages)
        assert broker.facts("HolderUnavailable", "UnitsReleased") == []
        assert broker.where(job) == []


def test_one_answer_between_begins_the_evidence_anew() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        unseen(broker, work())
        for minute in range(12):
            look_from(broker, ("here", "there")[minute % 2])
            broker.wait(61)
            if minute in {2, 6, 9}:
                broker.clouds[ProviderName.AZURE].fault = None
                broker.reconcile()
                broker.clouds[ProviderName.AZURE].fault = GONE
                broker.submit(work())
        assert broker.facts("HolderUnavailable") == []


def test_an_exclusive_class_leaves_an_unavailable_holder_by_its_continuity_clause_only() -> None:
    without = amended(("exceptions: [consent, continuity]", "exceptions: [consent]"))
    for agreement, place in ((None, [AWS]), (without, [])):
        with a_broker({EAST: 9, AWS: 9}, agreement=agreement) as broker:
            (job,) = unseen(broker, work(**API))
            broker.wait(30)
            assert broker.where(job) == []
            absent(broker)
            broker.wait(30)
            assert broker.where(job) == place
            bases = {f.data["basis"] for f in broker.facts("ThirdPartyCommitted")}
            assert bases == ({"continuity"} if place else set())


# -- standing acceptances


def test_a_standing_acceptance_takes_units_at_once_under_its_own_hold_and_price() -> None:
    with a_broker({EAST: 9, AWS: 9}, desk=Desk.PERSON) as broker:
        Recorder(broker).must(an_acceptance(2))
        (job,) = broker.placed(work(units=3))
        (taken,) = broker.facts("OfferAccepted")
        assert (taken.data["standing"], taken.data["units"]) == ("s1", [0, 1])
        assert taken.data["holds"][0]["hold"] == "reservation-7"
        broker.wait(10)
        assert broker.states(job) == ["active", "active", "offered"]  # the third is asked for
        prices = {f.data["terms"]["price_usd_hour"] for f in broker.facts("HolderCommitted")}
        assert prices == {"2.9"}


@pytest.mark.parametrize(
    ("asked", "acceptance"),
    [
        (a_gang(3), an_acceptance(2)),
        (work(work_class=WorkClass.RESEARCH), an_acceptance(2)),
        (work(limits=Limits(max_price_usd_hour=usd("2.60"))), an_acceptance(2)),
        (work(limits=Limits(regions=("westus", "us-east-1"))), an_acceptance(2)),
        (work(), an_acceptance(2, begins=NOON + DAY / 2)),
    ],
    ids=["quantity", "class", "price", "region", "not yet"],
)
def test_what_a_standing_acceptance_does_not_cover_is_asked_for(
    asked: Workload, acceptance: object
) -> None:
    with a_broker({EAST: 9, WEST: 9, AWS: 9}, desk=Desk.PERSON) as broker:
        Recorder(broker).must(acceptance)  # type: ignore[arg-type]
        broker.placed(asked)
        assert broker.facts("OfferAccepted") == []
        assert len(broker.facts("OfferIssued")) == 1


def test_a_standing_acceptance_is_no_good_once_it_is_old_used_up_or_revoked() -> None:
    with a_broker({EAST: 9, AWS: 9}, desk=Desk.PERSON) as broker:
        recorder = Recorder(broker)
        recorder.must(an_acceptance(1))
        recorder.must(an_acceptance(9, id="s2", match=replace(an_acceptance(1).match)))
        recorder.must(Revocation(record="s2"))
        broker.placed(work(), work())
        assert [f.data["standing"] for f in broker.facts("OfferAccepted")] == ["s1"]
        recorder.must(an_acceptance(9, id="s3"))
        broker.wait(900)
        (late,) = broker.placed(work())
        assert broker.states(late) == ["offered"]


# -- conflicts


def test_a_rival_in_conflict_with_the_tenant_is_passed_over_for_that_tenant_only() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        Recorder(broker).must(a_conflict("aws"))
        mine, other = broker.placed(work(), work(tenant="shop"))
        broker.wait(10)
        assert (broker.where(mine), broker.where(other)) == ([GCP], [AWS])


def test_what_a_party_in_conflict_owns_enough_of_is_in_conflict_too() -> None:
    stake = Stake(
        id="e1", owner="meta", supplier="aws", share=Decimal("0.49"), begins=NOON, ends=None
    )
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_conflict("meta", share=Decimal("0.3")))
        recorder.must(stake)
        (job,) = broker.placed(work())
        broker.wait(10)
        assert broker.where(job) == [GCP]


def test_a_job_whose_holder_is_in_conflict_waits_says_so_and_spills_nowhere() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_conflict("azure"))
        (job,) = broker.placed(work())
        (api,) = broker.placed(work(**API))
        broker.wait(600)
        assert broker.facts("OfferIssued", "UnitsReleased", "ThirdPartyCommitted") == []
        assert "azure, which is to be asked first, is in the conflict set of lab" in (
            broker.job(job).trouble
        )
        assert [f.data["job"] for f in broker.facts("JobHeld")] == [job, api]
        recorder.must(Revocation(record="k1"), by="operator")
        broker.wait(61)
        assert broker.where(job) == [EAST]
        assert broker.job(job).trouble == ""


def test_a_conflict_does_not_hold_up_others_of_the_same_line() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 9}) as broker:
        recorder = Recorder(broker)
        recorder.must(a_conflict("gcp"))
        (mine,) = broker.placed(work())
        broker.wait(5)
        (other,) = broker.placed(work(tenant="shop"))
        broker.wait(5)
        assert (broker.where(mine), broker.where(other)) == ([], [GCP])


def test_a_refused_acceptance_says_what_is_wrong_with_it() -> None:
    with a_broker({EAST: 9}, desk=Desk.PERSON) as broker:
        recorder = Recorder(broker)
        assert "is no pool of the holder's" in (
            recorder.put(an_acceptance(2, region="mars")).refused or ""
        )
        assert "only 'azure'" in (recorder.put(an_acceptance(2), by="aws").refused or "")
        assert "is no share" in (
            recorder.put(a_conflict("aws", share=Decimal(2)), by="operator").refused or ""
        )
