"""What every fact is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from typing_extensions import override

from broker.domain.altered import made_at_once
from broker.domain.chain import canonical_plain
from broker.domain.text import Form, written
from broker.domain.values import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. Its class names its type in the log."""

    WIRE_NAMES: ClassVar[Mapping[str, str]] = {"work_class": "class", "since": "from"}

    @override
    def __init_subclass__(cls) -> None:
        """`slots=True` makes each class a second time, finished; that is the one that stays."""
        if "__dataclass_fields__" in cls.__dict__:
            made_at_once(cls)

    def payload(self) -> dict[str, Any]:
        """The fact's `data`, ready for JSON."""
        names = self.WIRE_NAMES
        return {names.get(f.name, f.name): plain(getattr(self, f.name)) for f in fields(self)}

    def text(self) -> str:
        """The canonical text of the payload."""
        form = _TEXTS.get(type(self)) or _text_of(type(self))
        return form(self)


def _text_of(kind: type[Event]) -> Form:
    own = kind.payload is not Event.payload
    form = _by_payload if own else written(kind, kind.WIRE_NAMES)
    _TEXTS[kind] = form
    return form


def _by_payload(event: Event) -> str:
    return canonical_plain(event.payload())


_TEXTS: Final[dict[type[Event], Form]] = {}
