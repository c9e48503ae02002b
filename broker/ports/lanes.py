"""How calls to a cloud are carried out: one after another, or many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from broker.domain.values import MachineName


class Lanes(Protocol):
    """The calls of one worker to one cloud. Only the thread that begins them asks for their ends.

    What a call returns is what has become of it; `ended` hands it on, whole.
    """

    @property
    def free(self) -> int:
        """How many more calls may begin now."""
        ...

    def begin(self, name: MachineName, call: Callable[[], Any]) -> None:
        """Make a call about the machine of that name."""
        ...

    def ended(self, wait_s: float | None) -> list[tuple[MachineName, Any]]:
        """What has ended since it was last asked for, in that order.

        Where nothing has, wait until something does or somebody rings, at most so long.
        """
        ...


class OneByOne:
    """Each call in the thread that begins it, which waits for its end."""

    at_once: Final = 50
    """How many calls it takes upon itself before what they came to is recorded."""

    def __init__(self) -> None:
        self._ended: list[tuple[MachineName, Any]] = []

    @property
    def free(self) -> int:
        return self.at_once

    def begin(self, name: MachineName, call: Callable[[], Any]) -> None:
        self._ended.append((name, call()))

    def ended(self, wait_s: float | None) -> list[tuple[MachineName, Any]]:
        del wait_s  # nothing is ever under way
        ended, self._ended = self._ended, []
        return ended
