"""What a running host of local clouds is told to do wrong, at its control."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName
from broker.ports import Fault, FaultKind, Gone, Launching, Order, Provider, Running, Unsure
from providers.emulators.host import FACES, LocalClouds
from providers.registry import provider
from tests.support.clouds import CLOUDS

KINDS = {kind.name.value: kind for kind in CLOUDS}


def order(cloud: str, seed: str = "one") -> Order:
    place = Place(ProviderName(cloud), KINDS[cloud].region, KINDS[cloud].sku)
    return Order(name=machine_name(seed, 0, place), place=place, owner="tests", start_up="")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClouds]:
    path = tmp_path_factory.mktemp("clouds") / "pools.csv"
    rows = [f"{k.name.value},{k.region},{k.sku},50" for k in CLOUDS]
    path.write_text("\n".join(["provider,region,sku,max_units", *rows]) + "\n")
    with LocalClouds("--pools", str(path)) as clouds:
        yield clouds


@pytest.fixture(params=FACES)
def cloud(request: pytest.FixtureRequest, host: LocalClouds) -> str:
    host.order(request.param, calm=True)
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def adapters(host: LocalClouds) -> dict[str, Provider]:
    accounts = {name: {**account, "read_s": "0.3"} for name, account in host.accounts.items()}
    return {name: provider(ProviderName(name), account) for name, account in accounts.items()}


@pytest.fixture
def asked(cloud: str, adapters: dict[str, Provider]) -> Provider:
    return adapters[cloud]


@pytest.mark.parametrize("how", ["hang", "reset", "cut"])
@pytest.mark.parametrize("stage", ["before", "after"])
def test_a_launch_that_breaks_off_leaves_us_unsure(
    host: LocalClouds, cloud: str, asked: Provider, how: str, stage: str
) -> None:
    wanted = order(cloud, f"{how} {stage}")
    before = len(host.order(cloud, tell=True)["machines"])
    host.order(cloud, **{"break": {"how": how, "stage": stage, "operation": "launch"}})
    assert isinstance(asked.launch(wanted), Unsure)
    made = len(host.order(cloud, tell=True)["machines"]) - before
    assert made == (stage == "after")
    assert isinstance(asked.launch(wanted), Launching | Running)
    assert len(host.order(cloud, tell=True)["machines"]) - before == 1


def test_a_limit_refuses_what_is_above_it_and_says_when_to_come_back(
    host: LocalClouds, cloud: str, asked: Provider
) -> None:
    limit = {"per_s": 0, "for_s": 30, "operation": "launch", "retry_after_s": 9}
    host.order(cloud, limit=limit)
    told = asked.launch(order(cloud, "limited"))
    assert isinstance(told, Fault)
    assert (told.kind, told.retry_after_s) == (FaultKind.THROTTLED, 9)
    host.order(cloud, calm=True)
    assert isinstance(asked.launch(order(cloud, "limited")), Launching | Running)


def test_a_machine_that_was_said_to_be_made_and_is_not_there_is_gone_in_the_end(
    host: LocalClouds, cloud: str, asked: Provider
) -> None:
    wanted = order(cloud, "nothing")
    before = len(host.order(cloud, tell=True)["machines"])
    host.order(cloud, lie={"lie": "nothing_there", "times": 1})
    launched = asked.launch(wanted)
    assert not isinstance(launched, Running)
    if isinstance(launched, Launching):
        assert isinstance(asked.poll(wanted, launched.handle), Gone | Launching)
    assert len(host.order(cloud, tell=True)["machines"]) == before


def test_a_new_machine_is_missing_from_the_lists_for_a_while(
    host: LocalClouds, cloud: str, asked: Provider
) -> None:
    wanted = order(cloud, "unlisted")
    host.order(cloud, lie={"lie": "unlisted", "for_s": 60})
    asked.launch(wanted)
    assert wanted.name not in {machine.name for machine in asked.owned("tests")}
    assert isinstance(asked.launch(wanted), Launching | Running)
    host.order(cloud, calm=True)
    assert [m.name for m in asked.owned("tests")].count(wanted.name) == 1


def test_a_stale_answer_makes_no_second_machine(
    host: LocalClouds, cloud: str, asked: Provider
) -> None:
    wanted = order(cloud, "stale")
    host.order(cloud, lie={"lie": "stale", "for_s": 60})
    first = asked.launch(wanted)
    asked.launch(wanted)
    host.order(cloud, calm=True)
    assert [m.name for m in asked.owned("tests")].count(wanted.name) == 1
    assert not isinstance(first, Gone)


def test_an_answer_that_comes_twice_is_heard_once(
    host: LocalClouds, cloud: str, asked: Provider
) -> None:
    host.order(cloud, lie={"lie": "twice", "times": 2})
    one, two = order(cloud, "twice one"), order(cloud, "twice two")
    asked.launch(one)
    asked.launch(two)
    assert {one.name, two.name} <= {machine.name for machine in asked.owned("tests")}


def test_a_failure_that_is_a_lie_is_found_out_by_the_list(
    host: LocalClouds, cloud: str, asked: Provider
) -> None:
    wanted = order(cloud, "lied")
    wrong = {"operation": "launch", "status": 400, "code": "NeverHeardOfIt", "done": True}
    host.order(cloud, fault=wrong)
    assert isinstance(asked.launch(wanted), Fault)
    assert wanted.name in {machine.name for machine in asked.owned("tests")}


def test_a_slow_cloud_has_many_calls_under_way_and_counts_them(
    host: LocalClouds, adapters: dict[str, Provider]
) -> None:
    host.order("aws", calm=True)
    host.order("aws", slow={"operation": "launch", "seconds": 0.5})
    before = host.order("aws", tell=True)["calls"]["launch"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: adapters["aws"].launch(order("aws", f"slow {n}")), range(4)))
    told = host.order("aws", tell=True)
    assert told["calls"]["launch"] - before == 4
    assert told["most"]["launch"] > 1


@pytest.mark.parametrize(
    "what", [{"fall": 1}, {"break": {"how": "gently", "stage": "after"}}, {"lie": {}}]
)
def test_what_is_no_order_is_one_sentence_and_changes_nothing(
    host: LocalClouds, what: dict[str, object]
) -> None:
    with pytest.raises(RuntimeError, match=r"there is nothing at|this is no such call"):
        host.order("aws", **what)
    assert "machines" in host.order("aws", tell=True)


@pytest.mark.parametrize("byte", [13, 17, 60])
def test_a_list_that_ends_in_its_head_is_not_an_empty_list(
    host: LocalClouds, cloud: str, asked: Provider, byte: int
) -> None:
    wanted = order(cloud, "listed")
    asked.launch(wanted)
    cut = {"how": "cut", "stage": "answer", "byte": byte, "operation": "list"}
    host.order(cloud, **{"break": cut})
    with pytest.raises(ConnectionError, match=cloud):
        list(asked.owned("tests"))
    assert wanted.name in {machine.name for machine in asked.owned("tests")}


@pytest.mark.parametrize("operation", ["get", "list"])
def test_an_end_is_not_confirmed_by_an_answer_that_ends_in_its_head(
    host: LocalClouds, cloud: str, asked: Provider, operation: str
) -> None:
    wanted = order(cloud, f"kept {operation}")
    asked.launch(wanted)
    cut = {"how": "cut", "stage": "answer", "byte": 17, "operation": operation}
    host.order(cloud, **{"break": {**cut, "times": 9}})
    ended = asked.terminate(wanted, None)
    host.order(cloud, calm=True)
    there = wanted.name in {machine.name for machine in asked.owned("tests")}
    assert not (ended and there)
