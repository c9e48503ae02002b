"""A small HTTP/1.1 server on loopback: what every face of a local cloud listens with."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from typing import Any, Final, Protocol, TypeAlias, cast, runtime_checkable
from urllib.parse import parse_qsl, unquote, urlsplit

from typing_extensions import override

from providers.emulators.breaks import Break, Stage, broken_off

BODY_LIMIT: Final = 1 << 20
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    """Percent-decoded; `target` is what really stood in the request line."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    target: str

    @property
    def origin(self) -> str:
        """The address this server was asked under, for links that must be absolute."""
        return f"http://{self.headers['host']}"

    def json(self) -> Any:  # noqa: ANN401 - whatever the caller sent
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    dropped: bool = False
    """The work was done, and the connection breaks before a word of the answer is sent."""
    broken: Break | None = None
    """What happens to the connection in the place of the answer, or in its midst."""
    twice: bool = False
    """The answer is sent a second time right behind the first."""


Answer: TypeAlias = Callable[..., Reply]
"""Takes the request and, by keyword, the named groups of its route's pattern."""


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    pattern: str
    """A regular expression for the whole decoded path."""
    answer: Answer


@runtime_checkable
class Face(Protocol):
    """One cloud's HTTP, over the one model of a cloud."""

    def routes(self) -> Iterable[Route]: ...

    def no_route(self, request: Request) -> Reply:
        """The cloud's own form of "there is nothing at this path"."""
        ...


def json_reply(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body; None is no body at all."""
    if body is None:
        return Reply(status, headers or {})
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Reply(status, {**kind, **(headers or {})}, json.dumps(body).encode())


def _nothing() -> None:
    """Nothing is to happen."""


class Wire:
    """Serves one face on 127.0.0.1 and a port the system picks, from construction to `close`."""

    heard: Callable[[Face, Request, Reply], None] | None = None
    """Told of every request that reached the face, and of its answer before that leaves."""

    def __init__(self, face: Face, arriving: Callable[[], Break | None] = _nothing) -> None:
        """`arriving` says what is to happen to a call of which nothing was read yet."""
        self.arriving = arriving
        self._routes = [(r.method, re.compile(r.pattern), r.answer) for r in face.routes()]
        self._face = face
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._own_hosts = {f"{LOOPBACK}:{self.port}", f"localhost:{self.port}"}
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name=f"wire-{self.port}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def answer(self, request: Request) -> Reply:
        """What the face says; a page of another origin, or another name for us, gets nothing."""
        origin = request.headers.get("origin")
        if request.headers.get("host") not in self._own_hosts or (
            origin is not None and origin.removeprefix("http://") not in self._own_hosts
        ):
            return json_reply(HTTPStatus.FORBIDDEN, {"error": "this address is for its own host"})
        reply = self._routed(request)
        unsaid = reply.broken is not None and reply.broken.stage is Stage.BEFORE
        if self.heard is not None and not unsaid:
            self.heard(self._face, request, reply)
        return reply

    def _routed(self, request: Request) -> Reply:
        for method, pattern, answer in self._routes:
            if method == request.method and (found := pattern.fullmatch(request.path)):
                return answer(request, **found.groupdict())
        return self._face.no_route(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.open: set[socket.socket] = set()
        super().__init__((LOOPBACK, 0), _Connection)

    def hang_up(self) -> None:
        """Close what callers keep open for their next request."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is nothing to report."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600.0
    server: _Server

    @override
    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    @override
    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    @override
    def handle_one_request(self) -> None:
        try:
            coming = cast("BufferedReader", self.rfile).peek(1)
        except OSError:
            coming = b""
        if not coming:
            self.close_connection = True
            return
        broken = self.server.wire.arriving()
        if broken is None:
            super().handle_one_request()
            return
        if broken.stage is Stage.REQUEST:
            self.rfile.read(broken.byte)
        self._break_off(broken)

    def _break_off(self, broken: Break) -> None:
        self.close_connection = True
        broken_off(self.connection, broken.how)

    def _serve(self) -> None:
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
            return
        if int(length) > BODY_LIMIT:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        target = urlsplit(self.path)
        reply = self.server.wire.answer(
            Request(
                method=self.command,
                path=unquote(target.path),
                query=dict(parse_qsl(target.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=body,
                target=self.path,
            )
        )
        self._send(reply)

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._send(json_reply(status, {"error": status.phrase}, {"Connection": "close"}))

    def _send(self, reply: Reply) -> None:
        if reply.dropped:
            self.close_connection = True
            return
        # Status, headers and body leave in one write: two would cost a packet each.
        lines = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        body_allowed = reply.status != HTTPStatus.NO_CONTENT
        if body_allowed:
            lines.append(f"Content-Length: {len(reply.body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        body = reply.body if body_allowed and self.command != "HEAD" else b""
        answer = (head + body) * (2 if reply.twice else 1)
        if reply.broken is None:
            self.wfile.write(answer)
            return
        if reply.broken.stage is Stage.ANSWER:
            self.wfile.write(answer[: reply.broken.byte])
        self._break_off(reply.broken)

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Answer"
