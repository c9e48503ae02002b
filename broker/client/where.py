"""Where the broker is: an address given, `$BROKER_URL`, `broker.toml`, the user's own file.

Reads only what a client needs; `broker.settings` reads the same files for a server.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from broker.client.errors import BrokerError

FILE: Final = "broker.toml"
PROJECT: Final = "pyproject.toml"
UP: Final = Path(".broker") / "url"
"""Where `broker up` keeps its address while it runs."""


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    token: str | None


def find(url: str | None = None, token: str | None = None) -> Address | None:
    """The address to use, or None where nothing names one. Raises BrokerError."""
    environment = os.environ  # noqa: TID251 - broker.settings would cost a quarter of a second
    url = url or environment.get("BROKER_URL")
    token = token or environment.get("BROKER_TOKEN")
    if url and token:
        return Address(url, token)
    for path in _files():
        written = _written(path)
        if not url and written.get("url"):
            url = str(written["url"])
        if url and not token and written.get("token"):
            token = str(written["token"])
        if url:
            break
    return Address(url, token) if url else None


def up_here() -> Address | None:
    """The broker that `broker up` runs in this directory, if one does."""
    try:
        url = UP.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Address(url, None) if url else None


def _files() -> Iterator[Path]:
    here = Path.cwd()
    for folder in (here, *here.parents):
        for path in (folder / FILE, folder / PROJECT):
            if path.is_file():
                yield path
    from platformdirs import user_config_path  # noqa: PLC0415 - needed only this far down

    own = user_config_path("capacity-broker", appauthor=False) / FILE
    if own.is_file():
        yield own


def _written(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as broken:
        if path.name == PROJECT:
            return {}
        raise BrokerError(f"{path} cannot be read: {broken}", code="invalid_settings") from None
    if path.name == PROJECT:
        ours: dict[str, Any] = document.get("tool", {}).get("broker", {})
        return ours
    return document
