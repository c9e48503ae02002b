"""How soon a cloud is asked again how a machine fares."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

BUSY_RECHECK: Final = timedelta(milliseconds=250)
"""How soon a machine is looked at again that waits for its place to answer another."""
TROUBLE_RECHECK: Final = timedelta(seconds=30)
"""How soon the same order is tried again after a fault that only a person can mend."""
FIRST_POLL: Final = timedelta(milliseconds=10)
LONGEST_POLL: Final = timedelta(seconds=5)


def poll_after(tries: int) -> timedelta:
    """10 ms, then twice as long each time, to five seconds."""
    return min(FIRST_POLL * (1 << min(tries - 1, 10) if tries > 0 else 1), LONGEST_POLL)
