"""Which tests may open a socket, which are slow, where the servers are, and who listens in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from providers.emulators.host import TRANSCRIPT
from providers.emulators.wire import Wire
from tests.support import services
from tests.support.specs.listening import Listener, shown

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


@pytest.fixture(scope="session", autouse=True)
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    """Hears every local cloud that a test of this session starts."""
    one = Listener(tmp_path_factory.mktemp("clouds") / "transcript.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "heard", one.heard)
        patch.setitem(os.environ, TRANSCRIPT, str(one.transcript))
        yield one
    if found := one.complaints():
        pytest.fail(shown(found), pytrace=False)


@pytest.fixture(autouse=True)
def conforming(request: pytest.FixtureRequest, listener: Listener) -> Iterator[None]:
    """Fails the test in which an adapter or a local cloud spoke against the specification."""
    yield
    found = listener.complaints()
    misspoken = request.node.get_closest_marker("misspoken")
    if misspoken is None and found:
        pytest.fail(shown(found), pytrace=False)
    if misspoken is not None and not found:
        pytest.fail("this test is marked as misspoken, and all it said conforms", pytrace=False)


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
