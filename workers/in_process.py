"""The queue inside one process: kombu's memory transport, told of a message instead of polling."""

from __future__ import annotations

import threading
import time
from queue import Empty
from typing import Any, ClassVar

from kombu.transport import memory
from typing_extensions import override


class Rings:
    """A count of messages that can be waited on; it belongs to the queues, which are global."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0

    def ring(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def after(self, count: int, timeout_s: float | None) -> bool:
        """Wait until the count has passed; False if it has not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count > count, timeout_s)


class Channel(memory.Channel):
    rings: ClassVar = Rings()

    @override
    def _put(self, queue: str, message: object, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        self.rings.ring()


class Transport(memory.Transport):
    Channel = Channel

    @override
    def drain_events(self, connection: object, timeout: float | None = None, **_: object) -> None:
        """Deliver one message. Raises TimeoutError, as a socket does, where none came in time."""
        cycle: Any = self.cycle
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            # Read before the queues are: what is put in between has rung by then.
            seen = Channel.rings.count
            try:
                cycle.get(self._deliver)
            except Empty:
                left_s = None if deadline is None else deadline - time.monotonic()
                if not Channel.rings.after(seen, left_s):
                    raise TimeoutError from None
            else:
                return
