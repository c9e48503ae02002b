"""One model of a cloud: stock, keys, quota, faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from broker.domain.stock import Series, Step
from providers.emulators.cloud import (
    Cloud,
    InjectedFault,
    Launch,
    Launched,
    MachineState,
    Mismatch,
    NotSold,
    OverQuota,
    StockOut,
)

HERE = ("eastus", "ND96")


@dataclass
class PaperComputer:
    """Starts nothing; a machine ends when the story says so."""

    ends: dict[str, Callable[[], None]] = field(default_factory=dict)
    told_to_end: list[str] = field(default_factory=list)

    def start(self, machine: str, script: bytes, ended: Callable[[], None]) -> None:
        self.ends[machine] = ended

    def end(self, machine: str) -> None:
        self.told_to_end.append(machine)
        self.ends[machine]()


def launch(cloud: Cloud, key: str, *, spec: str = "", script: bytes = b"") -> Launch:
    region, sku = HERE
    return cloud.launch(key=key, name=key, region=region, sku=sku, spec_hash=spec, user_data=script)


def launched(cloud: Cloud, key: str, *, script: bytes = b"") -> str:
    outcome = launch(cloud, key, script=script)
    assert isinstance(outcome, Launched)
    return outcome.machine.id


def test_one_key_is_one_machine_and_another_specification_is_a_mismatch() -> None:
    cloud = Cloud(stock={HERE: 2})
    first, again = launch(cloud, "k"), launch(cloud, "k")
    assert isinstance(first, Launched)
    assert isinstance(again, Launched)
    assert (again.machine.id, again.again) == (first.machine.id, True)
    assert isinstance(launch(cloud, "k", spec="other"), Mismatch)
    assert len(cloud.list()) == 1


def test_a_key_of_a_gone_machine_is_free_or_stays_as_the_cloud_has_it() -> None:
    for keys_stay in (False, True):
        cloud = Cloud(stock={HERE: 2}, keys_stay=keys_stay)
        first = launched(cloud, "k")
        cloud.terminate(first)
        assert (launched(cloud, "k") == first) is keys_stay


def test_stock_is_what_the_series_says_less_what_is_held() -> None:
    now = [0.0]
    series = Series.of([Step(0, 10, 1), Step(10, 20, 2), Step(20, 30, 0)])
    cloud = Cloud(stock={HERE: series}, clock=lambda: now[0])
    launched(cloud, "a")
    assert launch(cloud, "b") == StockOut()
    now[0] = 10.0
    b = launched(cloud, "b")
    now[0] = 25.0
    cloud.terminate(b)
    assert launch(cloud, "c") == StockOut()
    assert len(cloud.list()) == 1


def test_what_is_not_sold_here_is_not_out_of_stock() -> None:
    cloud = Cloud(stock={HERE: 0})
    assert launch(cloud, "k") == StockOut()
    assert cloud.launch(key="k", name="k", region="westus", sku="ND96") == NotSold()


def test_a_quota_counts_what_is_held() -> None:
    cloud = Cloud(stock={HERE: 9}, quota={HERE: 1})
    first = launched(cloud, "a")
    assert launch(cloud, "b") == OverQuota(limit=1, used=1)
    cloud.terminate(first)
    launched(cloud, "b")


def test_a_late_stock_out_leaves_a_residue_that_holds_no_stock() -> None:
    cloud = Cloud(stock={HERE: 0}, late_stock_out=True)
    machine = launched(cloud, "k", script=b"true")
    (residue,) = cloud.list()
    assert residue.state is MachineState.FAILED
    cloud.terminate(machine)
    assert cloud.list() == []
    cloud.restock(*HERE, 1)
    launched(cloud, "other")
    assert len(cloud.list()) == 1


def test_a_machine_whose_process_ends_is_gone_and_its_stock_returns() -> None:
    computer = PaperComputer()
    cloud = Cloud(stock={HERE: 1}, computer=computer)
    machine = launched(cloud, "a", script=b"true")
    assert launch(cloud, "b") == StockOut()
    computer.ends[machine]()
    assert cloud.list() == []
    launched(cloud, "b")


def test_terminating_ends_the_process_once() -> None:
    computer = PaperComputer()
    cloud = Cloud(stock={HERE: 1}, computer=computer)
    machine = launched(cloud, "a", script=b"true")
    for _ in range(2):
        ended = cloud.terminate(machine)
        assert ended is not None
        assert ended.state is MachineState.GONE
    assert computer.told_to_end == [machine]
    assert cloud.terminate("never") is None


def test_gone_machines_are_forgotten_in_the_end() -> None:
    cloud = Cloud(stock={HERE: 1}, remembered=2, keys_stay=True)
    for key in "abc":
        cloud.terminate(launched(cloud, key))
    assert [m.key for m in cloud.list(gone=True)] == ["b", "c"]
    assert cloud.named("c") is None
    launched(cloud, "a")


def test_faults_are_taken_in_order_and_counted_down() -> None:
    faults = Cloud(stock={}).faults
    faults.add(InjectedFault(operation="launch", code="one", times=2))
    faults.add(InjectedFault(operation="list", code="two"))
    taken = [faults.take(verb) for verb in ("launch", "list", "launch", "launch", "list")]
    assert [fault.code if fault else None for fault in taken] == ["one", "two", "one", None, None]
