"""moto's EC2, an emulator written by others, with what it lacks for us in front of it.

EC2 answers a client token it knows with the first call's machine, and with a mismatch where the
call is another one; moto launches again. EC2 ends what is ended any number of times; moto misses
the network interface that went with it.
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import pytest
from moto import settings
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import EnvironHeaders
from werkzeug.serving import make_server

from providers.emulators.wire import LOOPBACK
from tests.support.specs import Exchange

ACCOUNT: Final = "123456789012"
_MISMATCH: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
    "<Code>IdempotentParameterMismatch</Code><Message>Arguments on this idempotent request are "
    "inconsistent with arguments used in previous request(s).</Message></Error></Errors>"
    "<RequestID>layer</RequestID></Response>"
)
_ENDED: Final = (
    "<item><instanceId>{}</instanceId>"
    "<currentState><code>48</code><name>terminated</name></currentState>"
    "<previousState><code>48</code><name>terminated</name></previousState></item>"
)
_TERMINATED: Final = (
    '<TerminateInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<requestId>layer</requestId><instancesSet>{}</instancesSet></TerminateInstancesResponse>"
)
_XML: Final = [("Content-Type", "text/xml;charset=UTF-8")]

Environ: TypeAlias = dict[str, Any]
Start: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, Start], Iterable[bytes]]
Answer: TypeAlias = tuple[str, list[tuple[str, str]], bytes]


@dataclass(slots=True)
class Layer:
    """A WSGI application around moto's: what was done, by token or by number, is done once."""

    app: App
    heard: Callable[[Exchange], None]
    _known: dict[str, tuple[dict[str, str], Answer]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = dict(parse_qsl(sent.decode(), keep_blank_values=True))
        status, headers, told = self._answer(environ, sent, asked)
        self.heard(_exchange(environ, sent, (status, headers, told)))
        start(status, headers)
        return [told]

    def _answer(self, environ: Environ, sent: bytes, asked: dict[str, str]) -> Answer:
        match asked.get("Action"):
            case "RunInstances" if token := asked.pop("ClientToken", ""):
                return self._launched(environ, sent, asked, token)
            case "TerminateInstances" if (ended := _ended(asked)) is not None:
                return "200 OK", _XML, ended.encode()
            case _:
                return self._passed_on(environ, sent)

    def _launched(self, environ: Environ, sent: bytes, asked: dict[str, str], token: str) -> Answer:
        with self._lock:
            if token in self._known:
                before, answer = self._known[token]
                return answer if before == asked else ("400 Bad Request", _XML, _MISMATCH.encode())
            answer = self._passed_on(environ, sent)
            if answer[0].startswith("200"):
                self._known[token] = asked, answer
            return answer

    def _passed_on(self, environ: Environ, sent: bytes) -> Answer:
        said: list[Any] = []
        body = self.app(
            {**environ, "wsgi.input": io.BytesIO(sent)},
            lambda status, headers, _=None: said.extend((status, headers)),
        )
        return said[0], said[1], b"".join(body)


def _ended(asked: dict[str, str]) -> str | None:
    """EC2's answer where all that is to be ended has ended."""
    wanted = [value for name, value in asked.items() if name.startswith("InstanceId.")]
    states = {one.id: one.state for one in _instances()}
    if any(states.get(instance) != "terminated" for instance in wanted):
        return None
    return _TERMINATED.format("".join(_ENDED.format(instance) for instance in wanted))


def _instances() -> list[Any]:
    return [one for backend in ec2_backends[ACCOUNT].values() for one in backend.all_instances()]


def _exchange(environ: Environ, sent: bytes, answer: Answer) -> Exchange:
    status, headers, told = answer
    return Exchange(
        cloud="aws",
        method=environ["REQUEST_METHOD"],
        target=environ["RAW_URI"],
        sent_headers={name.lower(): value for name, value in EnvironHeaders(environ).items()},
        sent=sent,
        status=int(status.partition(" ")[0]),
        headers={name.lower(): value for name, value in headers},
        told=told,
    )


@dataclass(frozen=True, slots=True)
class Moto:
    """One account, empty at the start."""

    endpoint: str
    hang_up: Callable[[], None]

    def instances(self) -> list[Any]:
        """As moto itself keeps them, gone or not."""
        return _instances()


@contextmanager
def moto(heard: Callable[[Exchange], None]) -> Iterator[Moto]:
    """A server on a port of its own until the block ends; `heard` is told of every exchange."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    ec2_backends[ACCOUNT].reset()
    layer = Layer(DomainDispatcherApplication(create_backend_app), heard)
    server = make_server(LOOPBACK, 0, layer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    over = threading.Event()

    def hang_up() -> None:
        if not over.is_set():
            over.set()
            server.shutdown()
            server.server_close()
            thread.join()

    with pytest.MonkeyPatch.context() as patch:
        # Unless told to, moto takes any word for a machine type.
        patch.setattr(settings, "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", True)
        try:
            yield Moto(f"http://{LOOPBACK}:{server.server_port}", hang_up)
        finally:
            hang_up()
