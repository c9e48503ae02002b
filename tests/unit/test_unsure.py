"""Nobody knows whether a machine was bought: it is found out, and never bought elsewhere first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.domain.values import ProviderName
from broker.ports import Fault, FaultKind, Order
from broker.steps.polling import TROUBLE_RECHECK
from broker.steps.provision import CLAIMED_FOR
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, work
from tests.support.pretend import PretendCloud

REVOKED = Fault(FaultKind.AUTH, "AuthFailure")


def machines(broker: Broker) -> int:
    return sum(len(cloud.there) for cloud in broker.clouds.values())


def aws_of(broker: Broker) -> PretendCloud:
    return broker.clouds[ProviderName.AWS]


@pytest.mark.parametrize("made", [True, False], ids=["made", "not made"])
def test_credentials_that_are_revoked_after_a_lost_answer_send_nobody_elsewhere(
    made: bool,  # noqa: FBT001
) -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        aws = aws_of(broker)
        aws.unsure.append(made)

        def revoked(_: Order) -> None:
            if aws.launches:
                aws.fault = REVOKED

        aws.before_launch = revoked
        (job,) = broker.placed(work())
        broker.wait(600)
        assert len(aws.launches) > 5
        assert not broker.clouds[ProviderName.GCP].launches
        assert not broker.facts("CommitmentFailed")
        assert broker.facts("PlaceTroubled", provider="aws", kind="auth")
        assert "AuthFailure" in broker.job(job).trouble
        aws.before_launch, aws.fault = lambda _: None, None
        broker.wait(TROUBLE_RECHECK.total_seconds())
        assert broker.where(job) == [AWS]
        assert machines(broker) == 1


def test_a_worker_that_died_in_a_call_leaves_it_as_unsure_as_a_lost_answer() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        aws = aws_of(broker)

        def die(_: Order) -> None:
            aws.before_launch = lambda _: None
            raise SystemExit

        aws.before_launch = die
        (job,) = broker.submit(work())
        with pytest.raises(SystemExit):
            broker.settle()
        aws.fault = REVOKED
        broker.wait((CLAIMED_FOR + timedelta(seconds=60)).total_seconds())
        assert not broker.clouds[ProviderName.GCP].launches
        aws.fault = None
        broker.wait(TROUBLE_RECHECK.total_seconds())
        assert broker.where(job) == [AWS]


def test_a_launch_under_way_is_awaited_though_its_cloud_takes_no_more_of_our_calls() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        aws = aws_of(broker)
        aws.takes_s = 30
        (job,) = broker.placed(work())
        aws.fault = REVOKED
        broker.wait(120)
        assert not broker.clouds[ProviderName.GCP].launches
        aws.fault = None
        broker.wait(TROUBLE_RECHECK.total_seconds())
        assert broker.where(job) == [AWS]
        assert machines(broker) == 1


def test_what_was_certainly_not_bought_is_bought_elsewhere() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        aws_of(broker).fault = REVOKED
        (job,) = broker.placed(work())
        broker.wait(5)
        assert broker.where(job) == [GCP]


def test_a_cloud_that_was_not_reached_and_then_turns_us_down_has_sold_nothing() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        aws = aws_of(broker)
        aws.fault = Fault(FaultKind.UNREACHABLE, "refused")
        (job,) = broker.placed(work())
        broker.wait(1)
        aws.fault = REVOKED
        broker.wait(10)
        assert broker.where(job) == [GCP]


def test_a_cloud_that_never_says_is_told_of_and_nobody_else_is_sent_there() -> None:
    with a_broker({EAST: 0, AWS: 9, GCP: 9}) as broker:
        aws = aws_of(broker)
        aws.unsure += [True, *[False] * 30]
        (first,) = broker.placed(work())
        broker.wait(20)
        assert broker.facts("PlaceTroubled", provider="aws", code="NoAnswer")
        (second,) = broker.placed(work())
        assert broker.where(second) == [GCP]
        broker.wait(300)
        assert broker.where(first) == [AWS]
        assert machines(broker) == 2
