"""The demonstration as a stranger runs it: in an empty folder, away from a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from broker.domain.chain import read_lines
from broker.domain.laws.audit import audit
from broker.domain.values import ProviderName
from providers.catalogue import pools
from providers.emulators.host import TRANSCRIPT
from tests.support.clouds import eventually
from workers.demo.figures import PROMISED, figures
from workers.demo.screen import MOST_LINES

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
BROKER = Path(sys.executable).parent / "broker"
MOST = MOST_LINES + 20
ENDS_IN_S = 30.0


@contextmanager
def a_demo(
    folder: Path, *words: str, aside: int = subprocess.STDOUT
) -> Iterator[subprocess.Popen[str]]:
    """The command, with nothing in its surroundings but a folder that all its processes name."""
    (folder / "tmp").mkdir()
    home = {"HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT)}
    heard = {TRANSCRIPT: os.environ[TRANSCRIPT]}  # noqa: TID251 - what is said is checked here too
    play = subprocess.Popen(
        [BROKER, "demo", *words],
        cwd=folder,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "DEMO_SECONDS": "20", **home, **heard},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=aside,
        text=True,
    )
    try:
        yield play
    finally:
        if play.poll() is None:
            play.kill()
        play.wait()
        for pipe in (play.stdout, play.stderr):
            if pipe is not None:
                pipe.close()


def left(folder: Path) -> list[str]:
    """The living processes whose surroundings name the folder; a machine's do, through its home."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
    return found


def test_every_outcome_happens_and_the_log_proves_that_the_holder_came_first(
    tmp_path: Path,
) -> None:
    with a_demo(tmp_path) as play:
        said, _ = play.communicate()
    assert play.returncode == 0, said
    with (tmp_path / "demo.jsonl").open(encoding="utf-8") as lines:
        log = list(read_lines(lines))
    found = figures(log, pools(tuple(ProviderName)))
    assert audit(log).holds
    assert found.lost == found.early == 0
    assert found.outcomes.keys() >= set(PROMISED)
    assert f"{found.jobs} jobs, 0 lost, 0 started elsewhere before Azure had its turn" in said
    assert "windows of 3 to 5 s" in said
    assert "everything is local and simulated; real spend 0.00" in said
    assert len(said.splitlines()) <= MOST
    assert left(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_program_gets_one_object_with_the_figures(tmp_path: Path) -> None:
    with a_demo(tmp_path, "--json", aside=subprocess.PIPE) as play:
        out, aside = play.communicate()
    assert play.returncode == 0, aside
    assert out.count("\n") == 1
    said = json.loads(out)
    assert (said["schema"], said["good"], said["lost"]) == ("broker.demo/v1", True, 0)
    assert (said["holds"], said["missing"], said["breaches"]) == (True, [], [])
    assert min(said["outcomes"].values()) >= 1
    assert f"{said['jobs']} jobs, 0 lost" in aside
    with (tmp_path / "demo.jsonl").open(encoding="utf-8") as lines:
        log = list(read_lines(lines))
    assert (said["facts"], said["head"]) == (len(log), log[-1].hash)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_all_processes_end_with_it(number: signal.Signals, tmp_path: Path) -> None:
    with a_demo(tmp_path) as play:
        assert play.stdout is not None
        assert any("running" in line for line in play.stdout), "nothing ever ran"
        assert len(left(tmp_path)) > 1
        play.send_signal(number)
        play.wait(ENDS_IN_S)
    assert eventually(lambda: not left(tmp_path), ENDS_IN_S), left(tmp_path)
