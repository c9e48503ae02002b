"""A fact of the log, read by the names that its event has in this program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from broker.domain.values import instant

_WIRE: Final = {"since": "from", "work_class": "class"}


class Said:
    """What a fact of the log says, with an event's attributes."""

    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return self._data[_WIRE.get(name, name)]
        except KeyError:
            raise AttributeError(name) from None


def part(value: object, name: str) -> Any:  # noqa: ANN401 - a value of ours, or JSON
    """A field of a value as an event has it, or as the log does."""
    return value[name] if isinstance(value, Mapping) else getattr(value, name)


def when(value: datetime | str) -> datetime:
    return instant(value) if isinstance(value, str) else value
