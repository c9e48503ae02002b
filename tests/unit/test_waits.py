"""Every second of a job's wait is put down to one cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain import events as f
from broker.domain.accounts.shortage import figures
from broker.domain.accounts.waits import Waits
from broker.domain.event import Event
from broker.domain.explain import explain
from broker.domain.offer import Desk
from broker.domain.terms import Terms
from broker.domain.values import CommitmentId, JobId, LeaseId, OfferId, RefusalReason
from broker.domain.workload import Limits, Shape
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, GCP, a_broker, work
from tests.support.replays import asked, said
from tests.support.scenario import written

NOON: Final = datetime(2025, 6, 1, 12, tzinfo=UTC)
JOB: Final = JobId("job")
OFFER: Final = OfferId("offer")
TERMS: Final = Terms(accelerators=None, gpus_per_unit=1, regions=None, price_usd_hour=None)


def lost(*told: tuple[float, Event]) -> dict[str, int]:
    """The seconds by cause, without the causes that took none."""
    waits = Waits()
    for seconds, event in told:
        waits.hear(event, NOON + timedelta(seconds=seconds))
    return {cause: int(spent) for cause, spent in figures(waits.totals).items() if spent}


def submitted(units: int = 1) -> f.JobSubmitted:
    return f.JobSubmitted(
        job=JOB,
        tenant="lab",
        name="tune",
        kind="training",
        work_class="pretraining",
        tags=(),
        units=units,
        gang=0,
        chunk=1,
        terms=TERMS,
        patience_until=None,
        agreement="azure-first-refusal",
        shape=Shape(gpus=1),
        exclude=(),
    )


def offered(*units: int) -> f.OfferIssued:
    return f.OfferIssued(
        offer=OFFER,
        kind="right",
        version=1,
        job=JOB,
        units=units,
        agreement="azure-first-refusal",
        edition="2025-01-21",
        clause="compute-rofr",
        terms=TERMS,
        window_s=300,
        notice_sha256="0" * 64,
        supersedes=None,
        desk="automatic",
    )


def accepted(*units: int) -> f.OfferAccepted:
    return f.OfferAccepted(offer=OFFER, units=units, holds=(), deliver_by=NOON, cure_until=NOON)


def released(*units: int) -> f.UnitsReleased:
    return f.UnitsReleased(
        job=JOB, units=units, basis="refusal", offer=OFFER, ceiling=TERMS, tail_until=NOON, cites=()
    )


def committed(*units: int, basis: str = "refusal") -> f.ThirdPartyCommitted:
    return f.ThirdPartyCommitted(
        commitment=CommitmentId("com"),
        job=JOB,
        units=units,
        provider="aws",
        pool_kind="third_party_cloud",
        region="us-east-1",
        sku="p5",
        terms=TERMS,
        agreement="azure-first-refusal",
        edition="2025-01-21",
        basis=basis,
        cites=(),
        list_id="",
        passed_over=(),
    )


def failed(reason: str) -> f.CommitmentFailed:
    return f.CommitmentFailed(
        commitment=CommitmentId("com"),
        job=JOB,
        units=(0,),
        provider="aws",
        reason=reason,
        code="stock",
    )


def active(unit: int) -> f.LeaseActivated:
    return f.LeaseActivated(
        job=JOB,
        unit=unit,
        epoch=1,
        provider="aws",
        lease=LeaseId(f"lease{unit}"),
        commitment=CommitmentId("com"),
        price_usd_hour=Decimal(2),
    )


def test_a_spilled_job_waits_for_the_window_then_for_room_then_for_its_machine() -> None:
    refused = f.OfferRefused(offer=OFFER, units=(0,), reason="no_capacity", cites=())
    assert lost(
        (0, submitted()),
        (10, offered(0)),
        (70, refused),
        (70, released(0)),
        (170, committed(0)),
        (200, active(0)),
    ) == {"line": 10, "window": 60, "capacity": 100, "provisioning": 30}


def test_what_was_waited_under_an_acceptance_is_blamed_on_the_default() -> None:
    defaulted = f.HolderDefaulted(offer=OFFER, units=(0,))
    assert lost(
        (0, submitted()),
        (0, offered(0)),
        (5, accepted(0)),
        (905, defaulted),
        (905, released(0)),
        (905, committed(0)),
        (935, active(0)),
    ) == {"window": 5, "holder_default": 900, "provisioning": 30}


def test_a_delivered_acceptance_is_the_time_its_machine_took() -> None:
    assert lost((0, submitted()), (0, offered(0)), (5, accepted(0)), (65, active(0))) == {
        "window": 5,
        "provisioning": 60,
    }


@pytest.mark.parametrize(
    ("reason", "cause"),
    [("no_capacity", "capacity"), ("over_quota", "quota"), ("not_economic", "budget")],
)
def test_a_purchase_that_failed_is_waited_for_by_the_reason_of_the_refusal(
    reason: str, cause: str
) -> None:
    assert lost((0, submitted()), (0, committed(0)), (20, failed(reason)), (50, active(0))) == {
        "provisioning": 20,
        cause: 30,
    }


def test_what_the_broker_was_away_for_is_nobody_elses_fault() -> None:
    away = f.BrokerUp(since=NOON + timedelta(seconds=20), to=NOON + timedelta(seconds=50))
    assert lost(
        (0, submitted()), (0, offered(0)), (50, away), (60, accepted(0)), (65, active(0))
    ) == {"outage": 30, "window": 30, "provisioning": 5}


def test_a_unit_that_lost_its_machine_waits_again() -> None:
    gone = f.LeaseEnded(
        job=JOB,
        unit=0,
        epoch=1,
        provider="aws",
        lease=LeaseId("lease0"),
        commitment=CommitmentId("com"),
        cause="lost",
        exit_code=None,
    )
    assert lost(
        (0, submitted()), (0, committed(0)), (5, active(0)), (900, gone), (910, active(0))
    ) == {"provisioning": 5, "line": 10}


MOMENTS: Final[Sequence[Callable[[int], Event]]] = (
    offered,
    accepted,
    released,
    committed,
    lambda _: failed("over_quota"),
    lambda unit: f.OfferRefused(offer=OFFER, units=(unit,), reason="no_capacity", cites=()),
    lambda unit: f.OfferLapsed(offer=OFFER, units=(unit,), reason="silence"),
    lambda _: f.OfferWithdrawn(offer=OFFER, why="fault"),
    lambda unit: f.HolderDefaulted(offer=OFFER, units=(unit,)),
    lambda unit: f.ReleaseExpired(job=JOB, units=(unit,), why="stale"),
)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**10), st.integers(0, 2), st.none() | st.sampled_from(MOMENTS)),
        max_size=30,
    ),
    st.permutations(range(3)),
)
def test_every_microsecond_of_a_wait_has_one_cause_in_whatever_order_things_happen(
    told: list[tuple[int, int, Callable[[int], Event] | None]], last: list[int]
) -> None:
    """None is an outage of the broker, which lasts until the next instant."""
    waits, at = Waits(), NOON
    waits.hear(submitted(3), at)
    for microseconds, unit, make in told:
        since, at = at, at + timedelta(microseconds=microseconds)
        waits.hear(make(unit) if make else f.BrokerUp(since=since, to=at), at)
    for unit in last:
        at += timedelta(microseconds=7)
        waits.hear(active(unit), at)
    assert sum(waits.totals.values(), timedelta()) == at - NOON
    assert min(waits.totals.values()) > timedelta()


def test_the_wait_is_told_from_the_log_of_the_real_steps() -> None:
    with a_broker({EAST: 1, AWS: 0, GCP: 1}, desk=Desk.PERSON) as broker:
        broker.clouds[GCP.provider].takes_s = 40
        (job,) = broker.placed(work())
        broker.wait(25)
        broker.answer(job, AnswerKind.REFUSE, reason=RefusalReason.NO_CAPACITY)
        broker.wait(100)
        said = explain(broker.facts(), job)
    assert said.placed_after_s == int(sum(said.waits_s.values()))
    spent = {name: int(s) for name, s in said.waits_s.items() if s}
    assert spent == {"window": 25, "provisioning": 40}
    assert said.waited == "waited 1 min 05 s: provisioning 40 s, window 25 s"
    assert said.waited in said.text()


@pytest.mark.parametrize("limit", ["2.00", "9.00"])
def test_a_job_that_may_pay_too_little_waits_for_its_budget(limit: str) -> None:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work(limits=Limits(max_price_usd_hour=Decimal(limit))))
        broker.wait(600)
        said = explain(broker.facts(), job, at=broker.clock.at)
    cause = "budget" if limit == "2.00" else "capacity"
    assert {name: s for name, s in said.waits_s.items() if s} == {cause: 600}


def test_a_job_waits_as_the_unit_that_was_placed_last() -> None:
    told: Sequence[tuple[float, Event]] = (
        (0, submitted(2)),
        (0, offered(0)),
        (0, committed(1, basis="free")),
        (20, active(1)),
        (30, accepted(0)),
        (30, active(0)),
    )
    assert lost(*told) == {"window": 30}


def test_nothing_is_kept_of_a_job_that_is_over() -> None:
    waits = Waits()
    over = f.JobFinished(job=JOB, exit_code=0)
    for event in (submitted(), offered(0), accepted(0), active(0), over):
        waits.hear(event, NOON)
    assert [*waits._jobs, *waits._offers, *waits._released] == []  # noqa: SLF001 - what it keeps


def test_a_job_that_was_given_up_counts_for_nothing() -> None:
    assert lost((0, submitted()), (9, f.JobCancelled(job=JOB, reason="asked"))) == {}


@pytest.mark.parametrize("desk", [None, "delay=45s", "silent=0.5", "delay=600s"])
def test_the_causes_add_up_to_the_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], desk: str | None
) -> None:
    found: dict[str, Any] = said(
        capsys, asked(written(tmp_path), compare="first-refusal", desk=desk)
    )
    for variant in found["variants"]:
        waited = variant["mean_wait_s"] * (variant["jobs"] - variant["unplaced"])
        assert sum(variant["delays_s"].values()) == pytest.approx(waited, abs=3)
