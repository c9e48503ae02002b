"""The canonical JSON text of a value of ours, without the detour over `plain`.

For every class of values a function is written once that puts its fields, sorted by name, into one
text. `canonical_plain(plain(value))` says the same, and is what the tests hold it to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from broker.domain.chain import canonical_plain
from broker.domain.values import decimal_text, instant_text, plain

Form: TypeAlias = Callable[[Any], str]


def text(value: object) -> str:
    """The one JSON text of what `plain` makes of a value. Raises TypeError where it has none."""
    return _FORMS[type(value)](value)


def written(kind: type, names: Mapping[str, str] = MappingProxyType({})) -> Form:
    """The form of a dataclass; `names` says which field has another name in the text."""
    ordered = sorted((names.get(field.name, field.name), field.name) for field in fields(kind))
    lines = [
        "def form(_value):",
        *(f"    _{name} = _value.{name}" for _, name in ordered),
        "    return f'{{"
        + ",".join(f'"{wire}":{{_forms[type(_{name})](_{name})}}' for wire, name in ordered)
        + "}}'",
    ]
    scope: dict[str, Any] = {"_forms": _FORMS}
    exec("\n".join(lines), scope)  # noqa: S102 - the names are those of a class of ours
    form: Form = scope["form"]
    return form


def _listed(value: Any) -> str:  # noqa: ANN401
    return f"[{','.join([_FORMS[type(item)](item) for item in value])}]"


def _named(value: Any) -> str:  # noqa: ANN401
    items = {str(key): item for key, item in value.items()}
    texts = [
        f"{encode_basestring(key)}:{_FORMS[type(items[key])](items[key])}" for key in sorted(items)
    ]
    return f"{{{','.join(texts)}}}"


def _rare(value: Any) -> str:  # noqa: ANN401
    return canonical_plain(plain(value))


class _Forms(dict[type, Form]):
    """The form of each type met so far; one met for the first time is learnt."""

    def __missing__(self, kind: type) -> Form:
        if is_dataclass(kind):
            form = written(kind)
        else:
            form = next((of for family, of in _FAMILIES.items() if issubclass(kind, family)), _rare)
        self[kind] = form
        return form


_FAMILIES: Final[Mapping[type, Form]] = {
    str: encode_basestring,
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    type(None): lambda _: "null",
    Decimal: lambda value: f'"{decimal_text(value)}"',
    datetime: lambda value: f'"{instant_text(value)}"',
    tuple: _listed,
    list: _listed,
    Mapping: _named,
}
"""The first that a type belongs to gives it its form."""

_FORMS: Final = _Forms()
