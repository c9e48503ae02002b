"""One thread for all the handles of a broker: it follows the log and settles what has ended."""

from __future__ import annotations

from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Final

from broker.client.connection import Connection
from broker.client.errors import BrokerError, BrokerUnavailable
from broker.client.handle import OVER, PAGE, JobHandle

EVERY_S: Final = 0.1
PATIENCE_S: Final = 60.0
"""How long a broker may be silent before what waits for it is told."""
_ENDS: Final = {
    "JobFinished": "finished",
    "JobFailed": "failed",
    "JobCancelled": "cancelled",
    "JobUnmet": "unmet",
}


class Watch:
    """Settles handles when their jobs end. Its thread is started by the first of them."""

    def __init__(self, connection: Connection) -> None:
        self._line = connection
        self._lock = Lock()
        self._waiting: dict[str, list[JobHandle]] = {}
        self._ended: dict[str, dict[str, Any]] = {}
        """Ends that were read before their handle was known."""
        self._closed = Event()
        self._thread: Thread | None = None

    def add(self, handles: list[JobHandle]) -> None:
        """Watch jobs that were submitted just now."""
        for handle in handles:
            with self._lock:
                end = self._ended.get(handle.id)
                if end is None:
                    self._waiting.setdefault(handle.id, []).append(handle)
            if end is not None:
                _settle(handle, end)
        if handles and self._thread is None:
            self._thread = Thread(
                target=self._follow, args=(handles[0].id,), name="broker-watch", daemon=True
            )
            self._thread.start()

    def meet(self, handle: JobHandle, view: dict[str, Any]) -> None:
        """Watch a job of any age; `view` is how it stands."""
        if view["state"] in OVER:
            handle.settle(view["state"], view.get("exit_code"), view.get("reason", ""))
            return
        self.add([handle])
        again = self._line.get(f"/v1/jobs/{handle.id}")  # it may have ended before it was added
        if again["state"] in OVER:
            handle.settle(again["state"], again.get("exit_code"), again.get("reason", ""))

    def close(self) -> None:
        """Stop; what is still waited for will not be told."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=EVERY_S * 20)
        self._give_up(BrokerUnavailable("the connection was closed", hint="open it again"))

    def _follow(self, first: str) -> None:
        after: int | None = None
        heard = monotonic()
        while not self._closed.is_set():
            try:
                after = self._start(first) if after is None else self._read(after)
                heard = monotonic()
            except BrokerError as broken:
                if monotonic() - heard > PATIENCE_S:
                    self._give_up(broken)
                    heard = monotonic()
            self._closed.wait(EVERY_S)

    def _start(self, first: str) -> int | None:
        """The position before the first job's; None while it is not sealed yet."""
        facts = self._line.get(f"/v1/jobs/{first}/events", limit=1)["items"]
        return facts[0]["position"] - 1 if facts else None

    def _read(self, after: int) -> int:
        while not self._closed.is_set():
            page = self._line.get("/v1/facts", after=after, limit=PAGE)
            after = page["next"]
            for fact in page["items"]:
                if fact["type"] in _ENDS:
                    self._end(fact)
            if len(page["items"]) < PAGE:
                break
        return after

    def _end(self, fact: dict[str, Any]) -> None:
        job = fact["data"]["job"]
        with self._lock:
            self._ended[job] = fact
            handles = self._waiting.pop(job, [])
        for handle in handles:
            _settle(handle, fact)

    def _give_up(self, error: BrokerError) -> None:
        with self._lock:
            left = [handle for handles in self._waiting.values() for handle in handles]
            self._waiting.clear()
        for handle in left:
            if not handle.done():
                handle.set_exception(error)


def _settle(handle: JobHandle, fact: dict[str, Any]) -> None:
    data = fact["data"]
    handle.settle(_ENDS[fact["type"]], data.get("exit_code"), data.get("reason") or "")
