"""A broker's own log as a scenario: what it tells is used, and what it cannot tell is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from broker.domain.chain import exported
from broker.domain.offer import Desk
from broker.domain.workload import Shape
from broker.replay.command import main as replay_main
from broker.replay.history import Seen, levels
from broker.replay.recorded import recorded_scenario
from broker.steps.record import record_prices
from broker.steps.submit import Submission, submit_jobs
from tests.support.api import an_office
from tests.support.broker import AWS, EAST, Broker, a_broker, a_gang, work
from tests.support.replays import asked, by_name, refused, said
from tests.support.scenario import written

SINCE: Final = datetime(2025, 6, 1, tzinfo=UTC)
Capsys = pytest.CaptureFixture[str]


def exported_log(broker: Broker, folder: Path) -> str:
    file = folder / "own.jsonl"
    file.write_text("".join(exported(fact) + "\n" for fact in broker.facts()))
    return str(file)


def seen(*told: tuple[float, int, bool]) -> list[tuple[float, int]]:
    found = [Seen(SINCE + timedelta(seconds=at), held, refused=no) for at, held, no in told]
    return list(levels(found, SINCE))


def test_between_two_refusals_a_place_had_the_most_that_was_held_there() -> None:
    assert seen((5, 1, False), (9, 2, False), (20, 1, False)) == [(0, 2)]
    assert seen((5, 0, True), (50, 1, False), (60, 3, False)) == [(0, 0), (50, 3)]
    assert seen((5, 2, False), (9, 2, True), (30, 1, True)) == [(0, 2), (30, 1)]
    assert seen() == []


def test_jobs_run_as_long_as_they_did_where_the_log_saw_room(tmp_path: Path) -> None:
    with a_broker({EAST: 1, AWS: 2}) as broker:
        first, second = broker.placed(work(name="kept"), work(name="spilled"))
        broker.wait(600)
        broker.exit(first)
        broker.wait(1200)
        broker.exit(second)
        found = recorded_scenario("7d", exported_log(broker, tmp_path), None).scenario
    assert [(job.workload.name, job.run_s) for job in found.jobs] == [
        ("kept", 600),
        ("spilled", 1800),
    ]
    assert {
        place: series.available(found.jobs[0].submit_s) for place, series in found.stock.items()
    } == {
        EAST: 1,
        AWS: 1,
    }


def test_a_job_still_running_runs_to_the_end_of_the_log(tmp_path: Path) -> None:
    with a_broker({EAST: 4}) as broker:
        broker.placed(a_gang(2, name="long"))
        broker.wait(3600)
        broker.placed(work(name="late"))
        found = recorded_scenario("7d", exported_log(broker, tmp_path), None)
    assert [job.run_s for job in found.scenario.jobs] == [3600, 0]
    assert any(note.startswith("2 jobs had not ended") for note in found.notes)


def test_what_was_submitted_before_the_period_is_not_replayed(tmp_path: Path) -> None:
    with a_broker({EAST: 4}) as broker:
        (early,) = broker.placed(work(name="early"))
        broker.wait(2 * 86_400)
        (late,) = broker.placed(work(name="late"))
        broker.wait(60)
        broker.exit(early)
        broker.exit(late)
        log = exported_log(broker, tmp_path)
    names = {
        days: [job.workload.name for job in recorded_scenario(days, log, None).scenario.jobs]
        for days in ("1d", "3d")
    }
    assert names == {"1d": ["late"], "3d": ["early", "late"]}


def test_a_job_given_up_before_it_was_placed_is_left_out(tmp_path: Path) -> None:
    with a_broker({EAST: 1}) as broker:
        broker.placed(work(name="kept"))
        (waiting,) = broker.placed(work(name="given up", duration_s=600))
        broker.cancel(waiting)
        found = recorded_scenario("1d", exported_log(broker, tmp_path), None)
    assert [job.workload.name for job in found.scenario.jobs] == ["kept"]
    assert any(note.startswith("1 jobs are left out") for note in found.notes)


def test_a_replayed_log_is_replayed_again_as_it_was(tmp_path: Path, capsys: Capsys) -> None:
    """Nobody was refused what the record does not know of, so the figures come out the same."""
    log = str(tmp_path / "day.jsonl")
    assert replay_main(str(written(tmp_path)), None, None, log, None, 0, as_json=True) == 0
    capsys.readouterr()
    found = by_name(said(capsys, asked(recorded="1d", source=log, compare="first-refusal,open")))
    first: dict[str, Any] = found["first-refusal"]
    assert first["placed"] == {"azure": 2, "aws": 3, "gcp": 0, "oracle": 5, "own": 0}
    assert (first["gpu_hours"], first["cost_usd"]) == (10, 24.5)


def test_the_broker_s_own_database_is_read(tmp_path: Path, capsys: Capsys) -> None:
    with an_office(tmp_path, Desk.AUTOMATIC) as office:
        h100 = Shape(accelerators=("H100",), gpus=8)
        jobs = [Submission(workload=work(name=f"j{n}", shape=h100)) for n in range(3)]
        record_prices(office.store, office.context.rules.pools)
        submit_jobs(jobs, office.store, office.context.rules, office.context.ids)
        office.work()
    url = f"sqlite:///{tmp_path / 'broker.db'}"
    found = said(capsys, asked(recorded="7d", database_url=url))
    assert found["replayed"] == "3 jobs of the last 7 days of this broker's log"
    assert by_name(found)["first-refusal"]["placed"]["azure"] == 3


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"recorded": "7 weeks"}, "7d"),
        ({"recorded": "0d"}, "0d"),
        ({"recorded": "7d", "database_url": "nowhere"}, "nowhere"),
        ({"recorded": "7d", "database_url": "sqlite:///x.db", "source": "a"}, "exclude"),
        ({"recorded": "7d", "source": "missing.jsonl"}, "missing.jsonl"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(
    capsys: Capsys, changes: dict[str, Any], named: str
) -> None:
    assert named in refused(capsys, asked(**changes))


def test_a_line_that_is_no_fact_is_named(tmp_path: Path, capsys: Capsys) -> None:
    log = tmp_path / "own.jsonl"
    log.write_text("{}\n")
    told = refused(capsys, asked(recorded="7d", source=str(log)))
    assert "own.jsonl" in told
    assert "ine 1" in told
    log.write_text("")
    assert "no fact" in refused(capsys, asked(recorded="7d", source=str(log)))
