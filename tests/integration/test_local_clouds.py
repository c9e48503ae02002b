"""The local clouds leave nothing behind, and answer nobody but their own customers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.values import ProviderName
from broker.ports import Launching, Order, Provider, Refused, Running
from providers.emulators import warden
from providers.emulators.cloud import Cloud, Launched, MachineState
from providers.emulators.host import LocalClouds
from providers.emulators.machines import LocalComputer
from providers.registry import provider
from tests.support.clouds import eventually

ROOT: Final = Path(__file__).parents[2]
REGION: Final = "eastus"
SKU: Final = "Standard_NC24ads_A100_v4"
CAPACITY: Final = f"""provider,region_or_zone,sku,start_s,end_s,available_units_or_flag
azure,{REGION},{SKU},0,3600,4
aws,us-east-1,p5.4xlarge,0,3600,4
"""
PARENT: Final = """
import sys, time
from providers.emulators.host import LocalClouds
clouds = LocalClouds(*sys.argv[1:])
clouds.start()
import json
print(json.dumps([clouds.pid, clouds.accounts]), flush=True)
time.sleep(600)
"""


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    capacity = tmp_path / "capacity.csv"
    capacity.write_text(CAPACITY)
    return ["--capacity", str(capacity), "--faces", "azure,aws"]


@pytest.fixture
def clouds(options: list[str]) -> Iterator[LocalClouds]:
    with LocalClouds(*options) as started:
        yield started


def an_order(seed: str, start_up: str) -> Order:
    place = Place(ProviderName.AZURE, REGION, SKU)
    return Order(name=machine_name(seed, 0, place), place=place, owner="tests", start_up=start_up)


def a_machine_with_children(path: Path) -> str:
    """A script whose processes write their ids: in its group, in its session, and outside of both.

    The last one hides: a session of its own, an orphan, and an environment without a mark.
    """
    say = f"echo $$ >>{path}; exec sleep 600"
    return f"""#!/bin/sh
sh -c '{say}' &
setsid sh -c '{say}' &
(setsid env -i /bin/sh -c '{say}' &) &
{say}
"""


def written(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pids: list[int]) -> list[int]:
    living = {process.pid for process in warden.processes()}
    return [pid for pid in pids if pid in living]


def a_running_machine(azure: Provider, path: Path) -> tuple[Order, list[int]]:
    order = an_order(str(path), a_machine_with_children(path))
    launched = azure.launch(order)
    assert isinstance(launched, Launching)
    assert isinstance(azure.poll(order, launched.handle), Running)
    assert eventually(lambda: len(written(path)) == 4)
    pids = written(path)
    assert sorted(alive(pids)) == sorted(pids)
    return order, pids


def ask(endpoint: str, headers: Mapping[str, str]) -> int:
    address = urlsplit(endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=5)
    try:
        connection.putrequest("GET", "/", skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_no_process_of_a_terminated_machine_is_left(clouds: LocalClouds, tmp_path: Path) -> None:
    azure = provider(ProviderName.AZURE, clouds.accounts["azure"])
    order, pids = a_running_machine(azure, tmp_path / "pids")
    assert eventually(lambda: azure.terminate(order, None))
    assert alive(pids) == []


def test_a_machine_that_ends_itself_takes_its_children_along(
    clouds: LocalClouds, tmp_path: Path
) -> None:
    azure = provider(ProviderName.AZURE, clouds.accounts["azure"])
    path = tmp_path / "pids"
    script = f"""#!/bin/sh
