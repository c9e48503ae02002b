"""What-if over the scenario of ten jobs: every figure is worked out by hand."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typing_extensions import override

from broker.replay import compare, whatif
from broker.replay.observe import Buckets
from tests.support.replays import asked, by_name, refused, said
from tests.support.scenario import CAPACITY, written

Capsys = pytest.CaptureFixture[str]


def test_the_same_jobs_under_three_agreements(tmp_path: Path, capsys: Capsys) -> None:
    """Ten jobs of an hour; Azure has 2 at 3 USD, AWS 3 at 2 USD, Oracle 9 at 2.50 USD."""
    found = by_name(said(capsys, asked(written(tmp_path), compare="exclusive,first-refusal,open")))
    assert list(found) == ["exclusive", "first-refusal", "open"]
    azure = {name: variant["placed"]["azure"] for name, variant in found.items()}
    assert azure == {"exclusive": 10, "first-refusal": 2, "open": 0}
    assert found["exclusive"]["cost_usd"] == 30
    assert found["first-refusal"]["right"] == {"cost_usd": 1.0, "mean_wait_s": 0.0}
    assert found["open"]["right"] == {"cost_usd": 0.0, "mean_wait_s": 0.0}
    assert found["first-refusal"]["refusals"] == {
        "aws": {"no_capacity": 1},
        "azure": {"no_capacity": 1},
    }


def test_each_variant_has_the_keys_of_one_replay(tmp_path: Path, capsys: Capsys) -> None:
    (first, *_) = said(capsys, asked(written(tmp_path), compare="first-refusal"))["variants"]
    names = "jobs placed unplaced offers wait_s holder_wait_s gpu_hours cost_usd cost_open_usd"
    assert [name for name in first if name in {*names.split(), "wall_s", "facts"}] == [
        *names.split(),
        "wall_s",
        "facts",
    ]


def test_a_longer_window_keeps_more_with_a_slow_holder(tmp_path: Path, capsys: Capsys) -> None:
    """Its desk takes two minutes: within a minute nothing is Azure's, within an hour two are."""
    found = by_name(
        said(capsys, asked(written(tmp_path), desk="delay=120s", sweep=("window=0s,1m,1h",)))
    )
    assert list(found) == ["window=0s", "window=1m", "window=1h", "open"]
    assert [found[name]["placed"]["azure"] for name in list(found)[:3]] == [0, 0, 2]
    assert found["window=1m"]["mean_wait_s"] == 60
    assert found["window=1m"]["delays_s"]["window"] == 600
    assert found["window=1h"]["mean_wait_s"] == 120
    assert found["window=1h"]["swept"] == {"window": 3600}


def test_a_refusal_that_ages_sooner_asks_the_holder_sooner(tmp_path: Path, capsys: Capsys) -> None:
    """Nobody has room at first; Azure has from the thousandth second on."""
    none = CAPACITY.replace(",100,3", ",100,0").replace(",100,9", ",100,0")
    back = none.replace("nc,0,100,2", "nc,0,1000,0\nazure,eastus,nc,1000,2000,10")
    folder = written(tmp_path, capacity=back)
    found = by_name(said(capsys, asked(folder, sweep=("refusal_max_age=1m,15m",))))
    soon, late = found["refusal_max_age=1m"], found["refusal_max_age=15m"]
    assert soon["placed"]["azure"] == late["placed"]["azure"] == 10
    assert soon["mean_wait_s"] < late["mean_wait_s"]


def test_nothing_is_said_of_the_right_where_other_jobs_were_placed(
    tmp_path: Path, capsys: Capsys
) -> None:
    none = CAPACITY.replace("nc,0,100,2", "nc,0,100,0")
    found = by_name(said(capsys, asked(written(tmp_path, capacity=none), compare="exclusive")))
    assert found["exclusive"]["unplaced"] == 10
    assert found["exclusive"]["right"] == {"cost_usd": None, "mean_wait_s": None}


