"""What several checks have learnt of the same places, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from broker.domain.advice import Thought
from broker.domain.market import Advice, Place

_LOG: Final = logging.getLogger(__name__)
_ORDER: Final = tuple(Thought)


class Findings:
    """The worst that a check has said of a place is believed; a check that fails says nothing.

    `broken` is all that a call to this cloud can raise.
    """

    def __init__(self, broken: tuple[type[Exception], ...]) -> None:
        self._broken = broken
        self._found: dict[Place, Advice] = {}

    def look(self, check: Callable[[], Iterable[Advice]]) -> None:
        """Take in what one check says."""
        try:
            for advice in check():
                self._note(advice)
        except self._broken as failure:
            _LOG.info("a check failed, and so says nothing: %s", failure)

    def places(self) -> list[Place]:
        """Those that no check has called not sold: there is something left to ask of them."""
        return [p for p, one in self._found.items() if one.thought is not Thought.NOT_SOLD]

    def all(self) -> list[Advice]:
        return list(self._found.values())

    def _note(self, advice: Advice) -> None:
        known = self._found.get(advice.place)
        if known is None:
            self._found[advice.place] = advice
            return
        worse, other = sorted((advice, known), key=lambda a: -_ORDER.index(a.thought))
        counted = [n for n in (advice.units, known.units) if n is not None]
        self._found[advice.place] = Advice(
            place=advice.place,
            thought=worse.thought,
            units=min(counted, default=None),
            because=worse.because or other.because,
        )
