"""From a request line to the operation of a specification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

_Operation = TypeVar("_Operation")


class Routes(Generic[_Operation]):
    """Every operation of a specification, by method and path template.

    A segment with a brace in it stands for any text; where two templates fit, the one with more
    segments of its own is meant.
    """

    def __init__(self, operations: Iterable[tuple[str, str, _Operation]]) -> None:
        self._known: dict[tuple[str, int], list[tuple[list[str], _Operation]]] = defaultdict(list)
        for method, template, operation in operations:
            segments = template.strip("/").split("/")
            self._known[method, len(segments)].append((segments, operation))

    def find(self, method: str, path: Sequence[str]) -> _Operation | None:
        fitting = [
            (sum("{" not in segment for segment in segments), operation)
            for segments, operation in self._known.get((method, len(path)), ())
            if all(map(_fits, segments, path))
        ]
        return max(fitting, key=lambda one: one[0])[1] if fitting else None

    def __len__(self) -> int:
        return sum(len(operations) for operations in self._known.values())


def _fits(segment: str, text: str) -> bool:
    # ARM compares its paths without regard to case; no two operations differ in case alone.
    return bool(text) if "{" in segment else segment.lower() == text.lower()
