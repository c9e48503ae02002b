"""The models of Azure's SDK as JSON Schema: wire names, what is required and what is read-only.

Values outside an enumeration are refused although Azure calls most of them open: what the SDK
does not list, neither our adapter nor a local cloud may invent.
"""

from __future__ import annotations

import datetime as dt
from enum import Enum
from functools import cache
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from tests.support.specs.shapes import READ_ONLY, Schema, Shapes, listed, named

_OPEN: Final = frozenset({"VirtualMachineSizeTypes"})
"""Azure sells new ones every month, and stopped listing them years ago."""
_READ_ONLY: Final = ["read"]
_SIMPLE: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    dt.datetime: {"type": "string", "format": "date-time"},
    dt.date: {"type": "string", "format": "date"},
    dt.timedelta: {"type": "string"},
    bytes: {"type": "string"},
    Any: {},
    object: {},
}


@cache
def shapes(package: str, *, sent: bool) -> Shapes:
    """The models of `azure.mgmt.<package>`, as they may be sent or as they are answered."""
    models = import_module(f"azure.mgmt.{package}.models")
    return Shapes(lambda name: _model(getattr(models, name), sent=sent))


def _model(model: Any, *, sent: bool) -> Schema:  # noqa: ANN401 - a class of the SDK
    if getattr(model, "__mapping__", None):
        return {"type": "object"}  # one of several shapes, none of which is used here
    model()  # the SDK completes a model's fields when the first one is made
    models = import_module(model.__module__.rpartition(".")[0])
    hints = get_type_hints(model, None, {"_models": models})
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, field in model._attr_to_rest_field.items():  # noqa: SLF001 - it is nowhere else
        hint, wire = hints[name], field._rest_name  # noqa: SLF001
        read_only = field._visibility == _READ_ONLY  # noqa: SLF001
        properties[wire] = READ_ONLY if sent and read_only else _schema(hint)
        if NoneType not in get_args(hint) and not (sent and read_only):
            required.append(wire)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _schema(hint: Any) -> Schema:  # noqa: ANN401 - an annotation
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _SIMPLE or origin is Literal:
        return {"enum": list(inner)} if origin is Literal else _SIMPLE[hint]
    if origin in (Union, UnionType):
        kinds = [kind for kind in inner if kind is not NoneType]
        closed = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
        return _schema((closed or kinds)[0])
    if origin is list:
        return listed(_schema(inner[0]))
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(inner[1])}
    if issubclass(hint, Enum):
        values = {} if hint.__name__ in _OPEN else {"enum": [value.value for value in hint]}
        return {"type": "string", **values}
    return named(hint.__name__)
