"""What can happen in a history, as data: a history is a list of these, and nothing else.

An action chooses by numbers, each taken modulo what there is to choose from, so that any part of a
history is a history too: that is what lets a failing one be shrunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, TypeAlias


class Verb(StrEnum):
    SUBMIT = "submit"
    CANCEL = "cancel"
    ANSWER = "answer"
    FETCH = "fetch"
    """The holder's desk fetches its notice."""
    PLACE = "place"
    OFFERS = "offers"
    PROVISION = "provision"
    RECONCILE = "reconcile"
    SWEEP = "sweep"
    SETTLE = "settle"
    """Workers do all that is due, undisturbed."""
    WAIT = "wait"
    """Time passes; what is due is done, a little late."""
    BRINK = "brink"
    """Time passes up to the very end of an offer's window, and nothing is done."""
    MOOD = "mood"
    """How a cloud answers its next calls."""
    STOCK = "stock"
    AGENT = "agent"
    BREAK = "break"
    """A machine breaks down."""
    ENTER = "enter"
    """A party puts something on record of an agreement."""
    REVOKE = "revoke"
    RENEGE = "renege"
    """The holder's people accept, and their cloud has nothing until it is too late."""
    OUTAGE = "outage"
    """A part of the broker, or all of it, is away for a while."""
    AMEND = "amend"
    """A tenant changes what it asks for."""
    KEY = "key"
    """A desk is given a key, or one is taken back."""
    RECLAIM = "reclaim"
    """The holder asks a unit back."""
    AWAY = "away"
    """Nobody answers at the holder's cloud for a while."""
    CLEAR = "clear"
    """An operator clears what keeps the broker away from a cloud."""
    QUOTED = "quoted"
    """A job comes whose right a third party's quote wakes."""
    WITHDRAW = "withdraw"
    """A third party takes its quote back."""
    EDITION = "edition"
    """A party puts another edition on record, in time or late."""
    ANNOUNCE = "announce"
    """A worker puts notices to webhooks."""
    ENDPOINT = "endpoint"
    """How the holder's webhook answers the next notices."""
    LINK = "link"
    """A signed link is made, or somebody follows one."""


STEPS: Final = frozenset(
    {Verb.PLACE, Verb.OFFERS, Verb.PROVISION, Verb.RECONCILE, Verb.SWEEP, Verb.ANNOUNCE}
)
"""What a worker does; it may die on the way, or be overtaken by another."""
DISTURBED: Final = STEPS | {
    Verb.SUBMIT,
    Verb.CANCEL,
    Verb.ANSWER,
    Verb.FETCH,
    Verb.AGENT,
    Verb.ENTER,
    Verb.REVOKE,
    Verb.AMEND,
    Verb.CLEAR,
    Verb.QUOTED,
    Verb.WITHDRAW,
    Verb.EDITION,
    Verb.LINK,
}


@dataclass(frozen=True, slots=True)
class Action:
    verb: Verb
    a: int = 0
    b: int = 0
    c: int = 0
    seam: int | None = None
    """At which seam of the step something comes in between; None: nothing does."""
    meanwhile: tuple[Action, ...] = ()
    """What others do at that seam; where it is empty, the process dies there."""


Weights: TypeAlias = Mapping[Verb, float]
FIRST: Final[Weights] = {
    Verb.SUBMIT: 10,
    Verb.CANCEL: 2,
    Verb.ANSWER: 9,
    Verb.FETCH: 3,
    Verb.PLACE: 7,
    Verb.OFFERS: 6,
    Verb.PROVISION: 9,
    Verb.RECONCILE: 3,
    Verb.SWEEP: 2,
    Verb.SETTLE: 6,
    Verb.WAIT: 12,
    Verb.BRINK: 3,
    Verb.MOOD: 9,
    Verb.STOCK: 7,
    Verb.AGENT: 8,
    Verb.BREAK: 2,
    Verb.ENTER: 6,
    Verb.REVOKE: 3,
    Verb.RENEGE: 4,
    Verb.AWAY: 2,
    Verb.OUTAGE: 2,
    Verb.AMEND: 4,
    Verb.KEY: 0.3,
    Verb.RECLAIM: 3,
}
"""What the first histories were drawn from: a seed that once failed is drawn from it for ever."""
ALL: Final[Weights] = {
    **FIRST,
    Verb.RECLAIM: 4,
    Verb.CLEAR: 2,
    Verb.QUOTED: 6,
    Verb.WITHDRAW: 3,
    Verb.EDITION: 2.5,
    Verb.ANNOUNCE: 2,
    Verb.ENDPOINT: 3,
    Verb.LINK: 4,
}
_TASTES: Final = (0.3, 1, 1, 3)
"""How much more or less than usual a history may have of something: so rare things meet."""
_LARGE: Final = 1 << 16


def drawn(seed: int, usual: Weights = ALL) -> tuple[Action, ...]:
    """The history of a seed: the same one wherever it is drawn."""
    chance = Random(seed)  # noqa: S311 - a history, no secret
    weights = {verb: weight * chance.choice(_TASTES) for verb, weight in usual.items()}
    disturbed = chance.choice((0.0, 0.15, 0.4))
    length = chance.randint(8, 36)
    first = [Action(Verb.SUBMIT, *_numbers(chance)) for _ in range(chance.choice((1, 1, 2, 4)))]
    return (*first, *(_action(chance, weights, disturbed) for _ in range(length)))


def _action(chance: Random, weights: dict[Verb, float], disturbed: float) -> Action:
    (verb,) = chance.choices(list(weights), list(weights.values()))
    seam: int | None = None
    meanwhile: tuple[Action, ...] = ()
    if verb in DISTURBED and chance.random() < disturbed:
        seam = min(chance.randrange(10), chance.randrange(10))
        if verb in STEPS and chance.random() < 0.5:
            inner = range(chance.randint(1, 3))
            meanwhile = tuple(_action(chance, weights, 0) for _ in inner)
    return Action(verb, *_numbers(chance), seam=seam, meanwhile=meanwhile)


def _numbers(chance: Random) -> tuple[int, int, int]:
    return chance.randrange(_LARGE), chance.randrange(_LARGE), chance.randrange(_LARGE)
