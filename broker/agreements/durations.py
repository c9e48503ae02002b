"""Durations as the editions write them: the part of ISO 8601 that has a fixed length."""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_LENGTH_S: Final = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def seconds(text: str) -> int:
    """Whole seconds in a duration such as `PT30M` or `P7D`. Raises ValueError.

    Months and years are no durations here: how long they last depends on when they begin. Days
    are the longest unit, so that there is one way to write a fortnight.
    """
    form = _FORM.fullmatch(text)
    parts = (
        {name: int(count) for name, count in form.groupdict("").items() if count} if form else {}
    )
    if not parts:
        raise ValueError(f"{text!r} is no duration such as PT30M or P7D")
    return sum(count * _LENGTH_S[name] for name, count in parts.items())
