"""Quotes over HTTP and on the databases: the same words as in Python, and nothing written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from broker.domain.offer import Desk
from broker.domain.quote import Waited
from tests.support.api import AZURE, GPUS, LATE_2026, SMALL, an_office, fault, submit


def test_a_quote_is_answered_and_nothing_is_written(tmp_path: Path) -> None:
    with an_office(tmp_path) as office, office.client() as client:
        said = client.post("/v1/quotes", json=SMALL | GPUS | {"duration": "2h"}).json()
        assert [(row["rank"], row["provider"], row["total_cost"]) for row in said["offers"]] == [
            (1, "azure", "196.64"),
            (2, "aws", "181.00"),
        ]
        assert said["course"][0].startswith("offer 1 unit to the holder first under compute-rofr")
        assert client.get("/v1/jobs").json()["items"] == []


def test_a_quote_tells_how_long_machines_took_there_lately(tmp_path: Path) -> None:
    with an_office(tmp_path, Desk.AUTOMATIC) as office, office.client() as client:
        submit(client)
        office.work()
        waits = office.store.board.waits(LATE_2026 - timedelta(days=7))
        assert waits == {AZURE: Waited(0, 0)}
        said = client.post("/v1/quotes", json=SMALL | GPUS).json()
        assert [row["wait_p50_s"] for row in said["offers"]] == [0, None]
        assert office.store.board.waits(LATE_2026 + timedelta(days=1)) == {}


def test_a_quote_for_a_job_that_cannot_be_names_the_field(tmp_path: Path) -> None:
    with an_office(tmp_path) as office, office.client() as client:
        said = client.post("/v1/quotes", json=SMALL | {"resources": {"gpu": "X900"}})
        assert said.status_code == 422
        assert fault(said)["field"].endswith("resources.gpu")
