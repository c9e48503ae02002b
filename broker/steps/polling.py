"""How soon a cloud is asked again how a machine fares."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

FIRST_POLL: Final = timedelta(milliseconds=10)
LONGEST_POLL: Final = timedelta(seconds=5)


def poll_after(tries: int) -> timedelta:
    """10 ms, then twice as long each time, to five seconds."""
    return min(FIRST_POLL * (1 << min(tries - 1, 10) if tries > 0 else 1), LONGEST_POLL)
