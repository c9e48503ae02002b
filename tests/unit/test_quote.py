"""Asking before paying: the planner's own words, and nothing written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

import pytest

from broker.domain.clause import Match
from broker.domain.market import Place
from broker.domain.quote import Quote, Waited
from broker.domain.register import Attestation
from broker.domain.values import ProviderName, usd
from broker.domain.workload import Kind, Limits, Shape, WorkClass, Workload
from broker.steps.quote import quote_job
from broker.steps.submit import InvalidJobError
from tests.support.broker import NOON, Broker, a_broker, pool
from tests.support.records import Recorder, a_conflict, a_waiver

EAST: Final = Place(ProviderName.AZURE, "eastus", "nd8")
AWS: Final = Place(ProviderName.AWS, "us-east-1", "p5")
GCP: Final = Place(ProviderName.GCP, "us-central1", "a3")
POOLS: Final = [pool(EAST, price="10"), pool(AWS, price="8"), pool(GCP, price="9")]


def work(work_class: WorkClass = WorkClass.FINE_TUNING, **changed: object) -> Workload:
    asked = {"name": "tune", "tenant": "lab", "kind": Kind.TRAINING, "run": "true"}
    return Workload(**{**asked, "work_class": work_class, **changed})  # type: ignore[arg-type]


def quoted(broker: Broker, wanted: Workload) -> Quote:
    return quote_job(wanted, broker.store, broker.rules, {AWS: Waited(60, 180)})


def test_a_quote_tells_the_offer_first_and_the_spill_after_it() -> None:
    with a_broker({EAST: 1, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        said = quoted(broker, work(duration_s=7200, units=2))
    assert said.course == (
        (
            "offer 2 units to the holder first under compute-rofr at no more than 10 $/h a unit; "
            "it has 30 min 00 s to answer"
        ),
        "then order 2 units from aws us-east-1 p5 at 8 $/h a unit, basis refusal",
    )
    assert [place.provider for place in said.offers] == ["azure", "aws", "gcp"]
    assert [place.rank for place in said.offers] == [1, 2, 3]
    assert said.best is said.offers[0]
    assert said.best.total_cost == usd("40")
    assert (said.offers[1].wait_p50_s, said.offers[1].wait_p90_s) == (60, 180)


def test_a_quote_writes_nothing() -> None:
    with a_broker({EAST: 1, AWS: 1}, pools=POOLS) as broker:
        before = len(broker.facts())
        quoted(broker, work())
        assert len(broker.facts()) == before
        assert broker.store.next_due() is None


def test_what_the_quote_says_is_what_happens() -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        told = quoted(broker, work())
        (job,) = broker.placed(work())
        bought = [f.data for f in broker.facts() if f.type == "ThirdPartyCommitted"]
    second = next(place for place in told.offers if place.rank == 2)
    assert [(b["provider"], b["region"]) for b in bought if b["job"] == job] == [
        (second.provider, second.region)
    ]


def test_a_place_that_stands_refused_is_not_ranked_and_says_why() -> None:
    with a_broker({EAST: 0, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        broker.placed(work())
        said = quoted(broker, work())
    azure = next(place for place in said.offers if place.provider == "azure")
    assert azure.rank is None
    assert azure.why.startswith("stands refused: ")
    assert said.course[0].startswith("no offer is due")


def test_exclusive_work_is_ordered_from_the_holder_alone() -> None:
    with a_broker({EAST: 1, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        said = quoted(broker, work(WorkClass.INFERENCE_API))
    assert said.clause == "api-exclusive"
    assert said.course == (
        "order 1 unit from the holder alone: clause api-exclusive keeps it there",
    )
    ranked = {place.provider: (place.rank, place.verdict) for place in said.offers}
    assert ranked == {"azure": (1, "allow"), "aws": (None, "forbid"), "gcp": (None, "forbid")}


def test_a_limit_that_leaves_a_place_out_is_named_with_what_would_open_it() -> None:
    limits = Limits(max_price_usd_hour=usd("8.5"), exclude=(ProviderName.AWS,))
    with a_broker({EAST: 1, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        said = quoted(broker, work(limits=limits))
    why = {place.provider: place.why for place in said.offers}
    assert why["azure"] == "over the price limit: its desk refuses it (not_economic)"
    assert why["aws"] == "limits.exclude leaves it out"
    assert why["gcp"] == "limits.max_price_per_hour leaves it out"
    assert said.would_change == (
        "0.5 $/h more on the price limit opens gcp us-central1 a3",
        "without limits.exclude, 1 more place could be asked",
    )


def test_a_job_that_cannot_be_is_refused_as_when_it_is_submitted() -> None:
    with a_broker({EAST: 1}, pools=POOLS) as broker, pytest.raises(InvalidJobError) as wrong:
        quoted(broker, work(shape=Shape(accelerators=("ABACUS",), gpus=1)))
    assert wrong.value.field == "resources.gpu"


def test_a_quote_survives_the_wire() -> None:
    with a_broker({EAST: 1, AWS: 1}, pools=POOLS) as broker:
        said = quoted(broker, work(duration_s=60))
    assert Quote.from_json(json.loads(json.dumps(said.as_json()))) == said
    assert timedelta(seconds=said.window_s or 0) == timedelta(minutes=30)


def table(said: Quote) -> dict[str, tuple[int | None, str, str]]:
    return {place.provider: (place.rank, place.verdict, place.why) for place in said.offers}


def test_the_table_goes_by_what_was_attested() -> None:
    with a_broker({EAST: 1, AWS: 1}, pools=POOLS) as broker:
        before = table(quoted(broker, work(WorkClass.INFERENCE_API)))
        Recorder(broker).must(Attestation(condition="agi", by="operator", at=NOON), by="operator")
        after = table(quoted(broker, work(WorkClass.INFERENCE_API)))
    assert (before["aws"][:2], after["aws"][:2]) == ((None, "forbid"), (2, "offer"))


def test_the_table_leaves_out_who_is_in_conflict_with_the_tenant() -> None:
    with a_broker({EAST: 1, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        Recorder(broker).must(a_conflict("aws"), by="operator")
        said = table(quoted(broker, work()))
        other = table(quoted(broker, work(tenant="shop")))
    assert said["aws"] == (None, "offer", "not asked: aws is in the conflict set of lab")
    assert [said["gcp"][0], other["aws"][0]] == [2, 2]


def test_where_the_holder_must_not_be_asked_nobody_has_a_rank() -> None:
    with a_broker({EAST: 1, AWS: 1}, pools=POOLS) as broker:
        Recorder(broker).must(a_conflict("azure"), by="operator")
        said = quoted(broker, work())
    assert said.best is None
    assert "in the conflict set of lab" in said.course[0]


def test_under_a_waiver_the_place_it_opens_is_asked_first() -> None:
    match = Match(classes=frozenset({WorkClass.FINE_TUNING}), pools=frozenset({"gcp"}))
    with a_broker({EAST: 1, AWS: 1, GCP: 1}, pools=POOLS) as broker:
        Recorder(broker).must(a_waiver(1, match=match))
        said = quoted(broker, work())
    assert said.best is not None
    assert (said.best.provider, table(said)["azure"][0]) == ("gcp", None)
