"""Every second of a job's wait is put down to one cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from broker.domain import events as f
from broker.domain.event import Event
from broker.domain.terms import Terms
from broker.domain.values import CommitmentId, JobId, LeaseId, OfferId
from broker.domain.workload import Shape
from broker.replay.delays import Delays
from tests.support.replays import asked, said
from tests.support.scenario import written

NOON: Final = datetime(2025, 6, 1, 12, tzinfo=UTC)
JOB: Final = JobId("job")
OFFER: Final = OfferId("offer")
TERMS: Final = Terms(accelerators=None, gpus_per_unit=1, regions=None, price_usd_hour=None)


def lost(*told: tuple[float, Event]) -> dict[str, int]:
    """The seconds by cause, without the causes that took none."""
    delays = Delays()
    for seconds, event in told:
        delays.hear(event, NOON + timedelta(seconds=seconds))
    return {cause: spent for cause, spent in delays.figures().items() if spent}


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
    ) == {"in_line": 10, "window": 60, "third_party_shortage": 100, "provisioning": 30}


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
    ("basis", "cause"), [("refusal", "third_party_shortage"), ("free", "in_line")]
)
def test_after_a_failed_purchase_a_unit_waits_as_before(basis: str, cause: str) -> None:
    failed = f.CommitmentFailed(
        commitment=CommitmentId("com"),
        job=JOB,
        units=(0,),
        provider="aws",
        reason="no_capacity",
        code="stock",
    )
    assert lost(
        (0, submitted()), (0, committed(0, basis=basis)), (20, failed), (50, active(0))
    ) == {"provisioning": 20, cause: 30}


def test_while_one_unit_is_offered_the_job_waits_for_the_window() -> None:
    told: Sequence[tuple[float, Event]] = (
        (0, submitted(2)),
        (0, offered(0)),
        (0, committed(1, basis="free")),
        (20, active(1)),
        (30, accepted(0)),
        (30, active(0)),
    )
    assert lost(*told) == {"window": 30}


def test_nothing_is_kept_of_a_job_that_waits_no_more() -> None:
    delays = Delays()
    for event in (submitted(), offered(0), accepted(0), active(0)):
        delays.hear(event, NOON)
    assert delays == Delays(seconds=delays.seconds)


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
