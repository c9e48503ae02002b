"""Hears every exchange of every local cloud that a test starts, in this process or in another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from providers.emulators.transcript import cloud_of, read_transcript
from providers.emulators.wire import Face, Reply, Request
from tests.support.specs.exchange import Exchange, complaints

_SHOWN: Final = 12
_BESIDE: Final = ("machines",)
"""What a machine asks about itself: no cloud publishes that for a program to read."""


class Listener:
    """What was heard since the last look."""

    def __init__(self, transcript: Path) -> None:
        self.transcript = transcript
        """Where local clouds in processes of their own write."""
        self._read = 0
        self._lock = threading.Lock()
        self._heard: list[Exchange] = []

    def heard(self, face: Face, request: Request, reply: Reply) -> None:
        """Of a wire in this process. A face of a test's own has no cloud, and is not for us."""
        if cloud := cloud_of(face):
            self.add(Exchange.of(cloud, request, reply))

    def add(self, exchange: Exchange) -> None:
        """Of a server that is none of ours."""
        with self._lock:
            self._heard.append(exchange)

    def take(self) -> list[Exchange]:
        with self._lock:
            heard, self._heard = self._heard, []
        every = heard + list(self._written())
        return [exchange for exchange in every if exchange.path[0] not in _BESIDE]

    def complaints(self) -> list[str]:
        """What the specifications have against all that was heard; each sentence once."""
        found = dict.fromkeys(text for exchange in self.take() for text in complaints(exchange))
        return list(found)

    def _written(self) -> Iterator[Exchange]:
        """What others wrote since; a line that is still being written waits for the next look."""
        if not self.transcript.exists():
            return
        with self.transcript.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + 1 if whole else 0
        for cloud, request, reply in read_transcript(whole.decode().splitlines()):
            yield Exchange.of(cloud, request, reply)


def shown(found: list[str]) -> str:
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join(["not by the specification:", *found[:_SHOWN], *more])
