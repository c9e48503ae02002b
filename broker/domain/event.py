"""What every fact is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from broker.domain.values import plain

_NAMES: dict[type, tuple[tuple[str, str], ...]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. Its class names its type in the log."""

    WIRE_NAMES: ClassVar[Mapping[str, str]] = {"work_class": "class", "since": "from"}

    def payload(self) -> dict[str, Any]:
        """The fact's `data`, ready for JSON."""
        names = _NAMES.get(type(self))
        if names is None:
            names = tuple((f.name, self.WIRE_NAMES.get(f.name, f.name)) for f in fields(self))
            _NAMES[type(self)] = names
        return {wire: plain(getattr(self, name)) for name, wire in names}
