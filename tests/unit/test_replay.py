"""Replays of a tiny scenario, whose figures are worked out by hand."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from broker.agreements.registry import shipped
from broker.domain.accounts.shortage import Cause
from broker.domain.chain import read_lines
from broker.domain.laws.audit import audit
from broker.replay.command import main
from broker.replay.run import START, _Replay
from broker.replay.traces import read_scenario
from broker.replay.world import DeskHabit
from tests.support.scenario import CAPACITY, JOBS, POOLS, written


def figures(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    agreement: str | None = None,
    edition: str | None = None,
    desk: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """What a replay says, its log audited; `head` is added."""
    log = folder / "log.jsonl"
    assert main(str(folder), agreement, edition, str(log), desk, seed, as_json=True) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    report = audit(read_lines(log.read_text(encoding="utf-8").splitlines()))
    assert report.holds, report.breaches
    assert said["facts"] == report.facts
    return said | {"head": report.head_hash}


def test_the_figures_are_those_worked_out_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two with Azure, whose third is refused; three with AWS, whose fourth is; the rest oracle."""
    said = figures(written(tmp_path), capsys)
    for varying in ("facts", "wall_s", "head"):
        del said[varying]
    assert said == {
        "jobs": 10,
        "placed": {"azure": 2, "aws": 3, "gcp": 0, "oracle": 5, "own": 0},
        "unplaced": 0,
        "offers": {"issued": 3, "accepted": 2, "refused": 1, "lapsed": 0},
        "wait_s": {"p50": 0, "p90": 0, "p99": 0},
        "holder_wait_s": 0,
        "delays_s": dict.fromkeys(Cause, 0),
        "gpu_hours": 10.0,
        "cost_usd": 24.5,
        "cost_open_usd": 23.5,
    }


def test_every_amount_is_a_number_for_programs_and_exact_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = figures(written(tmp_path), capsys)
    amounts = [said[name] for name in ("gpu_hours", "cost_usd", "cost_open_usd", "wall_s")]
    assert [type(amount) for amount in amounts] == [float] * 4
    assert main(str(tmp_path), None, None, None, None, 0, as_json=False) == 0
    assert "24.5 USD; 23.5 USD under an open agreement" in capsys.readouterr().out


def test_the_keys_come_in_the_order_they_are_documented_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = "jobs placed unplaced offers wait_s holder_wait_s delays_s"
    more = "gpu_hours cost_usd cost_open_usd"
    said = figures(written(tmp_path), capsys)
    assert list(said) == [*names.split(), *more.split(), "wall_s", "facts", "head"]


@pytest.mark.parametrize("desk", [None, "silent=0.5", "delay=45s", "silent=0.3,delay=5s"])
def test_the_same_replay_writes_the_same_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], desk: str | None
) -> None:
    folder = written(tmp_path)
    first, second = (figures(folder, capsys, desk=desk, seed=7)["head"] for _ in range(2))
    assert first == second


def test_every_python_process_writes_the_same_log(tmp_path: Path) -> None:
    """Ends at two clouds in one instant, in two processes that order their sets differently."""
    folder = written(tmp_path, jobs=re.sub(r"^(j\d),\d+,", r"\1,0,", JOBS, flags=re.MULTILINE))
    logs = []
    for hash_seed in ("0", "1"):
        log = tmp_path / f"{hash_seed}.jsonl"
        command = "from broker.cli.main import main; main()"
        arguments = ["replay", str(folder), "--desk", "silent=0.2", "--log", str(log)]
        subprocess.run(
            [sys.executable, "-c", command, *arguments],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
        )
        logs.append(log.read_text(encoding="utf-8"))
    assert logs[0] == logs[1]


@pytest.mark.parametrize("silent", [0, 0.4])
def test_what_is_over_is_forgotten(tmp_path: Path, silent: float) -> None:
    """Jobs may be made on the way and come for years: no name of any is left after its end."""
    running = _Replay(
        read_scenario(written(tmp_path)),
        shipped()["azure-first-refusal"],
        START,
        DeskHabit(silent=silent),
        None,
        None,
    )
    assert running.run().figures["unplaced"] == 0
    assert running.store.next_due() is None
    names = {text for text in _reached(running) if re.match(r"(job|com|ans)_|cb-", text)}
    assert names == set()


