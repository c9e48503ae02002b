"""What a statement loads, seen from an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

HEAVY: Final = frozenset(
    {"alembic", "azure", "boto3", "botocore", "celery", "google", "kombu", "oci"}
    | {"psycopg", "sqlalchemy", "sqlmodel"}
)


def heavy_modules_after(statement: str, surroundings: Mapping[str, str] | None = None) -> list[str]:
    """The heavy packages that one statement has loaded, by name."""
    listing = "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{listing}"],
        cwd=ROOT,
        env={**os.environ, **(surroundings or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return sorted(HEAVY.intersection(done.stdout.splitlines()[-1].split()))
