"""Oracle's operations and models, as they are generated into its SDK.

What is required stands in the docstrings of the models only; an error's form and the header that
names a request stand in https://docs.oracle.com/en-us/iaas/Content/API/Concepts/usingapi.htm
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from http import HTTPStatus
from importlib import import_module
from typing import Any, Final

from tests.support.specs.exchange import Exchange, query_complaints, wait_complaints
from tests.support.specs.oracle_operations import Operation, operations
from tests.support.specs.routes import Routes
from tests.support.specs.shapes import Schema, Shapes, body_complaints, listed, named

_FAILED: Final = 400
_LIST: Final = re.compile(r"list\[(.+)\]")
_MAP: Final = re.compile(r"dict\(str, (.+)\)")
_VALUES: Final = re.compile(r"allowed_values = \[(.*?)\]", re.DOTALL)
_SUBTYPE: Final = re.compile(r"if type == '([^']+)':\s+return '(\w+)'")
_SIGNED: Final = re.compile(r'Signature algorithm="rsa-sha256",headers="([^"]+)",keyId="[^"]+"')
_SIMPLE: Final[dict[str, Schema]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "object": {},
}
_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "originalMessage": {"type": "string"},
        "originalMessageTemplate": {"type": "string"},
        "messageArguments": {"type": "object"},
    },
    "additionalProperties": False,
}
_ALWAYS: Final = frozenset({"opc-request-id", "opc-client-info", "opc-client-retries"})
"""Headers that every call may bear, whatever its operation says."""


def operation_of(exchange: Exchange) -> str | None:
    operation = _routes().find(exchange.method, exchange.path)
    return None if operation is None else operation.name


def complaints(exchange: Exchange) -> Iterator[str]:
    operation = _routes().find(exchange.method, exchange.path)
    if operation is None:
        yield f"request: {exchange.method} {exchange.target} is no operation"
        return
    yield from (f"{operation.name}, request: {text}" for text in _of_request(operation, exchange))
    yield from (f"{operation.name}, answer: {text}" for text in _of_answer(operation, exchange))


def _of_request(operation: Operation, exchange: Exchange) -> Iterator[str]:
    yield from query_complaints(exchange, operation.query)
    for name, value in exchange.query:
        if value not in operation.values.get(name, (value,)):
            yield f"the query's {name} is {value!r} and none of {operation.values[name]}"
    for name in exchange.sent_headers:
        if name.startswith("opc-") and name not in operation.headers | _ALWAYS:
            yield f"the header {name} is unknown"
    yield from _of_signature(exchange)
    shape = None if operation.body is None else _schema(operation.body)
    yield from body_complaints(exchange.sent, _shapes(operation.service), shape)


def _of_signature(exchange: Exchange) -> Iterator[str]:
    signed = _SIGNED.search(exchange.sent_headers.get("authorization", ""))
    names = set(signed[1].split()) if signed else set()
    needed = {"date", "(request-target)", "host"}
    if exchange.method in ("POST", "PUT", "PATCH"):
        needed |= {"content-length", "content-type", "x-content-sha256"}
    if missing := needed - names:
        yield f"the header Authorization does not sign {', '.join(sorted(missing))}"


def _of_answer(operation: Operation, exchange: Exchange) -> Iterator[str]:
    yield from wait_complaints(exchange)
    needed = ["opc-request-id", "date"]
    shape: Schema | None = _ERROR
    if exchange.status < _FAILED:
        # Without its work request nobody learns of a launch that fails late.
        needed += ["opc-work-request-id"] if operation.name == "launch_instance" else []
        shape = None if operation.answer is None else _schema(operation.answer)
        if shape is None and exchange.status == HTTPStatus.OK:
            yield "the status is 200, and an answer without a body has 204"
    for name in needed:
        if name not in exchange.headers:
            yield f"the header {name} is missing"
    yield from body_complaints(exchange.told, _shapes(operation.service), shape)


@lru_cache(maxsize=1)
def _routes() -> Routes[Operation]:
    return Routes([(one.method, one.path, one) for one in operations()])


@cache
def _shapes(service: str) -> Shapes:
    models = import_module(f"oci.{service}.models")
    return Shapes(lambda name: _model(getattr(models, name.removeprefix("=")), name))


def _schema(kind: str) -> Schema:
    """By the SDK's own notation: `list[Instance]`, `dict(str, str)`."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if found := _LIST.fullmatch(kind):
        return listed(_schema(found[1]))
    if found := _MAP.fullmatch(kind):
        return {"type": "object", "additionalProperties": _schema(found[1])}
    return named(kind)


def _model(model: Any, name: str) -> Schema:  # noqa: ANN401 - the SDK carries no types
    """A model as a schema; with `=` before its name it is that very one, and no subtype."""
    if hasattr(model, "get_subtype") and not name.startswith("="):
        return _one_of(model)
    empty = model()
    names: dict[str, str] = empty.attribute_map
    return {
        "type": "object",
        "properties": {
            wire: _field(getattr(model, own), empty.swagger_types[own])
            for own, wire in names.items()
        },
        "required": [
            wire
            for own, wire in names.items()
            if "**[Required]**" in (getattr(model, own).__doc__ or "")
        ],
        "additionalProperties": False,
    }


def _one_of(base: Any) -> Schema:  # noqa: ANN401
    """The subtype that the field of its kind names."""
    text = inspect.getsource(base.get_subtype)
    found = re.search(r"object_dictionary\['(\w+)'\]", text)
    if found is None:
        raise ValueError(f"{base.__name__} does not say how its kinds are told apart")
    field, kinds = found[1], dict(_SUBTYPE.findall(text))
    return {
        "type": "object",
        "required": [field],
        "properties": {field: {"enum": list(kinds)}},
        "allOf": [
            {"if": {"properties": {field: {"const": kind}}}, "then": named(f"={name}")}
            for kind, name in kinds.items()
        ],
    }


def _field(field: Any, kind: str) -> Schema:  # noqa: ANN401
    values = _VALUES.search(inspect.getsource(field.fset))
    schema = _schema(kind)
    if values is None or not isinstance(schema, dict) or schema.get("type") != "string":
        return schema
    return {**schema, "enum": re.findall(r'"([^"]+)"', values[1])}
