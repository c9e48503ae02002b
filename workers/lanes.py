"""Calls to a cloud, many at a time: each in a thread that no interpreter waits for at its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from broker.domain.values import MachineName

_LOG: Final = logging.getLogger(__name__)

_Call: TypeAlias = tuple[MachineName, Callable[[], Any]]


class ThreadLanes:
    """So many calls at once; the threads are made when they are first needed, and kept.

    `ended` hands on what a call returned, or the exception that it broke with.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._threads = self._out = 0
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._ended: list[tuple[MachineName, Any]] = []
        self._rung = False

    @property
    def free(self) -> int:
        return self._size - self._out

    def begin(self, name: MachineName, call: Callable[[], Any]) -> None:
        self._out += 1
        if self._out > self._threads:
            self._threads += 1
            title = f"{self._name}-{self._threads}"
            threading.Thread(target=self._run, name=title, daemon=True).start()
        self._calls.put((name, call))

    def ended(self, wait_s: float | None) -> list[tuple[MachineName, Any]]:
        with self._changed:
            if wait_s != 0:
                self._changed.wait_for(lambda: self._ended or self._rung, wait_s)
                self._rung = False
            ended, self._ended = self._ended, []
        self._out -= len(ended)
        return ended

    def ring(self) -> None:
        """There may be something to do: whoever waits for a call's end is to look. Any thread."""
        with self._changed:
            self._rung = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let the threads go; one whose call hangs goes when that has ended."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            name, call = work
            try:
                said = call()
            except Exception as broken:  # noqa: BLE001 - an adapter raises nothing that it could have told
                _LOG.exception("a call about %s broke off", name)
                said = broken
            with self._changed:
                self._ended.append((name, said))
                self._changed.notify_all()
