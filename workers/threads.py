"""Celery's worker on threads of this process: no signals, no banner, no log of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, Final

from celery import Celery
from celery.concurrency.base import BasePool, apply_target
from celery.worker import WorkController
from typing_extensions import override

_READY_S: Final = 10.0
_LOOKS_UP_S: Final = 0.1


class DaemonThreads(BasePool):
    """Threads that know which app's tasks they run, and that no interpreter waits for at its end.

    Celery's own pool of threads asks for the current app, and here none is.
    """

    body_can_be_buffer = True
    signal_safe = False

    @override
    def on_start(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)
            for number in range(self.limit)
        ]
        for thread in self._threads:
            thread.start()

    @override
    def on_stop(self) -> None:
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    @override
    def on_apply(
        self,
        target: Callable[..., object],
        args: Sequence[object] = (),
        kwargs: Mapping[str, Any] | None = None,
        callback: Callable[..., object] | None = None,
        accept_callback: Callable[..., object] | None = None,
        **_: object,
    ) -> None:
        bound = {**(kwargs or {}), "app": self.app}
        self._work.put(lambda: apply_target(target, args, bound, callback, accept_callback))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class WorkerThread:
    """One Celery worker, its consumer on a thread of its own."""

    def __init__(self, app: Celery, name: str, queues: Sequence[str], threads: int) -> None:
        self._ready = threading.Event()
        self._worker = WorkController(
            app=app,
            hostname=name,
            queues=list(queues),
            pool=DaemonThreads,
            concurrency=threads,
            use_eventloop=False,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            ready_callback=self._begin,
        )
        self._thread = threading.Thread(target=self._worker.start, name=name, daemon=True)

    def start(self) -> None:
        """Returns when the worker consumes."""
        self._thread.start()
        if not self._ready.wait(_READY_S):
            raise RuntimeError(f"the worker {self._thread.name} did not begin to consume")

    def stop(self) -> None:
        """Finish what has begun."""
        self._worker.stop()
        self._thread.join()

    def _begin(self, consumer: Any) -> None:  # noqa: ANN401 - Celery's consumer, untyped
        # Celery waits two seconds for a message before it looks whether it is to stop.
        patient = consumer.connection.drain_events
        consumer.connection.drain_events = lambda timeout=None: patient(  # noqa: ARG005
            timeout=_LOOKS_UP_S
        )
        self._ready.set()
