"""What is said of an agreement that cannot be used."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Rule(StrEnum):
    """What an edition file is held to. The first three are the reader's."""

    SHAPE = "shape"
    KNOWN_CLASS = "known_class"
    COMPLETE_RIGHT = "complete_right"
    GAP = "gap"
    OVERLAP = "overlap"
    SUPERSEDES = "supersedes"
    UNIQUE_IDS = "unique_ids"
    NAMES_EXIST = "names_exist"
    VOIDS_UNTIL = "voids_until"
    FLOOR = "floor"
    GANG = "gang"
    TOLERANCE = "tolerance"
    RENEWAL = "renewal"
    ASSUMED = "assumed"
    DRAFT = "draft"
    SOURCE = "source"
    PRIVACY = "privacy"


class AgreementError(ValueError):
    """An agreement is unknown or its file is wrong; the message is one sentence saying where."""

    def __init__(
        self, says: str, *, file: str = "", clause: str = "", rule: Rule = Rule.SHAPE
    ) -> None:
        super().__init__(located(says, file, clause))
        self.says = says
        self.file = file
        self.clause = clause
        self.rule = rule


def located(says: str, file: str, clause: str) -> str:
    """The sentence with its file and clause before it: `x.yaml: compute-rofr: ...`."""
    return ": ".join(part for part in (file, clause, says) if part)


def nearest(word: str, known: Iterable[str]) -> str:
    """What is known instead of a word, the likeliest first; for the end of a sentence."""
    words = sorted(str(one) for one in known)
    close = get_close_matches(word, words, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(words)}" if words else "none is known"