def _reached(start: object) -> Iterator[str]:
    """Every text that is held, directly or not; but not what classes and modules hold."""
    seen, ends = {id(start)}, [start]
    while ends:
        one = ends.pop()
        if isinstance(one, str):
            yield one
        elif not isinstance(one, type | ModuleType | FunctionType):
            names = one.keys() if isinstance(one, dict) else ()  # which get_referents may leave out
            below = [item for item in (*gc.get_referents(one), *names) if id(item) not in seen]
            seen |= {id(item) for item in below}
            ends += below


def test_another_seed_makes_other_silences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path)
    heads = {figures(folder, capsys, desk="silent=0.5", seed=seed)["head"] for seed in range(5)}
    assert len(heads) > 1


def test_a_desk_that_never_answers_costs_every_job_its_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = figures(written(tmp_path), capsys, desk="silent=1")
    assert said["placed"]["azure"] == 0
    assert said["offers"]["lapsed"] == said["offers"]["issued"] == 10
    assert said["wait_s"]["p50"] >= 300
    assert said["holder_wait_s"] >= 3000
    assert said["unplaced"] == 0


def test_a_desk_that_takes_its_time_makes_the_accepted_wait_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = JOBS.splitlines(keepends=True)
    said = figures(written(tmp_path, jobs="".join(one[:2])), capsys, desk="delay=45s")
    assert said["placed"]["azure"] == 1
    assert said["wait_s"] == {"p50": 45, "p90": 45, "p99": 45}
    assert said["holder_wait_s"] == 45


def test_under_an_open_agreement_the_right_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = figures(written(tmp_path), capsys, agreement="open")
    assert said["placed"] == {"azure": 0, "aws": 3, "gcp": 0, "oracle": 7, "own": 0}
    assert said["offers"]["issued"] == 0
    assert said["cost_usd"] == said["cost_open_usd"] == 23.5


@pytest.mark.parametrize(
    ("edition", "azure", "oracle"),
    [
        ("2023-01-23", 10, 0),
        ("2025-01-21", 0, 7),
        ("2025-10-28", 0, 7),
    ],
    ids=["exclusive", "first refusal, but for small jobs", "no right"],
)
def test_a_dated_edition_is_replayed_from_the_day_it_began(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    edition: str,
    azure: int,
    oracle: int,
) -> None:
    said = figures(written(tmp_path), capsys, edition=edition)
    assert (said["placed"]["azure"], said["placed"]["oracle"]) == (azure, oracle)
    assert said["unplaced"] == 0
    first = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert first["at"].startswith(edition)


