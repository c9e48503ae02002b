"""Where settings and data lie."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from platformdirs import user_data_path

from broker.domain.values import ProviderName
from broker.settings.wording import SettingsError

FILE: Final = "broker.toml"
PROJECT: Final = "pyproject.toml"


def data_path() -> Path:
    """The user's data directory of the broker, which need not be there."""
    return user_data_path("capacity-broker", appauthor=False)


def sqlite_url(directory: Path) -> str:
    """The database in a directory."""
    return f"sqlite:///{directory.resolve() / 'broker.db'}"


def settings_file(start: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest file upwards that has settings, and what it says. Raises SettingsError."""
    for folder in (start, *start.parents):
        for path in (folder / FILE, folder / PROJECT):
            if path.is_file():
                written = _written(path)
                if written is not None:
                    return path, written
    return None, {}


def _written(path: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as broken:
        if path.name == PROJECT:
            return None
        raise SettingsError(f"{path} cannot be read: {broken}") from None
    of_a_project: dict[str, Any] | None = document.get("tool", {}).get("broker")
    return of_a_project if path.name == PROJECT else document


def accounts_in(path: Path | None) -> dict[ProviderName, dict[str, str]]:
    """The accounts of a file, by cloud. Raises SettingsError."""
    if path is None:
        return {}
    try:
        accounts = json.loads(path.read_text(encoding="utf-8"))
        return {ProviderName(name): dict(account) for name, account in accounts.items()}
    except (OSError, ValueError, AttributeError, TypeError) as broken:
        raise SettingsError(f"clouds_file: {path} holds no accounts: {broken}") from None