def test_two_processes_say_what_one_says(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = asked(written(tmp_path), compare="exclusive,first-refusal,open", oracle=True)
    alone = said(capsys, wanted)
    monkeypatch.setattr(compare, "WORTH_A_PROCESS", 1)
    together = said(capsys, wanted)
    for variant in alone["variants"] + together["variants"]:
        del variant["wall_s"]
    assert alone == together


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"compare": "exclusive,opne"}, "opne"),
        ({"compare": "open,open"}, "twice"),
        ({"compare": "microsoft-openai@1999"}, "1999"),
        ({"compare": " , "}, "--compare"),
        ({"sweep": ("widow=1m",)}, "window"),
        ({"sweep": ("window",)}, "no values"),
        ({"sweep": ("window=1fortnight",)}, "1fortnight"),
        ({"sweep": ("window=1m,1m",)}, "twice"),
        ({"sweep": ("silent=2",)}, "'2'"),
        ({"sweep": ("window=1m",), "agreement": "open"}, "no right"),
        ({"compare": "open", "log": "a.jsonl"}, "--log"),
        ({"format": "muri"}, "--jobs"),
        ({"recorded": "7d"}, "DIR"),
        ({"source": "day.jsonl"}, "--recorded"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: Path, capsys: Capsys, changes: dict[str, object], named: str
) -> None:
    assert named in refused(capsys, asked(written(tmp_path), **changes))


def test_without_a_folder_or_a_log_there_is_nothing_to_replay(capsys: Capsys) -> None:
    assert "DIR" in refused(capsys, asked(compare="open"))


def test_the_table_for_people_has_a_line_a_variant(tmp_path: Path, capsys: Capsys) -> None:
    assert whatif.main(asked(written(tmp_path), compare="exclusive,open"), as_json=False) == 0
    told = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("exclusive ") for line in told) == 2
    assert any(re.match(r"open +0 +3 +0 +7 +0 +0 ", line) for line in told)


class Page(HTMLParser):
    """What a report holds, counted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "rect", "line", "circle", "polyline"):
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


def test_the_report_is_one_page_with_a_table_beside_each_chart(
    tmp_path: Path, capsys: Capsys
) -> None:
    file = tmp_path / "report.html"
    wanted = asked(
        written(tmp_path),
        compare="exclusive,first-refusal,open",
        sweep=("window=0s,1m",),
        report=str(file),
        oracle=True,
        desk="delay=45s",
    )
    said(capsys, wanted)
    text = file.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert not {"link", "img", "iframe", "object"} & {*page.tags}
    assert not [name for name, _ in page.attributes if name in ("src", "href", "srcset")]
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text
    charts = page.attributes.count(("role", "img"))
    assert charts == page.tags.count("figure") >= 12
    assert page.tags.count("desc") == charts
    assert page.tags.count("table") == charts + 1
    assert "prefers-color-scheme:dark" in text
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(set(ids)) == len(ids)


def test_the_same_replay_makes_the_same_report(tmp_path: Path, capsys: Capsys) -> None:
    texts = []
    for name in ("one.html", "two.html"):
        said(capsys, asked(written(tmp_path), compare="open", report=str(tmp_path / name)))
        texts.append((tmp_path / name).read_text(encoding="utf-8"))
    assert texts[0] == texts[1]


def test_a_name_in_a_report_is_text_and_no_markup(tmp_path: Path, capsys: Capsys) -> None:
    folder = tmp_path / "<b>day"
    folder.mkdir()
    file = tmp_path / "report.html"
    said(capsys, asked(written(folder), report=str(file)))
    assert "<b>" not in file.read_text(encoding="utf-8")


def test_buckets_keep_every_gpu_second_however_long_the_replay() -> None:
    buckets = Buckets()
    for hour in range(100):
        buckets.add("aws", hour * 3600 + 17.5, hour * 3600 + 1817.5, 8)
    assert len(buckets.rows) <= 96
    assert sum(row["aws"] for row in buckets.rows) == pytest.approx(100 * 1800 * 8)
    assert buckets.until(0.5) < buckets.until(0.99) <= len(buckets.rows)


def test_the_oracle_is_named_with_its_bound(tmp_path: Path, capsys: Capsys) -> None:
    found = said(capsys, asked(written(tmp_path), compare="first-refusal,open", oracle=True))
    first, free = found["oracle"]["gaps"]
    assert "bound" in found["oracle"]["method"]
    assert first["cost_usd"] == {"replayed": 24.5, "planned": 23.5, "at_least": 20.0}
    assert free["cost_usd"]["replayed"] == free["cost_usd"]["planned"] == 23.5
    assert first["wait_s"] == {"replayed": 0, "planned": 0, "at_least": 0}
    assert json.dumps(found)
