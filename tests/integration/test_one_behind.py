"""A database exactly one migration behind: refused in one sentence, mended by `broker migrate`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from broker.settings import sqlite_url
from broker.store import schema
from broker.store.engine import engine_for
from tests.support.revisions import one_behind

BEFORE = f"{int(schema.needed()) - 1:04d}"
BROKER = str(Path(sys.executable).with_name("broker"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a database of the broker before this one lies."""
    engine = engine_for(sqlite_url(tmp_path))
    one_behind(engine)
    engine.dispose()
    return tmp_path


def broker(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    surroundings = {
        **os.environ,  # noqa: TID251 - handed on to the process that is tested
        "BROKER_DATABASE_URL": sqlite_url(folder),
        "BROKER_QUEUE_URL": "redis://127.0.0.1:1/0",
        "HOME": str(folder),
    }
    return subprocess.run(
        [BROKER, *words],
        check=False,
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "words",
    [("server", "--port", "0"), ("worker",), ("ticker",), ("up", "--port", "0", "--data-dir", ".")],
    ids=lambda words: words[0],
)
def test_it_is_refused_in_one_sentence_that_says_what_to_run(
    folder: Path, words: tuple[str, ...]
) -> None:
    refused = broker(folder, *words)
    assert refused.returncode == 2, refused.stderr
    (sentence,) = refused.stderr.strip().splitlines()
    behind = f"at revision {BEFORE}, this broker needs {schema.needed()}: run `broker migrate"
    assert behind in sentence
    engine = engine_for(sqlite_url(folder))
    assert schema.current(engine) == BEFORE
    engine.dispose()


def test_migrate_mends_it(folder: Path) -> None:
    sentence = broker(folder, "ticker").stderr
    advice = re.search(r"`broker (migrate .*)`", sentence)
    assert advice, sentence
    mended = broker(folder, *advice[1].split())
    assert mended.returncode == 0
    assert f"at revision {schema.needed()} now; it was at {BEFORE}" in mended.stderr
    engine = engine_for(sqlite_url(folder))
    schema.require_head(engine)
    engine.dispose()
