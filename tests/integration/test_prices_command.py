"""`broker prices` as it is typed: what is listed, what a refresh writes, what an import takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker.cli.main import app_for
from providers.catalogue import COLUMNS, read
from tests.support.price_lists import AzurePrices, serving

D4 = "azure,eastus,Standard_D4s_v5,,0,,4,16,0.192,KARP-AZ,2026-06-18"
OLD = "azure,eastus,Standard_Gone,,0,,4,16,7,KARP-AZ,2020-01-01"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_text("\n".join([",".join(COLUMNS), D4, OLD, ""]))
    (tmp_path / "broker.toml").write_text('catalogue = "own.csv"\n')
    return tmp_path


def run(*words: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(app_for(words), list(words))
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stdout, done.stderr


def test_a_price_is_listed_with_its_age() -> None:
    told, _ = run("prices", "ls", "--cloud", "azure", "--json")
    items = json.loads(told)["items"]
    assert [item["shape"] for item in items] == ["Standard_D4s_v5", "Standard_Gone"]
    assert all(item["age_days"] > 100 for item in items)
    table, _ = run("prices")
    assert "2026-06-18" in table
    assert "days" in table


def test_a_refresh_writes_what_the_list_says_and_names_what_is_on_no_list(here: Path) -> None:
    with serving(AzurePrices({("eastus", "Standard_D4s_v5"): (0.2, 0.05)})) as url:
        account = f'clouds.azure = {{endpoint = "{url}", prices_endpoint = "{url}"}}\n'
        (here / "broker.toml").write_text(f'catalogue = "own.csv"\n{account}')
        told, _ = run("prices", "refresh", "--cloud", "azure", "--json")
    said = json.loads(told)
    assert said["confirmed"] == 1
    assert said["unlisted"] == ["azure eastus Standard_Gone"]
    assert [(c["spot"], c["before"], c["after"]) for c in said["changes"]] == [
        (False, "0.192", "0.2"),
        (True, None, "0.05"),
    ]
    pools = read((here / "own.csv").read_text().splitlines(), "own.csv")
    assert [str(pool.price_usd_hour) for pool in pools] == ["0.2", "0.05", "7"]
    assert pools[-1].priced_at == "2020-01-01"


def test_a_list_that_cannot_be_had_changes_nothing(here: Path) -> None:
    with serving(AzurePrices({})) as url:
        gone = url
    account = f'clouds.azure = {{endpoint = "{gone}", prices_endpoint = "{gone}"}}\n'
    (here / "broker.toml").write_text(f'catalogue = "own.csv"\n{account}')
    before = (here / "own.csv").read_text()
    _, said = run("prices", "refresh", "--cloud", "azure", code=1)
    assert "the prices of azure cannot be had" in said
    assert (here / "own.csv").read_text() == before


def test_an_import_says_which_form_it_read_and_where_it_wrote(here: Path) -> None:
    (here / "gcp.csv").write_text(
        "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot\n"
        "g2-standard-4,us-central1-a,0.7,4,16.0,1,L4,24.0,False\n"
    )
    words = ("prices", "import", "gcp.csv", "--cloud", "gcp", "--as-of", "2026-11-01")
    _, said = run(*words, "--out", "new.csv")
    assert "1 machines of gcp read as gpuhunt's; written to new.csv" in said
    pools = read((here / "new.csv").read_text().splitlines(), "new.csv")
    assert (pools[-1].place.region, pools[-1].priced_at) == ("us-central1", "2026-11-01")


def test_a_file_that_is_none_is_refused_and_nothing_is_written(here: Path) -> None:
    (here / "odd.csv").write_text("a,b\n1,2\n")
    _, said = run("prices", "import", "odd.csv", "--cloud", "gcp", "--out", "new.csv", code=2)
    assert "odd.csv, line 1: the columns are those of neither gpuhunt" in said
    assert not (here / "new.csv").exists()
