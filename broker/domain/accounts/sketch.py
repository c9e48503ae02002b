"""Quantiles of a stream of seconds in little memory, each within one per cent of a true value."""

from __future__ import annotations

from collections import Counter
from math import ceil, log
from typing import Final

ERROR: Final = 0.01
"""How far off a quantile may be, as a share of it."""
_STEP: Final = log((1 + ERROR) / (1 - ERROR))
_LEAST: Final = 0.001
"""What is shorter counts as nothing at all."""


class Sketch:
    """Counts values in buckets, each wider than the last: some 1,200 from 1 ms to a year."""

    __slots__ = ("_buckets", "_nothing", "count")

    def __init__(self) -> None:
        self.count = self._nothing = 0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        self.count += 1
        if seconds < _LEAST:
            self._nothing += 1
        else:
            self._buckets[ceil(log(seconds) / _STEP)] += 1

    def quantile(self, share: float) -> float | None:
        """The value that so large a share of all does not exceed; None where there is none."""
        if not self.count:
            return None
        seen, rank = self._nothing, max(1, ceil(share * self.count))
        if seen >= rank:
            return 0.0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                break
        else:
            raise AssertionError("a sketch has counted what it does not hold")
        width = (1 + ERROR) / (1 - ERROR)
        return 2 * width**bucket / (width + 1)

    def figures(self) -> dict[str, float | int | None]:
        p50, p90 = self.quantile(0.5), self.quantile(0.9)
        return {
            "count": self.count,
            "p50": None if p50 is None else round(p50, 3),
            "p90": None if p90 is None else round(p90, 3),
        }
