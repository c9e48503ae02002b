"""What every provider keeps, whichever cloud it asks.

It runs over the five adapters and over moto. A test that takes `local` reaches into a local cloud,
and names by `needs` what the others cannot be made to do.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Gone, Launching, Refused, Running, Unsure
from providers.emulators.cloud import InjectedFault
from providers.emulators.machines import LocalComputer
from tests.support.clouds import OWNER, LocalCloud, eventually
from tests.support.peers import PEERS, Can, CloudPeer, Peer, PeerKind, Setting, needs, settled
from tests.support.specs.listening import Listener

NEITHER: Final = {
    "test_a_code_nobody_knows_is_no_refusal",
    "test_a_late_refusal_is_a_refusal_and_leaves_nothing",
    "test_a_late_refusal_is_seen_by_a_repeated_launch_too",
    "test_a_list_that_cannot_be_had_is_not_an_empty_list",
    "test_a_lost_answer_leaves_it_unsure_and_the_same_order_finds_the_machine",
    "test_a_machine_still_booting_is_under_way",
    "test_a_quota_that_is_used_up_is_a_refusal",
    "test_being_asked_too_often_is_a_fault_with_its_waiting_time",
    "test_wrong_credentials_are_a_fault_of_ours",
}
NOT_ASKED: Final = {
    "moto": {
        *NEITHER,
        "test_a_machine_that_ends_itself_is_gone",
        "test_a_machine_that_was_bought_runs_its_script",
        "test_no_stock_is_a_refusal_and_leaves_nothing",
    },
    "own": {
        *NEITHER,
        "test_a_cloud_that_is_not_there_was_not_asked",
        "test_a_machine_nobody_sells_here_is_not_stocked",
    },
}
"""What is not asked of whom; why, stands in what the test needs and what the peer can do."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "peer" in metafunc.fixturenames:
        fit = [kind for kind in PEERS if asked(metafunc.function) <= kind.can]
        metafunc.parametrize("peer", fit, ids=[kind.name for kind in fit], indirect=True)


def asked(test: object) -> frozenset[Can]:
    """What a test needs beyond the adapter."""
    marks = getattr(test, "pytestmark", [])
    return frozenset(can for mark in marks if mark.name == "needs" for can in mark.args)


@pytest.fixture(scope="module")
def computer() -> Iterator[LocalComputer]:
    with LocalComputer() as one:
        yield one


@pytest.fixture
def peer(
    request: pytest.FixtureRequest, computer: LocalComputer, tmp_path: Path, listener: Listener
) -> Iterator[Peer]:
    kind: PeerKind = request.param
    with kind.start(Setting(computer, tmp_path / "own", listener.add)) as one:
        yield one


@pytest.fixture
def local(peer: Peer) -> LocalCloud:
    """The cloud behind the peer."""
    assert isinstance(peer, CloudPeer)
    return peer.local


def test_it_says_which_cloud_it_asks(peer: Peer) -> None:
    assert peer.provider.name is peer.order("one").place.provider


@needs(Can.RUN)
def test_a_machine_that_was_bought_runs_its_script(peer: Peer, tmp_path: Path) -> None:
    here = tmp_path / "ran"
    order = peer.order("one", start_up=f"#!/bin/sh\necho started >{here}\nexec sleep 600\n")
    assert isinstance(settled(peer, order), Running)
    assert eventually(here.exists)


def test_launching_twice_with_one_order_is_launching_once(peer: Peer) -> None:
    order = peer.order("one")
    first, second = peer.provider.launch(order), peer.provider.launch(order)
    assert isinstance(first, Launching | Running)
    assert isinstance(second, Launching | Running)
    assert peer.machines(gone=True) == 1


def test_a_second_broker_process_with_the_same_order_finds_the_first_one_s_machine(
    peer: Peer,
) -> None:
    order = peer.order("one")
    settled(peer, order)
    assert isinstance(peer.another_provider().launch(order), Launching | Running)
    assert peer.machines(gone=True) == 1


def test_two_orders_are_two_machines(peer: Peer) -> None:
    assert isinstance(settled(peer, peer.order("one")), Running)
    assert isinstance(settled(peer, peer.order("two")), Running)
    assert peer.machines() == 2


@needs(Can.FAIL)
def test_a_lost_answer_leaves_it_unsure_and_the_same_order_finds_the_machine(
    local: LocalCloud,
) -> None:
    order = local.order("one")
    local.cloud.faults.add(InjectedFault(operation="launch", dropped=True))
    assert isinstance(local.provider.launch(order), Unsure)
    assert isinstance(local.settled(order), Running)
    assert len(local.cloud.list(gone=True)) == 1


@needs(Can.TAKE_TIME)
def test_a_machine_still_booting_is_under_way(local: LocalCloud) -> None:
    local.cloud.boot_s = 600.0
    order = local.order("one")
    launched = local.provider.launch(order)
    assert isinstance(launched, Launching)
    assert isinstance(local.provider.poll(order, launched.handle), Launching)


def test_what_is_terminated_is_gone_and_its_stock_is_free_again(peer: Peer) -> None:
    order = peer.order("one")
    running = settled(peer, order)
    assert isinstance(running, Running)
    assert eventually(lambda: peer.provider.terminate(order, running.handle))
    assert isinstance(peer.provider.poll(order, running.handle), Gone)
    assert peer.machines() == 0
    assert isinstance(settled(peer, peer.order("two")), Running)
    assert isinstance(settled(peer, peer.order("three")), Running)


def test_what_is_gone_already_and_what_never_was_are_ended(peer: Peer) -> None:
    order = peer.order("one")
    running = settled(peer, order)
    assert isinstance(running, Running)
    assert eventually(lambda: peer.provider.terminate(order, running.handle))
    assert peer.provider.terminate(order, running.handle)
    assert peer.provider.terminate(order, None)
    assert peer.provider.terminate(peer.order("never"), None)


