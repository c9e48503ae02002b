"""Where the broker is: an address given, `$BROKER_URL`, `broker.toml`, or a `broker up` that runs.

Reads only what a client needs; `broker.settings` reads the same files for a server.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import Any, Final

from broker.client.errors import BrokerError

FILE: Final = "broker.toml"
PROJECT: Final = "pyproject.toml"
UP: Final = Path(".broker") / "url"
"""Where `broker up` keeps its address while it runs, and holds a lock on it."""


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    token: str | None


def find(url: str | None = None, token: str | None = None) -> Address | None:
    """The address to use, or None where nothing names one and none runs. Raises BrokerError."""
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
    url = url or _running()
    return Address(url, token) if url else None


def _running() -> str | None:
    """The broker that this user runs with `broker up` in this directory or one above it."""
    here = Path.cwd()
    found = (_alive(folder / UP) for folder in (here, *here.parents))
    return next((url for url in found if url), None)


def _alive(path: Path) -> str | None:
    """The address in the file, unless it is another user's or nobody holds it any more."""
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            try:
                flock(file, LOCK_SH | LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except (OSError, UnicodeDecodeError):
        pass
    return None


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
