"""`broker replay` as a user calls it, without a process of its own."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from broker.replay import whatif

_NOTHING = {"desk": None, "seed": 0, "sweep": (), "oracle": False}


def asked(folder: Path | None = None, **changed: Any) -> whatif.Asked:  # noqa: ANN401 - an option's
    given = dict.fromkeys((field.name for field in fields(whatif.Asked)), None)
    directory = str(folder) if folder else None
    return whatif.Asked(**(given | _NOTHING | {"directory": directory} | changed))  # type: ignore[arg-type]


def said(capsys: pytest.CaptureFixture[str], asked_for: whatif.Asked) -> dict[str, Any]:
    """What it says to programs."""
    assert whatif.main(asked_for, as_json=True) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variant["variant"]: variant for variant in found["variants"]}


def refused(capsys: pytest.CaptureFixture[str], asked_for: whatif.Asked) -> str:
    """The one sentence with which it declines."""
    assert whatif.main(asked_for, as_json=True) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err
