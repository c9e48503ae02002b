"""Laws of placement. Each builds its hard case, and each is shown to fail once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.agreements.registry import shipped
from broker.domain.decision import Commit, Decision, PutOffer, Wait
from broker.domain.job import Job
from broker.domain.market import Market, Place, Pool, Refusal
from broker.domain.placement import plan
from broker.domain.values import ProviderName, Purchase, RefusalId, RefusalReason, usd
from broker.domain.workload import SpotUse
from tests.support.broker import AWS, EAST, NOON, a_broker, a_gang, pool, work

NAME: Final = "azure-first-refusal"
EDITIONS: Final = {NAME: shipped()[NAME].in_force(NOON)}
HOLDERS: Final = tuple(Place(ProviderName.AZURE, f"region-{n}", "nd") for n in range(4))
RIVALS: Final = tuple(
    Place(name, region, sku)
    for name in (ProviderName.AWS, ProviderName.GCP, ProviderName.ORACLE)
    for region in ("here", "there")
    for sku in ("a", "b")
)
few_prices = st.sampled_from(["1.00", "2.00"])


def refusal(place: Place) -> Refusal:
    return Refusal(
        id=RefusalId(f"refusal of {place}"),
        place=place,
        units=1,
        code="Full",
        reason=RefusalReason.NO_CAPACITY,
        at=NOON,
        valid_until=NOON + timedelta(minutes=5),
    )


@cache
def fresh_job(*, gang: bool) -> Job:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        (job,) = broker.submit(a_gang(2) if gang else work(units=2))
        return broker.job(job)


@pytest.mark.parametrize(
    ("component", "asked", "noticed"),
    [
        ("price_usd_hour", None, usd("0.50")),
        ("accelerators", None, ("V100",)),
        ("gpus_per_unit", 1, 2),
        ("regions", None, ("somewhere-else",)),
        ("start_by", NOON + timedelta(hours=1), NOON),
        ("start_by", None, NOON),
        ("provision_by", NOON + timedelta(hours=1), NOON),
        ("chunk", 1, 2),
        ("prepay_usd", usd("1"), None),
        ("min_term_s", 60, None),
    ],
)
def test_what_is_better_for_a_rival_in_one_component_is_not_committed(
    component: str,
    asked: Any,  # noqa: ANN401 - the components have types of their own
    noticed: Any,  # noqa: ANN401 - as above
) -> None:
    """However much cheaper it is: the price makes up for nothing."""
    job = released_job()
    (release,) = job.releases
    market = Market(pools=(pool(EAST, "9.00"), pool(AWS, "1.00")))

    def decided(asked: Any, noticed: Any) -> tuple[Decision, ...]:  # noqa: ANN401 - as above
        ceiling = replace(release.ceiling, price_usd_hour=usd("9.00"))
        ceiling = replace(ceiling, **{component: noticed})
        terms = replace(job.terms, **{component: asked})
        released = replace(job, terms=terms, releases=(replace(release, ceiling=ceiling),))
        return plan([released], market, EDITIONS, released.last_at)[0]

    same = getattr(job.terms, component) if component != "price_usd_hour" else usd("1.00")
    assert any(isinstance(one, Commit) for one in decided(same, same))
    assert not any(isinstance(one, Commit) for one in decided(asked, noticed))


def test_spot_is_not_committed_where_the_holder_was_not_noticed_of_it() -> None:
    """A machine says for itself whether it can be taken back, whatever the job's terms say."""
    spot = replace(pool(AWS, "1.00"), place=AWS._replace(purchase=Purchase.SPOT))
    market = Market(pools=(pool(EAST, "9.00"), spot))
    job = released_job()
    (release,) = job.releases
    wish = replace(job.workload, limits=replace(job.workload.limits, spot=SpotUse.PREFER))

    def decided(*, noticed: bool) -> tuple[Decision, ...]:
        ceiling = replace(release.ceiling, price_usd_hour=usd("9.00"), interruptible=noticed)
        terms = replace(job.terms, interruptible=True)
        under = (replace(release, ceiling=ceiling),)
        asked = replace(job, workload=wish, line="spot", terms=terms, releases=under)
        return plan([asked], market, EDITIONS, job.last_at)[0]

    assert any(isinstance(one, Commit) for one in decided(noticed=True))
    assert not any(isinstance(one, Commit) for one in decided(noticed=False))


@cache
def released_job() -> Job:
    with a_broker({EAST: 0, AWS: 0}) as broker:
        (job,) = broker.placed(work())
        return replace(broker.job(job), stuck=False)


def decided(job: Job, pools: Iterable[Pool], refused: Iterable[Place] = ()) -> Sequence[Decision]:
    market = Market(pools=tuple(pools), refusals={place: refusal(place) for place in refused})
    return plan([job], market, EDITIONS, NOON)[0]


