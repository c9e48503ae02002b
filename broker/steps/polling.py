"""When a cloud is asked again about a machine, and what meanwhile holds up its job."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.case import Case
from broker.domain.machine import Machine

FIRST_POLL: Final = timedelta(milliseconds=10)
LONGEST_POLL: Final = timedelta(seconds=5)
BUSY_RECHECK: Final = timedelta(milliseconds=250)
"""How soon a machine is looked at again that waits for its place to answer another."""
TROUBLE_RECHECK: Final = timedelta(seconds=30)
"""How soon the same order is tried again after a fault that only a person can mend."""

ALERTED_AFTER: Final = 5
"""After how many tries it is told that nobody knows whether a machine was bought."""


def poll_after(tries: int) -> timedelta:
    """10 ms, then twice as long each time, to five seconds."""
    return min(FIRST_POLL * (1 << min(tries - 1, 10) if tries > 0 else 1), LONGEST_POLL)


def trouble_left(case: Case, heard: Machine) -> str:
    """What else keeps a cloud from answering, once this machine's has."""
    others = (m for m in case.machines.values() if m.name != heard.name and m.state.unresolved)
    return next((machine.trouble for machine in others if machine.trouble), "")