setsid sh -c 'echo $$ >>{path}; exec sleep 600' &
while [ ! -s {path} ]; do :; done
eval "$BROKER_END_MACHINE"
exec sleep 600
"""
    assert isinstance(azure.launch(an_order("itself", script)), Launching)
    assert eventually(lambda: bool(written(path)) and not alive(written(path)))
    assert eventually(lambda: list(azure.owned("tests")) == [])


def test_no_process_is_left_after_the_clouds_are_stopped(
    options: list[str], tmp_path: Path
) -> None:
    with LocalClouds(*options) as clouds:
        azure = provider(ProviderName.AZURE, clouds.accounts["azure"])
        _, pids = a_running_machine(azure, tmp_path / "pids")
    assert alive(pids) == []


def test_the_clouds_end_in_order_when_they_are_told_to(options: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "providers.emulators", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as host:
        assert host.stdout is not None
        azure = provider(ProviderName.AZURE, json.loads(host.stdout.readline())["azure"])
        _, pids = a_running_machine(azure, tmp_path / "pids")
        host.terminate()
        assert host.wait(10) == 0
    assert alive(pids) == []


def test_no_process_is_left_after_the_clouds_are_killed(options: list[str], tmp_path: Path) -> None:
    with LocalClouds(*options) as clouds:
        azure = provider(ProviderName.AZURE, clouds.accounts["azure"])
        _, pids = a_running_machine(azure, tmp_path / "pids")
        os.kill(clouds.pid, signal.SIGKILL)
        assert eventually(lambda: alive(pids) == [])


def test_no_process_is_left_after_their_parent_is_killed(
    options: list[str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        host, accounts = json.loads(parent.stdout.readline())
        azure = provider(ProviderName.AZURE, accounts["azure"])
        _, pids = a_running_machine(azure, tmp_path / "pids")
        parent.kill()
    assert eventually(lambda: alive([host, *pids]) == [])


def test_no_marked_process_is_left_after_the_warden_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "pids"
    script = f"#!/bin/sh\nsetsid sleep 600 &\necho $$ $! >{path}\nexec sleep 600\n"
    with LocalComputer() as computer:
        cloud = Cloud(stock={("r", "s"): 1}, computer=computer)
        launched = cloud.launch(key="k", name="n", region="r", sku="s", user_data=script.encode())
        assert isinstance(launched, Launched)
        assert eventually(lambda: len(written(path)) == 2)
        os.kill(computer.warden_pid, signal.SIGKILL)
        assert eventually(lambda: alive(written(path)) == [])
        assert eventually(lambda: cloud.list(gone=True)[0].state is MachineState.GONE)
    assert not computer.root.exists()


def test_machines_take_no_descriptors_with_them() -> None:
    with LocalComputer() as computer:
        cloud = Cloud(stock={("r", "s"): 99}, computer=computer)
        descriptors = Path(f"/proc/{computer.warden_pid}/fd")

        def open_now() -> tuple[int, int]:
            return len(list(descriptors.iterdir())), len(list(Path("/proc/self/fd").iterdir()))

        cloud.launch(key="0", name="0", region="r", sku="s", user_data=b"true\n")
        assert eventually(lambda: not cloud.list())
        before = open_now()
        for number in range(1, 20):
            name = str(number)
            cloud.launch(key=name, name=name, region="r", sku="s", user_data=b"true\n")
        assert eventually(lambda: not cloud.list())
        assert eventually(lambda: open_now() == before)


def test_what_a_machine_says_is_kept_up_to_a_limit() -> None:
    script = b"#!/bin/sh\nhead -c 3000000 /dev/zero\ntouch done\nexec sleep 600\n"
    with LocalComputer() as computer:
        cloud = Cloud(stock={("r", "s"): 1}, computer=computer)
        cloud.launch(key="k", name="n", region="r", sku="s", user_data=script)
        (home,) = computer.root.iterdir()
        assert eventually((home / "done").exists)
        assert eventually(lambda: (home / "console.log").stat().st_size == warden.CONSOLE_LIMIT)


@pytest.mark.misspoken
def test_another_host_s_name_is_refused(clouds: LocalClouds) -> None:
    for account in clouds.accounts.values():
        own = urlsplit(account["endpoint"]).netloc
        assert ask(account["endpoint"], {"Host": own}) != 403
        assert ask(account["endpoint"], {"Host": own.replace("127.0.0.1", "localhost")}) != 403
        assert ask(account["endpoint"], {"Host": "rebound.example"}) == 403
        assert ask(account["endpoint"], {}) == 403


@pytest.mark.misspoken
def test_a_page_of_another_origin_is_refused(clouds: LocalClouds) -> None:
    for account in clouds.accounts.values():
        own = urlsplit(account["endpoint"]).netloc
        assert ask(account["endpoint"], {"Host": own, "Origin": f"http://{own}"}) != 403
        assert ask(account["endpoint"], {"Host": own, "Origin": "https://page.example"}) == 403
        assert ask(account["endpoint"], {"Host": own, "Origin": "null"}) == 403


def test_credentials_are_new_at_every_start(options: list[str], clouds: LocalClouds) -> None:
    with LocalClouds(*options) as others:
        assert others.accounts["azure"]["token"] != clouds.accounts["azure"]["token"]
        mixed = {**clouds.accounts["azure"], "token": others.accounts["azure"]["token"]}
        assert not isinstance(
            provider(ProviderName.AZURE, mixed).launch(an_order("x", "")), Launching
        )


def test_stock_follows_the_capacity_file(tmp_path: Path) -> None:
    capacity = tmp_path / "capacity.csv"
    rows = f"azure,{REGION},{SKU},0,1000,0\nazure,{REGION},{SKU},1000,2000,1\n"
    capacity.write_text(CAPACITY.splitlines()[0] + "\n" + rows)
    with LocalClouds("--capacity", str(capacity), "--faces", "azure", "--speed", "2000") as clouds:
        azure = provider(ProviderName.AZURE, clouds.accounts["azure"])
        assert eventually(
            lambda: isinstance(azure.launch(an_order("late", "")), Launching | Running)
        )


def test_pools_give_stock_without_end_and_a_stock_out_may_come_late(tmp_path: Path) -> None:
    pools = tmp_path / "pools.csv"
    pools.write_text(f"provider,region,sku,max_units\nazure,{REGION},{SKU},0\n")
    late = ("--late-stock-out", "azure")
    with LocalClouds("--pools", str(pools), "--faces", "azure", *late) as clouds:
        azure = provider(ProviderName.AZURE, clouds.accounts["azure"])
        order = an_order("one", "")
        launched = azure.launch(order)
        assert isinstance(launched, Launching)
        assert isinstance(azure.poll(order, launched.handle), Refused)


def test_a_malformed_capacity_file_is_one_sentence_with_its_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capacity = tmp_path / "capacity.csv"
    capacity.write_text(CAPACITY + "azure,eastus,other,0,never,4\n")
    with pytest.raises(RuntimeError, match="did not start"):
        LocalClouds("--capacity", str(capacity)).start()
    assert "line 4: end_s is 'never'" in capfd.readouterr().err
