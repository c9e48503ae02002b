"""Spend caps as stories: what may not be spent is not bought, and no cap lets the right slip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial

from broker.domain.caps import Cap, Caps, Purse
from broker.domain.decision import EndTerm, PutOffer, Wait
from broker.domain.market import Place
from broker.domain.offer import OfferKind
from broker.domain.values import ProviderName
from broker.domain.workload import Scope
from broker.steps.within_caps import within_caps
from tests.support.broker import AWS, EAST, GCP, PRICES, Broker, a_broker, work

AZURE = ProviderName.AZURE


@contextmanager
def capped(stock: dict[Place, int], caps: Caps) -> Iterator[Broker]:
    with a_broker(stock) as broker:
        broker.rules = replace(broker.rules, caps=caps)
        yield broker


def price(place: Place, count: int = 1) -> Decimal:
    return Decimal(PRICES[place]) * count


def test_a_clouds_cap_sends_third_party_orders_to_the_next_one() -> None:
    caps = Caps(by_cloud={ProviderName.AWS: Cap(usd_hour=price(AWS))})
    with capped({EAST: 0, AWS: 9, GCP: 9}, caps) as broker:
        first, second = broker.placed(work(), work())
        broker.wait(60)
        assert sorted([*broker.where(first), *broker.where(second)]) == sorted([AWS, GCP])
        (told,) = broker.facts("PlaceTroubled")
        assert (told.data["kind"], told.data["scope"]) == ("spend_cap", "cloud")
        assert "the spend cap of cloud aws is" in told.data["message"]
        assert len(broker.clouds[ProviderName.AWS].made) == 1


def test_the_holders_cap_never_lets_its_right_slip() -> None:
    caps = Caps(by_cloud={AZURE: Cap(usd_hour=Decimal("0.01"))})
    with capped({EAST: 9, AWS: 9}, caps) as broker:
        (job,) = broker.placed(work())
        broker.wait(3 * 3600)
        assert broker.states(job) == ["offered"]
        assert "spend cap of cloud azure" in broker.job(job).trouble
        assert not broker.facts("UnitsReleased", "OfferLapsed", "OfferRefused", "PlaceRefused")
        assert not any(cloud.made for cloud in broker.clouds.values())
        broker.rules = replace(broker.rules, caps=Caps())
        broker.wait(60)
        assert broker.where(job) == [EAST]


def test_a_tenant_that_has_spent_all_waits_and_says_why_and_goes_on_when_something_ends() -> None:
    caps = Caps(by_tenant={"lab": Cap(usd_hour=price(EAST))})
    with capped({EAST: 9, AWS: 9}, caps) as broker:
        (first,) = broker.placed(work())
        (second,) = broker.placed(work())
        broker.wait(600)
        assert broker.where(first) == [EAST]
        assert broker.states(second) == ["pending"]
        (held,) = broker.facts("JobHeld")
        assert "the spend cap of tenant lab is" in held.data["because"]
        assert len(broker.facts("OfferIssued")) == 1  # nobody is asked for what cannot be paid
        broker.exit(first, 0)
        broker.wait(60)
        assert broker.where(second) == [EAST]


def test_another_tenant_is_not_held_up() -> None:
    caps = Caps(by_tenant={"lab": Cap(usd_hour=Decimal(0))})
    with capped({EAST: 9, AWS: 9}, caps) as broker:
        mine, theirs = broker.placed(work(), work(tenant="others"))
        broker.wait(60)
        assert broker.states(mine) == ["pending"]
        assert broker.where(theirs) == [EAST]


def test_the_last_machine_that_a_cap_leaves_is_bought_once_by_many() -> None:
    """Decided at the launch, one by one: looked at in the round alone, all of them would fit."""
    caps = Caps(overall=Cap(usd_hour=price(EAST, 2)))
    with capped({EAST: 9, AWS: 9}, caps) as broker:
        jobs = broker.placed(*(work() for _ in range(5)))
        broker.wait(300)
        assert sum(broker.active(job) for job in jobs) == 2
        assert sum(len(cloud.made) for cloud in broker.clouds.values()) == 2


def test_a_total_is_used_up_by_time_and_nothing_that_runs_is_ended_for_it() -> None:
    caps = Caps(by_tenant={"lab": Cap(usd_total=price(EAST, 3))})
    with capped({EAST: 9, AWS: 9}, caps) as broker:
        (first,) = broker.placed(work())
        broker.wait(3 * 3600)
        (second,) = broker.placed(work())
        broker.wait(600)
        assert broker.active(first)
        assert broker.states(second) == ["pending"]
        assert "USD in total" in broker.job(second).trouble


def test_what_is_decided_of_leases_that_live_stands_beside_what_is_held_back() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        (job,) = broker.submit(work(units=2))
        with broker.store.transaction() as tx:
            case = tx.cases([job])[job]
        purse = Purse(Caps(overall=Cap(usd_total=Decimal(0))))
        edition = broker.rules.edition(case.job.agreement, case.now)
        assert edition is not None
        offer = partial(PutOffer, units=(0,), edition=edition, clause="c", terms=case.job.terms)
        more, renewal = (
            offer(kind=OfferKind.RIGHT),
            offer(kind=OfferKind.RIGHT, scope=Scope.RENEWAL),
        )
        over = EndTerm(unit=1)
        (kept,) = within_caps([case], [(more, renewal, over)], purse)
        assert kept[:2] == (renewal, over)
        assert isinstance(kept[2], Wait)
        (untouched,) = within_caps([case], [(renewal, over)], purse)
        assert untouched == (renewal, over)
