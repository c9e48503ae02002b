"""A frozen value with some fields changed, faster than `dataclasses.replace`.

For every class and every set of names a function is written once that fills an unfrozen twin of
the class, slot by slot, and then makes it one of the class: as frozen as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")


def altered(value: T, /, **fields: Any) -> T:  # noqa: ANN401 - the value's own fields
    """A copy of a frozen dataclass with slots. Raises AttributeError for a name it has not."""
    kind = type(value)
    copier = _COPIERS.get((kind, *fields)) or _written(kind, tuple(fields))
    copy: T = copier(value, **fields)
    return copy


_COPIERS: Final[dict[tuple[object, ...], Callable[..., Any]]] = {}
"""By class and names, in the order in which they are given."""


def _written(kind: type, changed: tuple[str, ...]) -> Callable[..., Any]:
    names = slots_of(kind)
    unknown = next((name for name in changed if name not in names), None)
    if unknown is not None:
        raise AttributeError(f"{kind.__name__} has no field {unknown!r}")
    lines = [
        f"def copier({', '.join(('_value', '/', *changed))}):",
        "    _copy = _new(_twin)",
        *(f"    _copy.{n} = {n if n in changed else f'_value.{n}'}" for n in names),
        "    _copy.__class__ = _kind",
        "    return _copy",
    ]
    scope: dict[str, Any] = {"_new": object.__new__, "_twin": unfrozen(kind), "_kind": kind}
    exec("\n".join(lines), scope)  # noqa: S102 - the names are those of a class of ours
    copier: Callable[..., Any] = scope["copier"]
    _COPIERS[kind, *changed] = copier
    return copier


def slots_of(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass with slots. Raises TypeError for one without."""
    names: tuple[str, ...] | None = kind.__dict__.get("__slots__")
    if names is None:
        raise TypeError(f"{kind.__name__} has no slots")
    return names


def unfrozen(kind: type) -> type:
    """A class with the same slots, whose instances may be filled and then become `kind`'s."""
    scope = {"__slots__": slots_of(kind), "__setattr__": object.__setattr__}
    return type(f"_{kind.__name__}", kind.__bases__, scope)
