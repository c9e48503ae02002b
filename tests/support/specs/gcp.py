"""Compute Engine's discovery document, as google-api-python-client carries it.

It says nothing of how an error at once looks; that form is the one of Google's JSON APIs:
https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

from tests.support.specs.exchange import Exchange, query_complaints, wait_complaints
from tests.support.specs.routes import Routes
from tests.support.specs.shapes import READ_ONLY, Schema, Shapes, body_complaints, named

_FAILED: Final = 400
_INTEGERS: Final = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_TEXTS: Final = {"int64": r"^-?\d{1,19}$", "uint64": r"^\d{1,20}$"}
_OUTPUT_ONLY: Final = ("output only", "[output only]")
_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "errors"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string"},
                "details": {"type": "array"},
                "errors": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["message", "domain", "reason"],
                        "additionalProperties": {"type": "string"},
                    },
                },
            },
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}


def operation_of(exchange: Exchange) -> str | None:
    method = _routes().find(exchange.method, exchange.path)
    return None if method is None else str(method["id"])


def complaints(exchange: Exchange) -> Iterator[str]:
    method = _routes().find(exchange.method, exchange.path)
    if method is None:
        yield f"request: {exchange.method} {exchange.target} is no operation"
        return
    yield from (f"{method['id']}, request: {text}" for text in _of_request(method, exchange))
    yield from (f"{method['id']}, answer: {text}" for text in _of_answer(method, exchange))


def _of_request(method: Mapping[str, Any], exchange: Exchange) -> Iterator[str]:
    every = _document()["parameters"] | method.get("parameters", {})
    known = {name: told for name, told in every.items() if told["location"] == "query"}
    required = {name: told.get("required", False) for name, told in known.items()}
    yield from query_complaints(exchange, required | {"$alt": False})
    for name, value in exchange.query:
        if name in known:
            typed = _typed(known[name], value)
            found = _shapes("").complaints(_converted(known[name], ""), typed)
            yield from (f"the query's {name}: {text}" for text in found)
    if not exchange.sent_headers.get("authorization", "").startswith("Bearer "):
        yield "the header Authorization holds no bearer token"
    if exchange.sent and not _is_json(exchange.sent_headers):
        yield "the header Content-Type is not application/json"
    shape = named(method["request"]["$ref"]) if "request" in method else None
    yield from body_complaints(exchange.sent, _shapes(method["id"]), shape)


def _of_answer(method: Mapping[str, Any], exchange: Exchange) -> Iterator[str]:
    yield from wait_complaints(exchange)
    if not _is_json(exchange.headers):
        yield "the header Content-Type is not application/json"
    if exchange.status < _FAILED:
        shape = named(method["response"]["$ref"]) if "response" in method else None
        yield from body_complaints(exchange.told, _shapes(""), shape)
        return
    status = {"properties": {"error": {"properties": {"code": {"const": exchange.status}}}}}
    yield from body_complaints(exchange.told, _shapes(""), {"allOf": [_ERROR, status]})


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith("application/json")


def _typed(parameter: Mapping[str, Any], value: str) -> object:
    """A query's text, as what it stands for."""
    if parameter["type"] == "boolean":
        return {"true": True, "false": False}.get(value, value)
    whole = parameter["type"] == "integer" and value.removeprefix("-").isdigit()
    return int(value) if whole else value


@lru_cache(maxsize=1)
def _document() -> Mapping[str, Any]:
    folder = files("googleapiclient.discovery_cache") / "documents"
    document: Mapping[str, Any] = json.loads((folder / "compute.v1.json").read_text("utf-8"))
    return document


@lru_cache(maxsize=1)
def _routes() -> Routes[Mapping[str, Any]]:
    return Routes(_methods(_document(), _document()["servicePath"]))


def _methods(
    resource: Mapping[str, Any], base: str
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for method in resource.get("methods", {}).values():
        yield method["httpMethod"], base + method.get("flatPath", method["path"]), method
    for below in resource.get("resources", {}).values():
        yield from _methods(below, base)


@cache
def _shapes(request_of: str) -> Shapes:
    """The document's schemas: for the requests of one method, or for answers if none is named."""
    return Shapes(lambda name: _converted(_document()["schemas"][name], request_of))


def _converted(described: Mapping[str, Any], request_of: str) -> Schema:
    """The document's own dialect as JSON Schema; 64 bits travel as text."""
    if "$ref" in described:
        return named(described["$ref"])
    kind, form = described.get("type"), described.get("format", "")
    schema: dict[str, Any] = {} if kind in (None, "any") else {"type": kind}
    if form in _TEXTS and kind == "string":
        schema["pattern"] = _TEXTS[form]
    if form in _INTEGERS:
        schema["minimum"], schema["maximum"] = _INTEGERS[form]
    if form == "google-datetime":
        schema["format"] = "date-time"
    schema |= {key: described[key] for key in ("enum",) if key in described}
    if "pattern" in described:
        schema["pattern"] = f"^(?:{described['pattern']})$"
    if "items" in described:
        schema["items"] = _converted(described["items"], request_of)
    fields = described.get("properties", {})
    if kind == "object":
        more = described.get("additionalProperties")
        schema["additionalProperties"] = more is not None and _converted(more, request_of)
        schema["properties"] = {
            name: READ_ONLY if request_of and _output_only(field) else _converted(field, request_of)
            for name, field in fields.items()
        }
        schema["required"] = [
            name
            for name, field in fields.items()
            if request_of in field.get("annotations", {}).get("required", ())
        ]
    return schema


def _output_only(field: Mapping[str, Any]) -> bool:
    text = field.get("description", "").lower()
    return bool(field.get("readOnly")) or text.startswith(_OUTPUT_ONLY)
