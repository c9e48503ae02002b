"""The agent as a process of its own, against the other side of its protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from broker.serve import agent_source
from tests.support.agent_server import BROKEN, LOST, TOKEN, AgentServer, soon

LEASE = "lease-1"

Start: TypeAlias = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def broker() -> Iterator[AgentServer]:
    with AgentServer() as server:
        yield server


@pytest.fixture
def start(broker: AgentServer, tmp_path: Path) -> Iterator[Start]:
    """Start an agent in the test's own directory, where its end of the machine leaves `ended`."""
    agents: list[subprocess.Popen[bytes]] = []

    def started(token: str = TOKEN, **more: str) -> subprocess.Popen[bytes]:
        ours = {"BROKER_URL": broker.url, "BROKER_TOKEN": token, "HOME": "/home/of-the-machine"}
        end = {"BROKER_END_MACHINE": f"touch {tmp_path}/ended", "PATH": os.defpath}
        source = tmp_path / "agent.py"
        source.write_bytes(agent_source())
        agent = subprocess.Popen(
            [sys.executable, "-I", source], cwd=tmp_path, env={**ours, **end, **more}
        )
        agents.append(agent)
        return agent

    yield started
    for agent in agents:
        agent.terminate()
        try:
            agent.wait(10)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that only waits to be reaped has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_job_is_run_and_told_in_order(broker: AgentServer, start: Start) -> None:
    start()
    broker.give("for n in 1 2 3; do echo $n; sleep 0.1; done; echo oops >&2")
    broker.until(lambda: LEASE in broker.ended)
    assert broker.ended == {LEASE: 0}
    assert broker.text("out") == "1\n2\n3\n"
    assert broker.text("err") == "oops\n"
    assert [seq for _, seq in sorted(broker.stored)] == list(range(1, len(broker.stored) + 1))


@pytest.mark.parametrize(
    ("run", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("no-such-command", 127)]
)
def test_the_exit_code_is_told_exactly(
    broker: AgentServer, start: Start, run: str, code: int
) -> None:
    start()
    broker.give(run)
    broker.until(lambda: broker.ended == {LEASE: code})


def test_a_job_too_long_to_start_has_ended(broker: AgentServer, start: Start) -> None:
    start()
    broker.give(": " + "x" * 3_000_000)
    broker.until(lambda: broker.ended == {LEASE: 126})
    assert "could not be started" in broker.text("err")


def test_one_machine_runs_one_lease_after_another(broker: AgentServer, start: Start) -> None:
    start()
    broker.give("echo one > kept; echo one")
    broker.give("ls; echo two", lease="lease-2")
    broker.until(lambda: len(broker.ended) == 2)
    assert broker.text("out", "lease-2") == "two\n"


def test_the_job_sees_its_own_environment_and_nothing_of_ours(
    broker: AgentServer, start: Start
) -> None:
    start()
    broker.give("env", env={"RANK": "0", "MASTER_ADDR": "127.0.0.1"})
    broker.until(lambda: LEASE in broker.ended)
    seen = dict(line.partition("=")[::2] for line in broker.text("out").splitlines())
    assert (seen["RANK"], seen["MASTER_ADDR"], seen["HOME"]) == (
        "0",
        "127.0.0.1",
        "/home/of-the-machine",
    )
    assert [name for name in seen if name.startswith("BROKER_")] == ["BROKER_NOTICE"]
    assert TOKEN not in broker.text("out")
    assert str(broker.session) not in broker.text("out")


def test_a_job_told_to_stop_may_tidy_up(broker: AgentServer, start: Start) -> None:
    start()
    broker.give("trap 'echo tidy; exit 7' TERM; echo up; while :; do sleep 0.05; done")
    broker.until(lambda: broker.text("out") == "up\n")
    broker.order = "stop"
    broker.until(lambda: broker.ended == {LEASE: 7})
    assert broker.text("out") == "up\ntidy\n"


def test_what_a_shell_started_keeps_the_grace_when_the_shell_dies(
    broker: AgentServer, start: Start
) -> None:
    start()
    tidy = "trap 'sleep 0.3; echo tidy; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    broker.give(f'sh -c "{tidy}"; echo never')
    broker.until(lambda: broker.text("out") == "up\n")
    broker.order = "stop"
    broker.until(lambda: broker.ended == {LEASE: 143})
    assert broker.text("out") == "up\ntidy\n"


def test_a_job_that_will_not_stop_is_killed_after_its_grace(
    broker: AgentServer, start: Start
) -> None:
    start()
    broker.give("trap '' TERM; echo up; while :; do sleep 0.05; done", grace_s=0.5)
    broker.until(lambda: broker.text("out") == "up\n")
    broker.order = "stop"
    broker.until(lambda: broker.ended == {LEASE: 137})


