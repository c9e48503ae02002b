"""What local clouds were asked and what they answered: a line of JSON for each exchange.

The lines are for a checker that knows the clouds' specifications, and hold credentials of local
clouds, which end with them.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from providers.emulators.wire import Face, Reply, Request

if TYPE_CHECKING:
    from types import TracebackType


class Exchange(NamedTuple):
    cloud: str
    request: Request
    reply: Reply


def cloud_of(face: Face) -> str:
    """The module of the face, or of the one that another stands in front of, by its last name."""
    while isinstance(inner := getattr(face, "face", None), Face):
        face = inner
    package, _, name = type(face).__module__.rpartition(".")
    return name if package == __package__ else ""


class Transcript:
    """Appends to a file that several processes may share: a line is one write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def heard(self, face: Face, request: Request, reply: Reply) -> None:
        told = {
            "cloud": cloud_of(face),
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "sent_headers": dict(request.headers),
            "sent": base64.b64encode(request.body).decode(),
            "target": request.target,
            "status": reply.status,
            "headers": dict(reply.headers),
            "told": base64.b64encode(reply.body).decode(),
        }
        with self._lock:
            os.write(self._file, f"{json.dumps(told)}\n".encode())


def read_transcript(lines: Iterable[str]) -> Iterator[Exchange]:
    """The exchanges of whole lines. Raises KeyError or ValueError for what is none."""
    for line in lines:
        told = json.loads(line)
        request = Request(
            method=told["method"],
            path=told["path"],
            query=told["query"],
            headers=told["sent_headers"],
            body=base64.b64decode(told["sent"]),
            target=told["target"],
        )
        reply = Reply(told["status"], told["headers"], base64.b64decode(told["told"]))
        yield Exchange(told["cloud"], request, reply)