def test_the_holder_is_asked_again_when_its_stock_comes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that nobody has room for is placed with Azure as soon as its refusal is stale."""
    nothing = CAPACITY.replace(",0,100,3", ",0,100,0").replace(",0,100,9", ",0,100,0")
    back = nothing.replace("nc,0,100,2", "nc,0,1000,0\nazure,eastus,nc,1000,2000,10")
    said = figures(written(tmp_path, capacity=back), capsys)
    assert said["placed"]["azure"] == 10
    assert 1000 <= said["wait_s"]["p99"] <= 2000


def test_a_job_of_several_gpus_is_a_gang_of_whole_units_in_one_pool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pools = POOLS + "gcp,us-central1,a2,4,2,8.00\n"
    capacity = CAPACITY + "gcp,us-central1,a2,0,100,2\n"
    jobs = JOBS.splitlines()[0] + "\nbig,0,3600,7,,training,lab\n"
    folder = written(tmp_path, jobs=jobs, pools=pools, capacity=capacity)
    said = figures(folder, capsys)
    assert said["placed"]["gcp"] == 1
    assert said["gpu_hours"] == 8
    assert said["cost_usd"] == 16


def test_what_no_pool_can_ever_take_is_counted_as_unplaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    none = CAPACITY.replace(",2\n", ",0\n").replace(",3\n", ",0\n").replace(",9\n", ",0\n")
    said = figures(written(tmp_path, capacity=none), capsys)
    assert (said["jobs"], said["unplaced"]) == (10, 10)
    assert said["wait_s"] == {"p50": None, "p90": None, "p99": None}


@pytest.mark.parametrize(
    ("name", "good", "bad", "line"),
    [
        ("jobs", "j3,3,", "j3,soon,", 5),
        ("jobs", "j3,3,3600,1,,inference", "j3,3,3600,1,,gambling", 5),
        ("jobs", "j3,3,3600,1,", "j3,3,3600,one,", 5),
        ("jobs", "j3,3,3600,1,,inference,lab", "j3,3,3600", 5),
        ("jobs", "job_id,submit_s", "job,submit_s", 1),
        ("pools", "aws,us-east-1,g5,1,3,2.00", "aws,us-east-1,g5,1,3,cheap", 3),
        ("pools", "aws,us-east-1,g5,1,3,2.00", "aws,us-east-1,g5,1,3,NaN", 3),
        ("pools", "aws,us-east-1,g5,1,3,2.00", "aws,us-east-1,g5,1,3,-2", 3),
        ("jobs", "j3,3,", "j3,1e300,", 5),
        ("pools", "aws,us-east-1", "ibm,us-east-1", 3),
        ("pools", "aws,us-east-1,g5,1", "aws,us-east-1,g5,-1", 3),
        ("capacity", "aws,us-east-1,g5,0,100,3", "aws,us-east-1,g5,0,100,many", 3),
        ("capacity", "aws,us-east-1,g5,0,100,3", "aws,us-east-1,g5,100,0,3", 3),
    ],
)
def test_a_malformed_line_is_named_by_file_and_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    good: str,
    bad: str,
    line: int,
) -> None:
    texts = {"jobs": JOBS, "pools": POOLS, "capacity": CAPACITY}
    assert good in texts[name]
    texts[name] = texts[name].replace(good, bad, 1)
    folder = written(tmp_path, **texts)
    assert main(str(folder), None, None, None, None, 0, as_json=True) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{name}.csv" in told.err
    assert f"line {line}" in told.err


def test_a_file_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (written(tmp_path) / "pools.csv").unlink()
    assert main(str(tmp_path), None, None, None, None, 0, as_json=True) == 2
    told = capsys.readouterr().err
    assert "pools.csv cannot be read" in told
    assert "a scenario is a folder with jobs.csv, capacity.csv and pools.csv" in told


@pytest.mark.parametrize("name", ["jobs", "pools", "capacity"])
def test_a_file_of_bytes_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (written(tmp_path) / f"{name}.csv").write_bytes(b"\xff\xfe\x00")
    assert main(str(tmp_path), None, None, None, None, 0, as_json=True) == 2
    assert f"{name}.csv is no UTF-8 text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("agreement", "edition", "desk", "named"),
    [
        ("opne", None, None, "opne"),
        (None, "2024-01-01", None, "2024-01-01"),
        ("open", "2025-01-21", None, "--edition"),
        (None, None, "asleep", "asleep"),
        (None, None, "silent=2", "'silent=2' is not between 0 and 1; write"),
        (None, None, "silent=inf", "'silent=inf' is not between 0 and 1; write"),
        (None, None, "silent=", "'silent=' has no number; write"),
        (None, None, "delay=-1s", "'delay=-1s' is not between 0 and"),
        (None, None, "delay=nans", "'delay=nans' is not between 0 and"),
        (None, None, "delay=infs", "'delay=infs' is not between 0 and"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_by_name(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    agreement: str | None,
    edition: str | None,
    desk: str | None,
    named: str,
) -> None:
    log = tmp_path / "log.jsonl"
    assert main(str(written(tmp_path)), agreement, edition, str(log), desk, 0, as_json=True) == 2
    told = capsys.readouterr()
    assert named in told.err
    assert (told.err.count("\n"), told.out, log.exists()) == (1, "", False)


@pytest.mark.parametrize("log", ["none/day.jsonl", "."])
def test_a_log_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: str
) -> None:
    path = tmp_path / log
    assert main(str(written(tmp_path)), None, None, str(path), None, 0, as_json=True) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"broker replay: --log: {path} cannot be written")
    assert (told.err.count("\n"), "Errno" in told.err, told.out) == (1, False, "")
