"""Make a failing history short: leave out what it can do without (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.fuzz.actions import Action

_MOST_TRIES = 1500


def shrunk(
    actions: Sequence[Action], fails: Callable[[Sequence[Action]], bool]
) -> tuple[Action, ...]:
    """A short history that still fails in the same way, within so many tries."""
    left = _MOST_TRIES

    def still(kept: Sequence[Action]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(kept)

    before: tuple[Action, ...] = ()
    now = tuple(actions)
    while now != before and left > 0:
        before = now
        now = _simpler(_fewer(now, still), still)
    return now


def _fewer(
    actions: tuple[Action, ...], still: Callable[[Sequence[Action]], bool]
) -> tuple[Action, ...]:
    """Leave out pieces: halves first, single actions last."""
    size = max(1, len(actions) // 2)
    while True:
        start = 0
        while start < len(actions):
            kept = actions[:start] + actions[start + size :]
            if still(kept):
                actions = kept
            else:
                start += size
        if size == 1:
            return actions
        size = max(1, size // 2)


def _simpler(
    actions: tuple[Action, ...], still: Callable[[Sequence[Action]], bool]
) -> tuple[Action, ...]:
    """Leave out disturbances, and make numbers nought."""
    for index, action in enumerate(actions):
        for plain in _plainer(action):
            kept = (*actions[:index], plain, *actions[index + 1 :])
            if plain != action and still(kept):
                actions, action = kept, plain  # noqa: PLW2901 - the plainer one stands for it now
    return actions


def _plainer(action: Action) -> list[Action]:
    made = [replace(action, seam=None, meanwhile=())] if action.seam is not None else []
    for index in range(len(action.meanwhile)) if len(action.meanwhile) > 1 else ():
        rest = action.meanwhile[:index] + action.meanwhile[index + 1 :]
        made.append(replace(action, meanwhile=rest))
    return [*made, replace(action, a=0), replace(action, b=0), replace(action, c=0)]
