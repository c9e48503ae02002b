"""The clock by which stock changes."""

from __future__ import annotations

import time
from collections.abc import Callable


def stock_clock(speed: float = 1.0) -> Callable[[], float]:
    """Seconds of stock time, from 0 on; it runs so many times as fast."""
    zero = time.monotonic()
    return lambda: (time.monotonic() - zero) * speed