def test_a_machine_is_ended_by_its_name_alone(peer: Peer) -> None:
    order = peer.order("one")
    settled(peer, order)
    assert eventually(lambda: peer.provider.terminate(order, None))
    assert peer.machines() == 0


@needs(Can.RUN)
def test_a_machine_that_ends_itself_is_gone(peer: Peer) -> None:
    order = peer.order("one", start_up='#!/bin/sh\nsleep 600 &\neval "exec $BROKER_END_MACHINE"\n')
    launched = peer.provider.launch(order)
    assert isinstance(launched, Launching | Running)
    assert eventually(lambda: isinstance(peer.provider.poll(order, launched.handle), Gone))
    assert list(peer.provider.owned(OWNER)) == []


def test_what_is_owned_is_exactly_ours_and_not_gone(peer: Peer) -> None:
    mine, gone = peer.order("mine"), peer.order("gone")
    settled(peer, gone)
    assert eventually(lambda: peer.provider.terminate(gone, None))
    running = settled(peer, mine)
    assert isinstance(running, Running)
    peer.launch_a_stranger()

    (owned,) = peer.provider.owned(OWNER)
    assert (owned.name, owned.place, owned.running) == (mine.name, mine.place, True)
    assert owned.since is not None
    assert isinstance(peer.provider.poll(mine, owned.handle), Running)
    assert list(peer.provider.owned("somebody-else")) == []


@needs(Can.KNOW_US)
def test_a_list_that_cannot_be_had_is_not_an_empty_list(local: LocalCloud) -> None:
    stranger = local.another_provider(**local.kind.wrong)
    with pytest.raises(ConnectionError, match=local.kind.name.value):
        list(stranger.owned(OWNER))


@needs(Can.RUN_OUT)
def test_no_stock_is_a_refusal_and_leaves_nothing(peer: Peer) -> None:
    peer.stock(0)
    refused = settled(peer, peer.order("one"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY
    assert refused.code
    assert list(peer.provider.owned(OWNER)) == []


@needs(Can.RUN_OUT_LATE)
def test_a_late_refusal_is_a_refusal_and_leaves_nothing(local: LocalCloud) -> None:
    local.cloud.restock(local.kind.region, local.kind.sku, 0)
    local.cloud.late_stock_out = True
    order = local.order("one")
    launched = local.provider.launch(order)
    assert isinstance(launched, Launching)
    refused = local.provider.poll(order, launched.handle)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY
    assert list(local.provider.owned(OWNER)) == []


@needs(Can.RUN_OUT_LATE)
def test_a_late_refusal_is_seen_by_a_repeated_launch_too(local: LocalCloud) -> None:
    local.cloud.restock(local.kind.region, local.kind.sku, 0)
    local.cloud.late_stock_out = True
    order = local.order("one")
    local.provider.launch(order)
    refused = local.settled(order)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY


@needs(Can.SELL_SOME)
def test_a_machine_nobody_sells_here_is_not_stocked(peer: Peer) -> None:
    refused = settled(peer, peer.order("one", sku="no-such-machine"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NOT_STOCKED


@needs(Can.KEEP_A_QUOTA)
def test_a_quota_that_is_used_up_is_a_refusal(local: LocalCloud) -> None:
    local.cloud.quota[local.kind.region, local.kind.sku] = 1
    local.settled(local.order("one"))
    refused = local.settled(local.order("two"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.OVER_QUOTA


@needs(Can.KNOW_US)
def test_wrong_credentials_are_a_fault_of_ours(local: LocalCloud) -> None:
    stranger, order = local.another_provider(**local.kind.wrong), local.order("one")
    fault = stranger.launch(order)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.AUTH
    assert not stranger.terminate(order, None)
    assert local.cloud.list() == []


@needs(Can.FAIL)
def test_being_asked_too_often_is_a_fault_with_its_waiting_time(local: LocalCloud) -> None:
    status, code = local.kind.throttled
    local.cloud.faults.add(
        InjectedFault(operation="launch", status=status, code=code, headers={"Retry-After": "7"})
    )
    fault = local.provider.launch(local.order("one"))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.retry_after_s) == (FaultKind.THROTTLED, 7.0)


@needs(Can.FAIL)
def test_a_code_nobody_knows_is_no_refusal(local: LocalCloud) -> None:
    local.cloud.faults.add(InjectedFault(operation="launch", status=400, code="NeverHeardOfIt"))
    fault = local.provider.launch(local.order("one"))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNKNOWN_CODE


@needs(Can.HANG_UP)
def test_a_cloud_that_is_not_there_was_not_asked(peer: Peer) -> None:
    peer.hang_up()
    fault = peer.provider.launch(peer.order("one"))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNREACHABLE
    assert not peer.provider.terminate(peer.order("one"), None)


def test_many_threads_may_use_one_provider(peer: Peer) -> None:
    peer.stock(8)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: settled(peer, peer.order(str(n))), range(8)))
    assert all(isinstance(outcome, Running) for outcome in outcomes)
    assert peer.machines() == 8


def test_what_is_not_asked_of_whom_is_on_record() -> None:
    module = sys.modules[__name__]
    tests = {
        name: asked(test)
        for name, test in inspect.getmembers(module, inspect.isfunction)
        if {"peer", "local"} & inspect.signature(test).parameters.keys() and name[:5] == "test_"
    }
    left_out = {
        kind.name: {name for name, wanted in tests.items() if not wanted <= kind.can}
        for kind in PEERS
    }
    assert {name: names for name, names in left_out.items() if names} == NOT_ASKED
    assert len(tests) == 23
