"""An embedded broker that is stopped and started again gives the holder its time back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx2

from broker.domain.laws.audit import audit
from broker.domain.values import instant
from broker.steps.beat import SILENT_FOR
from tests.support.clouds import eventually
from workers.embedded import Engine, start

_JOB = {
    "kind": "training",
    "name": "asked",
    "run": "true",
    "resources": {"gpu": "A100-80GB"},
}


def the_offer(engine: Engine) -> dict[str, Any]:
    """The one offer there is, once there is one."""
    with httpx2.Client(base_url=engine.url, trust_env=False) as http:
        found: list[dict[str, Any]] = []

        def put() -> bool:
            found[:] = http.get("/v1/offers").json()["items"]
            return bool(found)

        assert eventually(put, 20)
        return found[0]


def test_a_window_outlives_a_broker_that_was_stopped(tmp_path: Path) -> None:
    with start(data_dir=tmp_path, desk="person") as engine:
        with httpx2.Client(base_url=engine.url, trust_env=False) as http:
            answer = http.post("/v1/jobs", json=_JOB)
            assert answer.status_code == 201, answer.text
            job = answer.json()["id"]
            http.get(f"/v1/offers/{the_offer(engine)['id']}/notice")
        offer = the_offer(engine)
        assert offer["state"] == "open"
    threading.Event().wait(SILENT_FOR.total_seconds() + 1)
    with start(data_dir=tmp_path, desk="person") as engine:
        again = the_offer(engine)
        engine.store.seal()
        facts = list(engine.store.facts(limit=10_000))
        (up,) = (fact for fact in facts if fact.type == "BrokerUp")
        away = instant(up.data["to"]) - instant(up.data["from"])
        assert away > SILENT_FOR
        assert again["state"] == "open"
        moved = instant(again["expires_at"]) - instant(offer["expires_at"])
        assert SILENT_FOR < moved <= away  # the window may have opened after the last sign of life
        assert job in {fact.data.get("job") for fact in facts}
        assert audit(facts).holds
