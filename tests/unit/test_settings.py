"""Settings: one sentence for each fault, which names the file and the key."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker.domain.caps import Cap
from broker.domain.values import ProviderName
from broker.serve import guard
from broker.settings import DeskKind, Settings, SettingsError
from broker.wiring import rulebook


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_further_up_is_found_and_the_environment_goes_before_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "broker.toml").write_text('port = 9000\ndesk = "person"\nowner = "lab"\n')
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    monkeypatch.setenv("BROKER_PORT", "9001")
    settings = Settings.read(owner="given")
    assert (settings.port, settings.desk, settings.owner) == (9001, DeskKind.PERSON, "given")


def test_an_unknown_key_is_refused_with_the_nearest_known_one(here: Path) -> None:
    (here / "broker.toml").write_text('databse_url = "sqlite:///x"\n')
    with pytest.raises(SettingsError, match=r"broker\.toml: .*'databse_url'.*'database_url'"):
        Settings.read()


def test_a_wrong_value_names_the_file_and_the_key(here: Path) -> None:
    (here / "broker.toml").write_text('[desk_by_class]\nresearch = "oracle"\n')
    with pytest.raises(SettingsError, match=r"broker\.toml: desk_by_class\.research: "):
        Settings.read()


def test_a_wrong_value_of_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BROKER_PORT", "http")
    with pytest.raises(SettingsError, match=r"the environment: BROKER_PORT: "):
        Settings.read()


def test_a_cloud_that_would_cost_money_is_refused(here: Path) -> None:
    accounts = here / "clouds.json"
    accounts.write_text(json.dumps({"aws": {"endpoint": "http://127.0.0.1:1", "image": "a"}}))
    settings = Settings.read(clouds_file=accounts)
    assert set(settings.accounts) == {ProviderName.AWS}
    real = Settings.read(clouds={"aws": {"image": "a"}})
    with pytest.raises(SettingsError, match=r"clouds\.aws: .*spend cap"):
        _ = real.accounts


def test_a_real_cloud_is_taken_once_an_hour_and_the_whole_of_it_are_bounded(here: Path) -> None:
    real: dict[str, Any] = {"clouds": {"aws": {"image": "a"}}}
    half = Settings.read(**real, caps={"clouds": {"aws": {"usd_hour": 10}}})
    with pytest.raises(SettingsError, match=r"set usd_hour and usd_total in caps\.clouds\.aws"):
        _ = half.accounts
    (here / "broker.toml").write_text(
        "[clouds.aws]\nimage = 'a'\n[caps]\nusd_total = 500\n[caps.clouds.aws]\nusd_hour = 10\n"
    )
    assert set(Settings.read().accounts) == {ProviderName.AWS}
    caps = Settings.read().caps.caps()
    assert caps.by_cloud[ProviderName.AWS] == Cap(usd_hour=Decimal(10))
    assert caps.overall == Cap(usd_total=Decimal(500))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("usd_hour = -1", r"caps\.usd_hour: it must be at least 0"),
        ("usd_hour = 'much'", r"caps\.usd_hour: it must be a number"),
        ("usd_day = 1", r"there is no setting 'caps\.usd_day'"),
    ],
)
def test_a_cap_that_cannot_be_is_named(here: Path, line: str, says: str) -> None:
    (here / "broker.toml").write_text(f"[caps]\n{line}\n")
    with pytest.raises(SettingsError, match=says):
        Settings.read()


def test_another_address_needs_a_token_and_tls() -> None:
    guard(Settings.read())
    with pytest.raises(SettingsError, match="token and tls_certificate"):
        guard(Settings.read(host="0.0.0.0"))  # noqa: S104 - that is what is refused


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("BROKER_PORT", "http", "it must be a whole number"),
        ("BROKER_PORT", "70000", "it must be at most 65535"),
        ("BROKER_INSECURE", "perhaps", "it must be true or false"),
        ("BROKER_SWEEP_EVERY_S", "0", "it must be more than 0.0"),
        ("BROKER_DESK", "oracle", "it must be 'automatic' or 'person'"),
        ("BROKER_OWNER", "ME", "it must begin with a letter and go on with letters a to z"),
        ("BROKER_CLOUDS", "5", "it must be a table of names and values"),
        ("BROKER_CLOUDS", "aws", "write it as JSON"),
        ("BROKER_COOL_DOWNS", '{"auth": "soon"}', "it must be a time such as PT3M"),
    ],
)
def test_what_a_setting_must_be_is_said_in_our_own_words(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        Settings.read()
    sentence = str(refused.value)
    assert sentence.startswith(f"the environment: {variable}")
    assert says in sentence


def test_cool_downs_are_set_for_all_clouds_and_for_one(here: Path) -> None:
    (here / "broker.toml").write_text(
        '[cool_downs]\nno_capacity = "PT5M"\n[cool_downs_by_cloud.aws]\nno_capacity = "PT30S"\n'
    )
    rules = rulebook(Settings.read(), {}, ())
    minutes = {
        cloud: rules.cool_downs.of(cloud, "no_capacity").total_seconds() / 60
        for cloud in (ProviderName.AZURE, ProviderName.AWS, ProviderName.GCP)
    }
    assert minutes == {ProviderName.AZURE: 5, ProviderName.AWS: 0.5, ProviderName.GCP: 5}
    assert rules.cool_downs.of(ProviderName.AWS, "over_quota").total_seconds() == 180


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ('[cool_downs]\nno_stock = "PT5M"\n', r"cool_downs\.no_stock: it must be 'no_capacity', "),
        ('[cool_downs]\nauth = "-PT5M"\n', r"cool_downs\.auth: it must be at least"),
        ('[cool_downs_by_cloud.ibm]\nauth = "PT5M"\n', r"cool_downs_by_cloud\.ibm: it must be"),
    ],
)
def test_a_cool_down_that_cannot_be_names_its_key(here: Path, written: str, says: str) -> None:
    (here / "broker.toml").write_text(written)
    with pytest.raises(SettingsError, match=says):
        Settings.read()
