"""What machines of one's own keep beside the contract of all providers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import Fault, FaultKind, Gone, Launching, Order, Provider, Refused, Running
from providers.registry import provider
from tests.support.clouds import OWNER, SCRIPT, eventually

SEEDS: Final = ("one", "two", "three")


def order(seed: str, *, owner: str = OWNER, start_up: str = SCRIPT) -> Order:
    place = Place(ProviderName.OWN, "here", "bench")
    return Order(name=machine_name(seed, 0, place), place=place, owner=owner, start_up=start_up)


def machines(state: Path, count: int = 2) -> Provider:
    return provider(ProviderName.OWN, {"state": str(state), "count": str(count)})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Provider]:
    yield machines(tmp_path)
    for seed in SEEDS:
        assert eventually(lambda seed=seed: machines(tmp_path).terminate(order(seed), None))  # type: ignore[misc]


def test_there_are_none_unless_configured(tmp_path: Path) -> None:
    none = provider(ProviderName.OWN, {"state": str(tmp_path)})
    refused = none.launch(order("one"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY
    assert list(none.owned(OWNER)) == []


def test_an_account_without_a_directory_is_told_so() -> None:
    with pytest.raises(ValueError, match="state"):
        provider(ProviderName.OWN, {"count": "2"})
    with pytest.raises(ValueError, match="without spaces"):
        provider(ProviderName.OWN, {"count": "2", "state": "/some where"})


def test_a_machine_runs_its_script_in_a_directory_of_its_own(own: Provider, tmp_path: Path) -> None:
    running = own.launch(order("one"))
    assert isinstance(running, Running)
    assert eventually((tmp_path / running.handle / "here").exists)
    assert isinstance(own.poll(order("one"), running.handle), Running)


def test_launching_twice_is_launching_once_from_many_workers_too(
    own: Provider, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: machines(tmp_path).launch(order("one")), range(8)))
    assert all(isinstance(outcome, Running) for outcome in outcomes)
    assert len(list(own.owned(OWNER))) == 1


def test_when_all_are_taken_it_refuses_and_leaves_nothing(own: Provider) -> None:
    own.launch(order("one"))
    own.launch(order("two"))
    refused = own.launch(order("three"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY
    assert {machine.name for machine in own.owned(OWNER)} == {
        order("one").name,
        order("two").name,
    }
    assert eventually(lambda: own.terminate(order("one"), None))
    assert isinstance(own.launch(order("three")), Running)


def test_ending_a_machine_ends_what_fled_its_session(own: Provider, tmp_path: Path) -> None:
    fled = "#!/bin/sh\nsetsid sleep 600 &\necho started >here\nsleep 600\n"
    running = own.launch(order("one", start_up=fled))
    assert isinstance(running, Running)
    assert eventually((tmp_path / running.handle / "here").exists)
    assert eventually(lambda: own.terminate(order("one"), running.handle))
    assert isinstance(own.poll(order("one"), running.handle), Gone)
    assert not (tmp_path / running.handle).exists()


def test_a_machine_that_ends_itself_is_gone_and_its_place_is_free(own: Provider) -> None:
    ends = '#!/bin/sh\nsetsid sleep 600 &\neval "exec $BROKER_END_MACHINE"\n'
    own.launch(order("one", start_up=ends))
    assert eventually(lambda: isinstance(own.poll(order("one"), order("one").name), Gone))
    assert list(own.owned(OWNER)) == []
    assert isinstance(own.launch(order("one")), Launching)
    own.launch(order("two"))
    assert isinstance(own.launch(order("three")), Running)


def test_a_name_of_somebody_else_is_neither_taken_nor_ended(own: Provider) -> None:
    own.launch(order("one"))
    stranger = order("one", owner="somebody-else")
    fault = own.launch(stranger)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.CONFLICT
    own.terminate(stranger, None)
    assert isinstance(own.poll(order("one"), order("one").name), Running)
