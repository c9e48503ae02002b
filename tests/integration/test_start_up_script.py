"""The start-up script, run by a real machine: it becomes the agent, or ends the machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from providers.emulators.cloud import Cloud
from providers.emulators.machines import LocalComputer
from providers.emulators.wire import Reply, Request, Route, Wire
from providers.machine import start_up_script
from tests.support.clouds import eventually

AGENT = b"""
import os, sys, pathlib
kept = {name: os.environ[name] for name in ("BROKER_URL", "BROKER_TOKEN")}
said = repr((__name__, sys.argv, kept, sys.flags.isolated, bool(os.environ["BROKER_END_MACHINE"])))
pathlib.Path("said.part").write_text(said)
pathlib.Path("said.part").rename("said")
import signal
signal.pause()
"""


@dataclass
class AgentShop:
    """Hands out the agent, and counts."""

    source: bytes
    asked: list[Request] = field(default_factory=list)

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/v1/agent/agent.py", self._give)

    def no_route(self, request: Request) -> Reply:
        return Reply(404)

    def _give(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(200, {}, self.source)


@pytest.fixture
def computer() -> Iterator[LocalComputer]:
    with LocalComputer() as one:
        yield one


def started(computer: LocalComputer, script: str) -> tuple[Cloud, Path]:
    cloud = Cloud(stock={("r", "s"): 1}, computer=computer)
    cloud.launch(key="k", name="n", region="r", sku="s", user_data=script.encode())
    return cloud, computer.root / cloud.list(gone=True)[0].id


def test_the_script_becomes_the_agent(computer: LocalComputer) -> None:
    shop = AgentShop(AGENT)
    wire = Wire(shop)
    script = start_up_script(wire.url, "a 'token'", sha256(AGENT).hexdigest())
    cloud, home = started(computer, script)
    assert eventually((home / "said").exists)
    kept = {"BROKER_URL": wire.url, "BROKER_TOKEN": "a 'token'"}
    assert (home / "said").read_text() == repr(("__main__", ["agent.py"], kept, 1, True))
    assert len(shop.asked) == len(cloud.list()) == 1
    wire.close()


def test_an_agent_that_is_not_the_promised_one_never_runs(computer: LocalComputer) -> None:
    wire = Wire(AgentShop(AGENT + b"# one more line"))
    cloud, home = started(computer, start_up_script(wire.url, "t", sha256(AGENT).hexdigest()))
    assert eventually(lambda: not cloud.list())
    assert not (home / "said").exists()
    wire.close()


def test_a_machine_ends_when_its_agent_ends(computer: LocalComputer) -> None:
    agent = b"raise SystemExit(3)\n"
    wire = Wire(AgentShop(agent))
    cloud, _ = started(computer, start_up_script(wire.url, "t", sha256(agent).hexdigest()))
    assert eventually(lambda: not cloud.list())
    wire.close()


def test_a_machine_that_cannot_have_its_agent_ends(computer: LocalComputer) -> None:
    wire = Wire(AgentShop(AGENT))
    wire.close()
    cloud, _ = started(computer, start_up_script(wire.url, "t", sha256(AGENT).hexdigest()))
    assert eventually(lambda: not cloud.list(), deadline_s=20)
