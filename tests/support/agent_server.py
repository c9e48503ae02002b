"""The broker's side of the agent protocol, scripted: what it answers is the test's to say."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias

from typing_extensions import override

Json: TypeAlias = dict[str, Any]

TOKEN = "one-time-token"  # noqa: S105 - opens nothing but this server
ENROL, BEAT = "/v1/agent/enrol", "/v1/agent/beat"
LOST, BROKEN = "lost", "broken"
"""A fault of one beat: acted upon but the answer is lost; or a 503 before anything is done."""


def soon(claim: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the claim came to hold within the time."""
    deadline = time.monotonic() + seconds
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.01)
    return claim()


class AgentServer:
    """One machine's broker. It stores a chunk once, whatever is repeated."""

    def __init__(self, *, lapses_s: float = 30.0) -> None:
        self.lapses_s = lapses_s
        self.work: deque[Json] = deque()
        self.order: str | None = None
        self.faults: deque[str] = deque()
        self.away = False
        self.session: str | None = None
        self.enrolments: list[Json] = []
        self.beats: list[Json] = []
        self.first_chunk_at: float | None = None
        self.stored: dict[tuple[str, int], Json] = {}
        self.repeated = 0
        self.ended: dict[str, int] = {}
        self.timed_out: set[str] = set()
        self.news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._requests())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def give(self, run: str, *, lease: str = "lease-1", **more: object) -> None:
        work = {"lease": lease, "run": run, "env": {}, "grace_s": 30, "timeout_s": None}
        with self.news:
            self.work.append({**work, **more})
            self.news.notify_all()

    def until(self, claim: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for the claim, looked at after every call of the agent. Raises TimeoutError."""
        with self.news:
            if not self.news.wait_for(claim, seconds):
                raise TimeoutError(f"the last beat was {self.beats[-1:]}")

    def text(self, stream: str, lease: str = "lease-1") -> str:
        """What was logged, in the order of its numbers."""
        chunks = sorted(self.stored.items())
        parts = (c["text"] for (of, _), c in chunks if of == lease and c["stream"] == stream)
        return "".join(parts)

    def answer(self, path: str, body: Json, bearer: str) -> tuple[int, Json] | None:
        """Status and answer to one call; None is an answer that is lost."""
        with self.news:
            if self.away:
                return 503, {}
            if path == ENROL:
                return self._enrolled(body)
            if bearer != f"Bearer {self.session}":
                return 401, {}
            self.beats.append(body)
            fault = self.faults.popleft() if self.faults and body["chunks"] else None
            if fault == BROKEN:
                return 503, {}
            answer = self._heard(body)
            self.news.notify_all()
            return None if fault == LOST else (200, answer)

    def _enrolled(self, body: Json) -> tuple[int, Json]:
        self.enrolments.append(body)
        if body["token"] != TOKEN or self.session not in (None, body["session"]):
            return 409, {}
        self.session = body["session"]
        self.news.notify_all()
        return 200, {"machine": "cb-0123", "beat_s": 1.0, "grace_s": 30}

    def _heard(self, body: Json) -> Json:
        for chunk in body["chunks"]:
            key = (chunk["lease"], chunk["seq"])
            self.repeated += key in self.stored
            assert self.stored.setdefault(key, chunk) == chunk
            self.first_chunk_at = self.first_chunk_at or time.monotonic()
        if body["state"] == "ended":
            self.ended[body["lease"]] = body["exit_code"]
            if body["timed_out"]:
                self.timed_out.add(body["lease"])
        acked = max((seq for lease, seq in self.stored if lease == body["lease"]), default=0)
        answer = {"do": "wait", "wait_s": 0.02, "acked": acked, "lapses_s": self.lapses_s}
        if body["state"] == "idle":
            self.news.wait_for(lambda: self.work or self.order, 0.2)
            if self.work:
                return {**answer, "do": "run", "work": self.work.popleft()}
        return {**answer, "do": self.order or "wait"}

    def _requests(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                text = self.rfile.read(length)
                if len(text) < length:  # the agent went amid its question
                    self.close_connection = True
                    return
                bearer = self.headers["Authorization"] or ""
                answer = server.answer(self.path, json.loads(text), bearer)
                if answer is None:
                    self.close_connection = True
                    return
                payload = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            @override
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # an agent may go amid a long poll
                    super().handle()

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the test reads `beats`."""

        return Request
