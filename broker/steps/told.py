"""What a round at a provider came back with for one machine: its cloud's answer, or why none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from broker.domain.market import Refusal
from broker.ports import Outcome


@dataclass(frozen=True, slots=True)
class StandsRefused:
    """The place said no to somebody else just now; it was not asked again."""

    refusal: Refusal | None
    """None: the "no" came in this very round."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The place has not answered the others; one that is full is asked once, not fifty times."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer to a termination: whether the machine is confirmed to be gone."""

    gone: bool


Told: TypeAlias = Outcome | StandsRefused | NotYet | Ended
