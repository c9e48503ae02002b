"""The app on a socket: in this thread until a signal, or in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

GRACE_S: Final = 5
BACKLOG: Final = 2048


class PortTakenError(OSError):
    """The address cannot be listened at; one sentence that says what to do."""


class ApiServer(uvicorn.Server):
    """Lets those go who wait on a stream before it waits for them."""

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.pulse.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once only where the protocol is named; else they take 40 ms
    line = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        line.bind((host, port))
        line.listen(BACKLOG)
    except OSError as taken:
        line.close()
        message = (
            f"port: {host}:{port} cannot be listened at ({taken.strerror}); "
            "stop what uses it, or choose another with --port"
        )
        raise PortTakenError(message) from None
    return line


def server_for(
    app: FastAPI, *, certificate: Path | None = None, key: Path | None = None
) -> ApiServer:
    """A server that says nothing of single requests. `run(sockets=[listen(...)])` runs it."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    return ApiServer(config)


@contextmanager
def serving(app: FastAPI, line: socket.socket) -> Iterator[str]:
    """Serve in a thread while the block lasts; yields the URL. Connections wait until it is up."""
    server = server_for(app)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [line]}, name="api", daemon=True
    )
    host, port = line.getsockname()[:2]
    thread.start()
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
        line.close()
