"""The recorded day: every job is placed, all three others are used, and the log keeps every law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from broker.domain.chain import read_lines
from broker.domain.laws.audit import audit, sentences
from broker.replay.command import main

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
