"""The databases that rows are measured on, each new and gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.bench.harness import Missing, scratch
from tests.support import services

_KEPT: Final = ExitStack()
"""A server of our own, once it had to be started."""


@dataclass(frozen=True, slots=True)
class Database:
    name: str
    fresh: Callable[[], AbstractContextManager[str]]
    """The URL of a new, empty one. Raises Missing."""


@contextmanager
def _sqlite() -> Iterator[str]:
    with scratch() as folder:
        yield f"sqlite:///{folder / 'broker.db'}"


@contextmanager
def _postgresql() -> Iterator[str]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(services.postgres_server())
        except (pytest.skip.Exception, pytest.fail.Exception) as away:
            raise Missing(str(away)) from None
        yield stack.enter_context(services.postgres_database(server))


SQLITE: Final = Database("SQLite", _sqlite)
POSTGRESQL: Final = Database("PostgreSQL", _postgresql)
BOTH: Final = (SQLITE, POSTGRESQL)
