"""What one process tells of its commits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from broker.ports import Upcoming

SEALS_AFTER_S: Final = 0.005
"""How long facts wait for company before they are sealed."""


class Commits:
    """What is told of every commit: a nudge at once, in its own thread, then the relay's turn."""

    def __init__(self) -> None:
        self.woken, self.over = threading.Event(), threading.Event()
        self.hear: Callable[[Upcoming], object] | None = None

    def tell(self, written: Upcoming) -> None:
        if self.hear is not None:
            self.hear(written)
        self.woken.set()

    def wait(self, seconds: float) -> None:
        if self.woken.wait(seconds):
            self.over.wait(SEALS_AFTER_S)  # what was just nudged for goes first
        self.woken.clear()
