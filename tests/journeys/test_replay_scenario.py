"""The recorded day: every job is placed, all three others are used, and the log keeps every law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from broker.domain.chain import read_lines
from broker.domain.laws.audit import audit, sentences
from broker.replay.command import main
from tests.support.replays import asked, by_name, said

SCENARIO: Final = Path(__file__).parents[3] / "shared" / "data" / "scenario"


@pytest.mark.skipif(not SCENARIO.is_dir(), reason=f"{SCENARIO} is not there")
def test_the_recorded_day_is_placed_spills_to_all_three_and_passes_its_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "day.jsonl"
    assert main(str(SCENARIO), None, None, str(log), None, 0, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["jobs"] > 0
    assert said["unplaced"] == 0
    assert all(said["placed"][name] > 0 for name in ("azure", "aws", "gcp", "oracle"))
    with log.open(encoding="utf-8") as lines:
        report = audit(read_lines(lines))
    assert report.holds, "\n".join(sentences(report)[:20])
    assert report.facts == said["facts"]


@pytest.mark.skipif(not SCENARIO.is_dir(), reason=f"{SCENARIO} is not there")
def test_what_if_the_recorded_day_had_had_another_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A window shorter than the desk costs the wait and keeps nothing with the holder."""
    report = tmp_path / "report.html"
    wanted = asked(
        SCENARIO, desk="delay=120s", compare="open", sweep=("window=1m,5m",), report=str(report)
    )
    found = by_name(said(capsys, wanted))
    short, longer = found["window=1m"], found["window=5m"]
    assert short["placed"]["azure"] == 0 < longer["placed"]["azure"]
    assert short["offers"]["lapsed"] == short["offers"]["issued"] > 0
    assert short["delays_s"]["window"] >= 60 * short["jobs"]
    for variant in found.values():
        assert variant["unplaced"] == 0
        waited = variant["mean_wait_s"] * variant["jobs"]
        assert sum(variant["delays_s"].values()) == pytest.approx(waited, abs=5)
    assert report.read_text(encoding="utf-8").count("<figure>") >= 8


@pytest.mark.skipif(not SCENARIO.is_dir(), reason=f"{SCENARIO} is not there")
def test_the_log_of_the_recorded_day_is_a_scenario_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No room is found that nobody saw, so it cannot be placed with the holder more often."""
    log = tmp_path / "day.jsonl"
    assert main(str(SCENARIO), None, None, str(log), None, 0, as_json=True) == 0
    first = json.loads(capsys.readouterr().out)
    again = by_name(said(capsys, asked(recorded="30d", source=str(log), compare="first-refusal")))
    assert again["first-refusal"]["jobs"] == first["jobs"]
    assert again["first-refusal"]["unplaced"] == 0
    assert again["first-refusal"]["gpu_hours"] == pytest.approx(first["gpu_hours"], rel=0.01)
    assert again["first-refusal"]["placed"]["azure"] <= first["placed"]["azure"]
