"""Every lease is billed in the instant of its end, and draws down what its agreement says."""

from __future__ import annotations

from decimal import Decimal

from broker.domain.draw import cost
from broker.domain.machine import RunState
from tests.support.broker import AWS, EAST, a_broker, a_gang, work


def test_a_lease_is_billed_to_the_microsecond_when_its_machine_is_gone() -> None:
    with a_broker(stock={EAST: 1}) as broker:
        (job,) = broker.placed(work())
        broker.wait(90.000001)
        broker.exit(job)
        (bill,) = broker.facts("LeaseBilled")
        (ended,) = broker.facts("LeaseEnded")
    assert bill.at == ended.at
    assert bill.data == {
        "lease": ended.data["lease"],
        "job": job,
        "unit": 0,
        "provider": "azure",
        "pool_kind": "holder",
        "class": "batch_inference",
        "agreement": "azure-first-refusal",
        "gpus": 1,
        "seconds": "90.000001",
        "gpu_seconds": "90.000001",
        "usd": "0.075",
        "draws": "committed-baseline",
        "commitment": ended.data["commitment"],
        "goes_on": False,
    }


def test_what_a_third_party_supplies_draws_down_no_commitment_of_the_holders() -> None:
    with a_broker(stock={AWS: 2}) as broker:
        (job,) = broker.placed(a_gang(2))
        broker.wait(60)
        broker.exit(job, 0)
        broker.exit(job, 1)
        bills = broker.facts("LeaseBilled")
    assert [(b.data["provider"], b.data["draws"]) for b in bills] == [("aws", None)] * 2


def test_a_lost_machine_is_billed_and_so_is_the_one_after_it() -> None:
    with a_broker(stock={EAST: 2}) as broker:
        (job,) = broker.placed(work())
        broker.report(broker.machine(job), RunState.RUNNING)
        broker.clouds[EAST.provider].lose(broker.machine(job).name)
        broker.wait(31)
        broker.reconcile()
        broker.wait(60)
        broker.exit(job)
        bills = broker.facts("LeaseBilled")
    leases = [lease.data["lease"] for lease in broker.facts("LeaseActivated")]
    assert [bill.data["lease"] for bill in bills] == leases
    assert len(set(leases)) == 2


def test_half_a_millionth_of_a_dollar_is_rounded_to_even() -> None:
    assert cost(Decimal("0.0036"), 500_000) == Decimal("0.000000")
    assert cost(Decimal("0.0108"), 500_000) == Decimal("0.000002")