def test_a_job_over_its_time_ends_with_124(broker: AgentServer, start: Start) -> None:
    start()
    broker.give("sleep 60", timeout_s=0.3)
    broker.until(lambda: broker.ended == {LEASE: 124})
    assert broker.timed_out == {LEASE}


def test_a_command_that_returns_124_was_not_over_its_time(
    broker: AgentServer, start: Start
) -> None:
    start()
    broker.give("exit 124", timeout_s=60)
    broker.until(lambda: broker.ended == {LEASE: 124})
    assert broker.timed_out == set()


def test_a_dead_broker_ends_job_and_machine(
    broker: AgentServer, start: Start, tmp_path: Path
) -> None:
    broker.lapses_s = 1.0
    agent = start()
    broker.give("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    broker.until(lambda: "\n" in broker.text("out"))
    broker.away = True
    assert agent.wait(10) == 1
    assert (tmp_path / "ended").exists()
    assert soon(lambda: is_gone(int(broker.text("out"))))


def test_a_broker_never_reached_ends_the_machine(start: Start, tmp_path: Path) -> None:
    agent = start(BROKER_URL="http://127.0.0.1:9", BROKER_LAPSE_S="0.5")
    assert agent.wait(10) == 1
    assert (tmp_path / "ended").exists()


def test_a_broker_that_comes_late_is_found(broker: AgentServer, start: Start) -> None:
    broker.away = True
    start()
    broker.give("echo found")
    broker.away = False
    broker.until(lambda: LEASE in broker.ended)


def test_lost_answers_are_repeated_but_nothing_happens_twice(
    broker: AgentServer, start: Start, tmp_path: Path
) -> None:
    broker.faults.extend([LOST, BROKEN, LOST])
    start()
    broker.give(f"echo run >> {tmp_path}/runs; for n in 1 2 3 4; do echo $n; sleep 0.2; done")
    broker.until(lambda: LEASE in broker.ended)
    assert broker.repeated > 0
    assert broker.text("out") == "1\n2\n3\n4\n"
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_lease_given_twice_is_run_once(broker: AgentServer, start: Start, tmp_path: Path) -> None:
    start()
    for _ in range(2):
        broker.give(f"echo run >> {tmp_path}/runs; exit 4")
    told = 2
    broker.until(lambda: sum(beat["state"] == "ended" for beat in broker.beats) == told)
    assert broker.ended == {LEASE: 4}
    assert (tmp_path / "runs").read_text() == "run\n"


def test_output_beyond_the_buffer_waits_for_the_broker(
    broker: AgentServer, start: Start, tmp_path: Path
) -> None:
    start()
    lines = 1_500_000
    broker.give(f"echo go; sleep 0.5; touch {tmp_path}/flood; seq {lines}; touch {tmp_path}/done")
    broker.until(lambda: broker.text("out") == "go\n")
    broker.away = True
    assert soon((tmp_path / "flood").exists)
    assert not soon((tmp_path / "done").exists, 1.5)
    broker.away = False
    broker.until(lambda: LEASE in broker.ended, 60)
    assert broker.text("out") == "go\n" + "".join(f"{n}\n" for n in range(1, lines + 1))


def test_a_character_cut_in_two_is_told_whole(broker: AgentServer, start: Start) -> None:
    start()
    broker.give(r"printf 'a\342\202'; sleep 0.4; printf '\254b'; printf '\377'; printf '\342'")
    broker.until(lambda: LEASE in broker.ended)
    assert broker.text("out") == "a€b��"


def test_a_used_token_ends_the_machine(broker: AgentServer, start: Start, tmp_path: Path) -> None:
    broker.session = "0" * 64
    agent = start()
    assert agent.wait(10) == 1
    assert len(broker.enrolments) == 1
    assert (tmp_path / "ended").exists()


def test_a_machine_told_to_end_stops_its_job_first(
    broker: AgentServer, start: Start, tmp_path: Path
) -> None:
    agent = start()
    broker.give("trap 'echo tidy; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    broker.until(lambda: broker.text("out") == "up\n")
    broker.order = "end"
    assert agent.wait(10) == 0
    assert broker.ended == {LEASE: 0}
    assert broker.text("out") == "up\ntidy\n"
    assert (tmp_path / "ended").exists()


def test_nothing_a_job_started_outlives_it(broker: AgentServer, start: Start) -> None:
    start()
    broker.give("sleep 60 & echo $!; exit 5")
    broker.until(lambda: broker.ended == {LEASE: 5})
    assert soon(lambda: is_gone(int(broker.text("out"))))


def test_a_terminated_agent_tells_the_end_but_leaves_the_machine(
    broker: AgentServer, start: Start, tmp_path: Path
) -> None:
    agent = start()
    broker.give("echo up; exec sleep 60")
    broker.until(lambda: broker.text("out") == "up\n")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(10) == 0
    assert broker.ended == {LEASE: 143}
    assert not (tmp_path / "ended").exists()
