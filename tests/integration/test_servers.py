"""The servers that tests stand on are what they say."""

from __future__ import annotations

import psycopg

from tests.support import services


def test_a_fresh_database_is_empty_and_is_gone_afterwards(postgres_server: str) -> None:
    with services.postgres_database(postgres_server) as url, psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
    assert tables == (0,)
    assert not services.postgres_answers(url)


def test_two_databases_of_one_server_have_two_names(
    postgres_url: str, fresh_postgres_url: str
) -> None:
    assert postgres_url != fresh_postgres_url


def test_rabbitmq_answers(rabbitmq_url: str) -> None:
    assert rabbitmq_url.startswith("amqp")


def test_redis_answers(redis_url: str) -> None:
    assert redis_url.startswith("redis")
