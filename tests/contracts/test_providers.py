"""What every provider keeps, whichever cloud it asks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Gone, Launching, Refused, Running, Unsure
from providers.emulators.cloud import InjectedFault, MachineState
from providers.emulators.machines import LocalComputer
from tests.support.clouds import CLOUDS, OWNER, Kind, LocalCloud, eventually, local_cloud


@pytest.fixture(scope="module")
def computer() -> Iterator[LocalComputer]:
    with LocalComputer() as one:
        yield one


@pytest.fixture(params=CLOUDS, ids=lambda kind: kind.name.value)
def local(request: pytest.FixtureRequest, computer: LocalComputer) -> Iterator[LocalCloud]:
    kind: Kind = request.param
    with local_cloud(kind, computer) as one:
        yield one
        for machine in one.cloud.list():
            one.cloud.terminate(machine.id)
    assert eventually(lambda: not list(computer.root.iterdir()))


def test_it_says_which_cloud_it_asks(local: LocalCloud) -> None:
    assert local.provider.name is local.kind.name


def test_a_machine_that_was_bought_runs_its_script(local: LocalCloud) -> None:
    outcome = local.settled(local.order("one"))
    assert isinstance(outcome, Running)
    assert eventually(lambda: any((home / "here").exists() for home in local.homes()))


def test_launching_twice_with_one_order_is_launching_once(local: LocalCloud) -> None:
    order = local.order("one")
    first, second = local.provider.launch(order), local.provider.launch(order)
    assert isinstance(first, Launching | Running)
    assert isinstance(second, Launching | Running)
    assert len(local.cloud.list(gone=True)) == 1


def test_a_second_broker_process_with_the_same_order_finds_the_first_one_s_machine(
    local: LocalCloud,
) -> None:
    order = local.order("one")
    local.settled(order)
    assert isinstance(local.another_provider().launch(order), Launching | Running)
    assert len(local.cloud.list(gone=True)) == 1


def test_two_orders_are_two_machines(local: LocalCloud) -> None:
    assert isinstance(local.settled(local.order("one")), Running)
    assert isinstance(local.settled(local.order("two")), Running)
    assert len(local.cloud.list()) == 2


def test_a_lost_answer_leaves_it_unsure_and_the_same_order_finds_the_machine(
    local: LocalCloud,
) -> None:
    order = local.order("one")
    local.cloud.faults.add(InjectedFault(operation="launch", dropped=True))
    assert isinstance(local.provider.launch(order), Unsure)
    assert isinstance(local.settled(order), Running)
    assert len(local.cloud.list(gone=True)) == 1


def test_a_machine_still_booting_is_under_way(local: LocalCloud) -> None:
    local.cloud.boot_s = 600.0
    order = local.order("one")
    launched = local.provider.launch(order)
    assert isinstance(launched, Launching)
    assert isinstance(local.provider.poll(order, launched.handle), Launching)


def test_what_is_terminated_is_gone_and_its_stock_is_free_again(local: LocalCloud) -> None:
    order = local.order("one")
    running = local.settled(order)
    assert isinstance(running, Running)
    assert eventually(lambda: local.provider.terminate(order, running.handle))
    assert isinstance(local.provider.poll(order, running.handle), Gone)
    assert [m.state for m in local.cloud.list(gone=True)] == [MachineState.GONE]
    assert isinstance(local.settled(local.order("two")), Running)
    assert isinstance(local.settled(local.order("three")), Running)


def test_what_is_gone_already_and_what_never_was_are_ended(local: LocalCloud) -> None:
    order = local.order("one")
    running = local.settled(order)
    assert isinstance(running, Running)
    assert eventually(lambda: local.provider.terminate(order, running.handle))
    assert local.provider.terminate(order, running.handle)
    assert local.provider.terminate(order, None)
    assert local.provider.terminate(local.order("never"), None)


def test_a_machine_is_ended_by_its_name_alone(local: LocalCloud) -> None:
    order = local.order("one")
    local.settled(order)
    assert eventually(lambda: local.provider.terminate(order, None))
    assert not local.cloud.list()


def test_a_machine_that_ends_itself_is_gone(local: LocalCloud) -> None:
    order = local.order("one", start_up='#!/bin/sh\nsleep 600 &\neval "exec $BROKER_END_MACHINE"\n')
    launched = local.provider.launch(order)
    assert isinstance(launched, Launching | Running)
    assert eventually(lambda: isinstance(local.provider.poll(order, launched.handle), Gone))
    assert list(local.provider.owned(OWNER)) == []


def test_what_is_owned_is_exactly_ours_and_not_gone(local: LocalCloud) -> None:
    mine, gone = local.order("mine"), local.order("gone")
    local.settled(gone)
    assert eventually(lambda: local.provider.terminate(gone, None))
    running = local.settled(mine)
    assert isinstance(running, Running)
    local.cloud.launch(key="k", name="x", region=local.kind.region, sku=local.kind.sku)

    (owned,) = local.provider.owned(OWNER)
    assert (owned.name, owned.place, owned.running) == (mine.name, mine.place, True)
    assert owned.since is not None
    assert isinstance(local.provider.poll(mine, owned.handle), Running)
    assert list(local.provider.owned("somebody-else")) == []


def test_a_list_that_cannot_be_had_is_not_an_empty_list(local: LocalCloud) -> None:
    stranger = local.another_provider(**local.kind.wrong)
    with pytest.raises(ConnectionError, match=local.kind.name.value):
        list(stranger.owned(OWNER))


def test_no_stock_is_a_refusal_and_leaves_nothing(local: LocalCloud) -> None:
    local.cloud.restock(local.kind.region, local.kind.sku, 0)
    refused = local.settled(local.order("one"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY
    assert refused.code
    assert list(local.provider.owned(OWNER)) == []


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


def test_a_late_refusal_is_seen_by_a_repeated_launch_too(local: LocalCloud) -> None:
    local.cloud.restock(local.kind.region, local.kind.sku, 0)
    local.cloud.late_stock_out = True
    order = local.order("one")
    local.provider.launch(order)
    refused = local.settled(order)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NO_CAPACITY


def test_a_machine_nobody_sells_here_is_not_stocked(local: LocalCloud) -> None:
    refused = local.settled(local.order("one", sku="no-such-machine"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.NOT_STOCKED


def test_a_quota_that_is_used_up_is_a_refusal(local: LocalCloud) -> None:
    local.cloud.quota[local.kind.region, local.kind.sku] = 1
    local.settled(local.order("one"))
    refused = local.settled(local.order("two"))
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.OVER_QUOTA


def test_wrong_credentials_are_a_fault_of_ours(local: LocalCloud) -> None:
    stranger, order = local.another_provider(**local.kind.wrong), local.order("one")
    fault = stranger.launch(order)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.AUTH
    assert not stranger.terminate(order, None)
    assert local.cloud.list() == []


def test_being_asked_too_often_is_a_fault_with_its_waiting_time(local: LocalCloud) -> None:
    status, code = local.kind.throttled
    local.cloud.faults.add(
        InjectedFault(operation="launch", status=status, code=code, headers={"Retry-After": "7"})
    )
    fault = local.provider.launch(local.order("one"))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.retry_after_s) == (FaultKind.THROTTLED, 7.0)


def test_a_code_nobody_knows_is_no_refusal(local: LocalCloud) -> None:
    local.cloud.faults.add(InjectedFault(operation="launch", status=400, code="NeverHeardOfIt"))
    fault = local.provider.launch(local.order("one"))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNKNOWN_CODE


def test_a_cloud_that_is_not_there_was_not_asked(local: LocalCloud) -> None:
    local.wire.close()
    fault = local.provider.launch(local.order("one"))
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNREACHABLE
    assert not local.provider.terminate(local.order("one"), None)


def test_many_threads_may_use_one_provider(local: LocalCloud) -> None:
    local.cloud.restock(local.kind.region, local.kind.sku, 8)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: local.settled(local.order(str(n))), range(8)))
    assert all(isinstance(outcome, Running) for outcome in outcomes)
    assert len(local.cloud.list()) == 8
