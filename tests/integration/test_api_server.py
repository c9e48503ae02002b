"""The same over a real socket: held beats, streams that live, a server that lets go."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest

from broker.api.app import create_app
from broker.api.pulse import head
from broker.api.serving import PortTakenError, listen, serving
from broker.domain.chain import Fact
from broker.domain.offer import Desk
from broker.steps.run import token_of
from tests.support.agent_server import soon
from tests.support.api import SECRET, SMALL, Office, an_office

AGENTS = 60
"""More than the threads that a server has."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path, Desk.AUTOMATIC) as office:
        yield office


@pytest.fixture
def url(office: Office) -> Iterator[str]:
    with serving(create_app(office.context), listen("127.0.0.1", 0)) as url:
        yield url


def call(
    url: str,
    path: str,
    body: object = None,
    session: str = "",
) -> tuple[int, Any]:
    line = HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {session}"}
    method = "GET" if body is None else "POST"
    line.request(method, path, None if body is None else json.dumps(body), headers)
    with line.getresponse() as answer:
        said = answer.status, json.loads(answer.read())
    line.close()
    return said


def a_session(url: str, office: Office, unit: int = 0) -> str:
    """Of the agent on the machine of a unit of the only job."""
    (name,) = (
        seen.machine.name for seen in office.store.board.fleet() if seen.machine.unit == unit
    )
    body = {"token": token_of(name, SECRET), "session": f"session of {unit}"}
    assert call(url, "/v1/agent/enrol", body)[0] == 200
    return body["session"]


def idle(url: str, session: str) -> Any:  # noqa: ANN401
    body: dict[str, Any] = {
        "state": "idle",
        "lease": None,
        "exit_code": None,
        "chunks": [],
        "port": 4000,
    }
    return call(url, "/v1/agent/beat", body, session)[1]


def stream(url: str, path: str) -> tuple[Queue[str], threading.Thread]:
    """The lines of a stream as they come, to their end."""
    lines: Queue[str] = Queue()

    def read() -> None:
        line = HTTPConnection(urlsplit(url).netloc, timeout=30)
        line.request("GET", path, headers={"Accept": "text/event-stream"})
        with line.getresponse() as answer:
            for text in answer:
                lines.put(text.decode())
        line.close()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return lines, thread


def placed(url: str, office: Office, jobs: int = 1, **fields: Any) -> list[str]:  # noqa: ANN401
    spec = SMALL | {"resources": {"gpu": "H100:8"}} | fields
    ids = [call(url, "/v1/jobs", spec)[1]["id"] for _ in range(jobs)]
    office.work()
    return ids


def test_many_held_beats_hold_no_thread_and_end_when_there_is_work(
    url: str, office: Office
) -> None:
    """A gang of two: the second has nothing to do until the first tells where they meet."""
    placed(url, office, nodes=2)
    second = a_session(url, office, 1)
    with ThreadPoolExecutor(AGENTS) as pool:
        beats: list[Future[Any]] = [pool.submit(idle, url, second) for _ in range(AGENTS)]
        assert call(url, "/v1/health")[0] == 200
        assert not any(beat.done() for beat in beats)
        first = idle(url, a_session(url, office, 0))
        told = [beat.result(timeout=20) for beat in beats]
    assert {one["do"] for one in [first, *told]} == {"run"}
    assert {one["work"]["env"]["MASTER_PORT"] for one in told} == {"4000"}


def test_a_held_beat_learns_that_its_job_is_no_more(url: str, office: Office) -> None:
    (job,) = placed(url, office, nodes=2)
    session = a_session(url, office, 1)
    with ThreadPoolExecutor(1) as pool:
        beat = pool.submit(idle, url, session)
        call(url, f"/v1/jobs/{job}/cancel", {})
        office.seal()
        assert beat.result(timeout=20)["do"] == "end"


def test_a_stream_tells_what_happens_after_it_was_opened_and_ends(url: str, office: Office) -> None:
    (job,) = placed(url, office)
    office.seal()
    lines, thread = stream(url, f"/v1/jobs/{job}/logs")
    session = a_session(url, office)
    lease = idle(url, session)["work"]["lease"]
    at = "2026-11-22T12:00:00.000000Z"
    chunk = {"lease": lease, "seq": 1, "at": at, "stream": "out", "text": "hello\n"}
    beat = {"state": "running", "lease": lease, "exit_code": None, "chunks": [chunk]}
    call(url, "/v1/agent/beat", beat, session)
    assert "id: 1" in lines.get(timeout=10)
    assert "event: chunk" in lines.get(timeout=10)
    assert json.loads(lines.get(timeout=10).removeprefix("data: "))["text"] == "hello\n"
    beat = {"state": "ended", "lease": lease, "exit_code": 3, "chunks": []}
    call(url, "/v1/agent/beat", beat, session)
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert call(url, f"/v1/jobs/{job}")[1]["exit_code"] == 3


def test_a_server_that_stops_lets_its_streams_go(office: Office) -> None:
    line = listen("127.0.0.1", 0)
    with serving(create_app(office.context), line) as url:
        (job,) = placed(url, office)
        office.seal()
        lines, thread = stream(url, f"/v1/jobs/{job}/events")
        assert lines.get(timeout=10).startswith("id: ")
        began = time.monotonic()
    assert time.monotonic() - began < 4
    assert soon(lambda: not thread.is_alive())


def test_a_port_in_use_is_told_in_one_sentence() -> None:
    with listen("127.0.0.1", 0) as line:
        port = line.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port} cannot be listened at"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 8, 100, 1000])
def test_the_head_of_a_log_is_found_without_reading_it(length: int) -> None:
    asked: list[int] = []

    def facts(after: int, limit: int) -> list[Fact]:
        asked.append(after)
        made = range(after + 1, min(after + limit, length) + 1)
        return [Fact(position, "", "", 1, "", {}, "", "") for position in made]

    assert head(facts) == length
    assert len(asked) <= 25
