"""The agent on spot: it reads its notice, tells command and broker, and keeps what counts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from broker.serve import agent_source
from providers.emulators.cloud import Cloud, Launched, Spot
from providers.emulators.metadata import Metadata
from providers.emulators.wire import Wire
from tests.support.agent_server import TOKEN, AgentServer
from workers.agent import Agent

LEASE: Final = "lease-1"
PATIENT: Final = """
trap 'cat "$BROKER_NOTICE" >"$BROKER_CHECKPOINT_DIR/told"; exit 143' TERM
echo begun
while :; do sleep 0.1; done
"""


@contextmanager
def an_agent(folder: Path, url: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    source = folder / "agent.py"
    source.write_bytes(agent_source())
    ours = {"BROKER_URL": url, "BROKER_TOKEN": TOKEN, "PATH": os.defpath}
    kept = {"BROKER_CHECKPOINTS": str(folder / "kept")}
    agent = subprocess.Popen(
        [sys.executable, "-I", source], cwd=folder, env={**ours, **kept, **more}
    )
    try:
        yield agent
    finally:
        agent.kill()
        agent.wait()


@pytest.mark.parametrize("name", ["azure", "aws", "gcp"])
def test_a_notice_reaches_command_and_broker_before_the_end(name: str, tmp_path: Path) -> None:
    """The machine is still there when both know, and the command has written its checkpoint."""
    cloud = Cloud(stock={("here", "gpu spot"): 1})
    made = cloud.launch(key="k", name="group/m", region="here", sku="gpu", spot=Spot())
    assert isinstance(made, Launched)
    wire = Wire(Metadata(cloud, name))
    where = {"BROKER_METADATA": f"{wire.url}/machines/{made.machine.id}"}
    try:
        with AgentServer() as broker, an_agent(tmp_path, broker.url, **where, BROKER_NOTICES=name):
            broker.give(PATIENT, env={"BROKER_CHECKPOINT": "job-1/0"})
            broker.until(lambda: broker.text("out") == "begun\n")
            assert all(beat["notice"] is None for beat in broker.beats)
            cloud.evict(made.machine.id, 600)
            broker.until(lambda: broker.ended == {LEASE: 143})
            said = next(beat["notice"] for beat in broker.beats if beat["notice"])
            assert said["said"] in {"Preempt", "terminate", "preempted"}
            told = (tmp_path / "kept" / "job-1" / "0" / "told").read_text()
            assert told == f"{said['until']}\n"
    finally:
        wire.close()


def test_a_cloud_that_does_not_answer_disturbs_nothing(tmp_path: Path) -> None:
    nobody = {"BROKER_METADATA": "http://127.0.0.1:9", "BROKER_NOTICES": "aws"}
    with AgentServer() as broker, an_agent(tmp_path, broker.url, **nobody):
        broker.give("echo done")
        broker.until(lambda: broker.ended == {LEASE: 0})


def test_a_directory_that_outlives_the_machine_is_there_again(tmp_path: Path) -> None:
    for attempt in ("1", "2"):
        with AgentServer() as broker, an_agent(tmp_path, broker.url):
            run = 'echo $BROKER_ATTEMPT >>"$BROKER_CHECKPOINT_DIR/said"'
            env = {"BROKER_CHECKPOINT": "job-1/0", "BROKER_ATTEMPT": attempt}
            broker.give(run, env=env)
            broker.until(partial(_ended, broker))
    assert (tmp_path / "kept" / "job-1" / "0" / "said").read_text() == "1\n2\n"


def _ended(broker: AgentServer) -> bool:
    return broker.ended == {LEASE: 0}


def test_a_notice_that_comes_while_a_beat_is_under_way_costs_the_lease_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease counts from the asking of that beat, which the notice must not forget."""
    monkeypatch.chdir(tmp_path)
    agent = Agent("http://127.0.0.1:9", TOKEN, 30.0, {"PATH": os.defpath})
    work = {"lease": LEASE, "run": PATIENT, "env": {}, "grace_s": 1, "timeout_s": None}
    answer = {"lapses_s": 30.0, "do": "run", "work": work}
    agent.obey(answer, {**agent.report(), "state": "idle"})
    assert agent.job is not None
    try:
        agent.last_beat, asked = time.monotonic(), agent.report()
        agent.heed("2026-11-28T12:00:00Z", "Preempt")
        agent.obey({"lapses_s": 30.0, "do": "go on"}, asked)
        assert agent.deadline > time.monotonic()
        assert agent.next_call_at() <= time.monotonic()
        assert agent.report()["notice"] == {"until": "2026-11-28T12:00:00Z", "said": "Preempt"}
    finally:
        agent.job.signal_group(signal.SIGKILL)
        agent.job.leader.wait()
        for pipe in agent.job.pipes:
            pipe.close()
        agent.berth.close()
        os.close(agent.bell)
        os.close(agent.rope)