def commits(decisions: Sequence[Decision]) -> list[Place]:
    return [d.pool.place for d in decisions if isinstance(d, Commit)]


def fails_with(monkeypatch: pytest.MonkeyPatch, name: str, spoilt: object, law: object) -> None:
    """The law notices what was spoilt."""
    assert callable(law)
    monkeypatch.setattr(name, spoilt)
    with pytest.raises(AssertionError):
        law()


@settings(database=None)
@given(gang=st.booleans(), kept=st.sampled_from(HOLDERS), prices=st.tuples(*[few_prices] * 3))
def nobody_else_before_the_last_place(gang: bool, kept: Place, prices: tuple[str, ...]) -> None:  # noqa: FBT001
    """All but one of the holder's places refuse, and cheap rivals stand by."""
    rivals = [pool(place, price) for place, price in zip(RIVALS, prices, strict=False)]
    pools = [*(pool(place, "9.00") for place in HOLDERS), *rivals]
    refused = [place for place in HOLDERS if place != kept]
    (decision,) = decided(fresh_job(gang=gang), pools, refused)
    assert isinstance(decision, PutOffer)
    assert decision.units == (0, 1)


def test_nobody_but_the_holder_is_asked_before_its_last_place_has_refused() -> None:
    nobody_else_before_the_last_place()


def test_a_release_on_most_places_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def any_refusal(*_: object) -> tuple[tuple[str, ...], object]:
        return ("one is enough",), NOON

    name = "broker.domain.placement._Round._all_refused"
    fails_with(monkeypatch, name, any_refusal, nobody_else_before_the_last_place)


@settings(database=None)
@given(places=st.permutations(RIVALS), prices=st.lists(few_prices, min_size=12, max_size=12))
def cheapest_then_by_name(places: list[Place], prices: list[str]) -> None:
    """Twelve quotes at two prices, in any order: many ties."""
    price_of = dict(zip(sorted(RIVALS), prices, strict=True))
    pools = [pool(EAST, "9.00"), *(pool(place, price_of[place]) for place in places)]
    first = min(RIVALS, key=lambda place: (Decimal(price_of[place]), place))
    assert commits(decided(released_job(), pools)) == [first]


def test_the_cheapest_is_chosen_and_ties_are_broken_by_name_whatever_the_order() -> None:
    cheapest_then_by_name()


@pytest.mark.parametrize(
    "key",
    [lambda p: p.price_usd_hour, lambda p: p.place, lambda p: (-p.price_usd_hour, p.place)],
    ids=["no tie-break", "no price", "dearest first"],
)
def test_another_order_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, key: Callable[[Pool], object]
) -> None:
    def otherwise(pools: Iterable[Pool]) -> tuple[Pool, ...]:
        return tuple(sorted(pools, key=key))  # type: ignore[arg-type]

    fails_with(monkeypatch, "broker.domain.options.ranked", otherwise, cheapest_then_by_name)


@settings(database=None)
@given(cents=st.lists(st.integers(-2, 2), min_size=3, max_size=3))
def nobody_dearer(cents: list[int]) -> None:
    """Quotes within two cents of the ceiling."""
    job = released_job()
    ceiling = job.releases[0].ceiling.price_usd_hour
    assert ceiling is not None
    prices = [ceiling + Decimal(cent) / 100 for cent in cents]
    pools = [pool(place, str(price)) for place, price in zip(RIVALS, prices, strict=False)]
    allowed = [price for price in prices if price <= ceiling]
    decisions = decided(job, pools)
    assert bool(commits(decisions)) == bool(allowed)
    for decision in decisions:
        assert isinstance(decision, Commit | Wait)
        assert not isinstance(decision, Commit) or decision.pool.price_usd_hour == min(allowed)


def test_nobody_dearer_than_the_ceiling_is_committed_to() -> None:
    nobody_dearer()


def test_a_forgotten_ceiling_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def anything_goes(*_: object) -> None:
        return None

    name = "broker.domain.options.better_for_supplier"
    fails_with(monkeypatch, name, anything_goes, nobody_dearer)


def test_earlier_jobs_of_a_round_take_what_little_may_be_asked() -> None:
    jobs = [replace(released_job(), id=f"job-{n}") for n in range(3)]  # type: ignore[arg-type]
    rivals = tuple(pool(place) for place in (AWS,))
    market = Market(pools=(pool(EAST), *rivals), room={AWS: 2})
    decisions = plan(jobs, market, EDITIONS, NOON)
    assert [len(commits(one)) for one in decisions] == [1, 1, 0]


def test_where_no_edition_is_in_force_nothing_is_decided() -> None:
    market = Market(pools=(pool(EAST), pool(AWS, str(usd("1")))))
    ((decision,),) = plan([fresh_job(gang=False)], market, {NAME: None}, NOON)
    assert isinstance(decision, Wait)
