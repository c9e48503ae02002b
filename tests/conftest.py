"""Which tests may open a socket, which are slow, and where the servers are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import services

HERE: Final = Path(__file__).parent
WITH_SOCKETS: Final = frozenset({"contracts", "integration", "journeys"})
SLOW: Final = frozenset({"integration", "journeys"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        lane = item.path.relative_to(HERE).parts[0]
        if lane in WITH_SOCKETS:
            item.add_marker("enable_socket")
        if lane in SLOW:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A URL by which databases may be created and dropped."""
    with services.postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """This session's own database, empty at its start."""
    with services.postgres_database(postgres_server) as url:
        yield url


@pytest.fixture
def fresh_postgres_url(postgres_server: str) -> Iterator[str]:
    """This test's own database, empty."""
    with services.postgres_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    return services.queue_url(services.RABBITMQ)


@pytest.fixture(scope="session")
def redis_url() -> str:
    return services.queue_url(services.REDIS)


@pytest.fixture
def queue_prefix() -> str:
    """The beginning of this test's queue names: the queue servers are shared."""
    return services.unique_name("queue")
