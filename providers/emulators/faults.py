"""What goes wrong in a local cloud on purpose."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """What a face answers instead of doing the operation."""

    operation: str
    """launch, get, operation, terminate or list."""
    status: int = 500
    code: str = "InternalError"
    message: str = ""
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    dropped: bool = False
    """Do the operation, then break the connection without an answer."""


class Faults:
    """A queue of things that go wrong on purpose."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[InjectedFault] = []

    def add(self, fault: InjectedFault) -> None:
        with self._lock:
            self._queue.append(fault)

    def take(self, operation: str) -> InjectedFault | None:
        """The next fault of the operation, counted down."""
        with self._lock:
            for index, fault in enumerate(self._queue):
                if fault.operation == operation:
                    if fault.times > 1:
                        self._queue[index] = replace(fault, times=fault.times - 1)
                    else:
                        del self._queue[index]
                    return fault
        return None
