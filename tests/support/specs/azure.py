"""Resource Manager's operations and models, as Microsoft generates them into its SDK.

`azure.mgmt.compute.types` would be nearer to the wire, but holds no shape that is only ever
answered (SKUs, usages, errors); the models hold all of them, with what is read-only and required.
The operations of long duration follow the ARM contract for asynchronous operations:
https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/async-api-reference.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from tests.support.specs.azure_models import shapes
from tests.support.specs.azure_operations import Operation, Use, operations, use
from tests.support.specs.exchange import Exchange, query_complaints, wait_complaints
from tests.support.specs.routes import Routes
from tests.support.specs.shapes import Schema, body_complaints, listed, named

_FAILED: Final = 400
_PACKAGES: Final = ("compute", "network")
"""Those of the SDK, by the last word of their resource provider."""
_KNOWN: Final = re.compile(rf"providers/microsoft\.({'|'.join(_PACKAGES)})/", re.IGNORECASE)
_STATUS_OF: Final = "operation_status"
_STATUS: Final = (
    "/subscriptions/{{id}}/providers/Microsoft.{}/locations/{{where}}/operations/{{id}}"
)
_ALIKE: Final = {"compute": "virtual_machines_get", "network": "network_interfaces_get"}
"""The operation whose version the status of a long operation has."""
_FOLLOWED: Final = ("azure-asyncoperation", "location")
_LASTS: Final = (HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
_ABSOLUTE: Final[Schema] = {"type": "string", "pattern": "^https?://[^/]+/"}
_PROGRESS: Final[Schema] = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "status": {"type": "string", "enum": ["InProgress", "Succeeded", "Failed", "Canceled"]},
        "startTime": {"type": "string", "format": "date-time"},
        "endTime": {"type": "string", "format": "date-time"},
        "percentComplete": {"type": "number"},
        "properties": {"type": "object"},
        "error": named("ApiError"),
    },
    "additionalProperties": False,
    # Of a failed operation it is only here that the reason stands.
    "if": {"properties": {"status": {"const": "Failed"}}},
    "then": {"required": ["error"]},
}
_FOLLOW: Final = Use(statuses=(200,), body=None, answer=_PROGRESS, page=None, lasts=False)
_ERROR: Final[Schema] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"allOf": [named("ApiError"), {"required": ["code", "message"]}]}},
    "additionalProperties": False,
}


_SCORES_OF: Final = "spot_placement_scores_generate"
_SCORES: Final = (
    "/subscriptions/{id}/providers/Microsoft.Compute/locations/{where}"
    "/placementScores/spot/generate"
)
"""Microsoft.Compute 2025-06-05, SpotPlacementScores_Generate: in no package that is out, so its
form is that of the REST reference (learn.microsoft.com, ComputeRecommenderDiagnosticResource)."""
_TEXTS: Final[Schema] = listed({"type": "string"})
_SCORES_FOR: Final[dict[str, Schema]] = {
    "desiredLocations": _TEXTS,
    "desiredSizes": listed({"type": "object", "properties": {"sku": {"type": "string"}}}),
    "desiredCount": {"type": "integer"},
    "availabilityZones": {"type": "boolean"},
}
_SCORES_ASKED: Final[Schema] = {
    "type": "object",
    "properties": _SCORES_FOR,
    "additionalProperties": False,
}
_SCORE: Final[Schema] = {
    "type": "object",
    "properties": {
        "sku": {"type": "string"},
        "region": {"type": "string"},
        "availabilityZone": {"type": "string"},
        "score": {"type": "string"},
        "isQuotaAvailable": {"type": "boolean"},
    },
    "additionalProperties": False,
}
_SCORES_TOLD: Final[Schema] = {
    "type": "object",
    "properties": {**_SCORES_FOR, "placementScores": listed(_SCORE)},
    "additionalProperties": False,
}
_BY_HAND: Final = {
    _STATUS_OF: _FOLLOW,
    _SCORES_OF: Use(statuses=(200,), body=None, answer=_SCORES_TOLD, page=None, lasts=False),
}


def operation_of(exchange: Exchange) -> str | None:
    operation = _asked(exchange)
    return None if operation is None else operation.name


def complaints(exchange: Exchange) -> Iterator[str]:
    operation = _asked(exchange)
    if operation is None:
        yield f"request: {exchange.method} {exchange.target} is no operation"
        return
    used = _BY_HAND.get(operation.name) or use(operation.package, operation.name)
    yield from (
        f"{operation.name}, request: {text}" for text in _of_request(operation, used, exchange)
    )
    yield from (
        f"{operation.name}, answer: {text}" for text in _of_answer(operation, used, exchange)
    )


def _asked(exchange: Exchange) -> Operation | None:
    known = _KNOWN.search("/".join(exchange.path))
    return _routes(known[1].lower()).find(exchange.method, exchange.path) if known else None


def _of_request(operation: Operation, used: Use, exchange: Exchange) -> Iterator[str]:
    yield from query_complaints(exchange, operation.query)
    version = dict(exchange.query).get("api-version", operation.version)
    if version != operation.version:
        yield f"the query's api-version is {version} and not {operation.version}"
    if not exchange.sent_headers.get("authorization", "").startswith("Bearer "):
        yield "the header Authorization holds no bearer token"
    if exchange.sent and not _is_json(exchange.sent_headers):
        yield "the header Content-Type is not application/json"
    shape = _SCORES_ASKED if operation.name == _SCORES_OF else None
    shape = shape if used.body is None else named(used.body)
    yield from body_complaints(exchange.sent, shapes(operation.package, sent=True), shape)


def _of_answer(operation: Operation, used: Use, exchange: Exchange) -> Iterator[str]:
    yield from wait_complaints(exchange)
    yield from _of_headers(used, exchange)
    if exchange.status >= _FAILED:
        yield from body_complaints(exchange.told, shapes("compute", sent=False), _ERROR)
        return
    if exchange.status not in used.statuses:
        yield f"the status is {exchange.status} and none of {used.statuses}"
    shape = used.answer if used.page is None else _page(used.page)
    if exchange.status in (HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT):
        shape = None
    # The status of an operation has one form for all of ARM.
    package = "compute" if used is _FOLLOW else operation.package
    yield from body_complaints(exchange.told, shapes(package, sent=False), shape)


def _of_headers(used: Use, exchange: Exchange) -> Iterator[str]:
    if exchange.told and not _is_json(exchange.headers):
        yield "the header Content-Type is not application/json"
    links = {name: exchange.headers[name] for name in _FOLLOWED if name in exchange.headers}
    for name, link in links.items():
        if not urlsplit(link).netloc:
            yield f"the header {name.title()} is {link!r} and no absolute address"
    if used.lasts and exchange.status in _LASTS and not links:
        yield "neither the header Azure-AsyncOperation nor Location says where to look"
    if exchange.status == HTTPStatus.UNAUTHORIZED and "www-authenticate" not in exchange.headers:
        yield "the header WWW-Authenticate is missing"


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith("application/json")


def _page(shape: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["value"],
        "properties": {"value": listed(shape), "nextLink": _ABSOLUTE},
        "additionalProperties": False,
    }


@cache
def _routes(package: str) -> Routes[Operation]:
    known = list(operations(package))
    follow = Operation(
        name=_STATUS_OF,
        package=package,
        method="GET",
        path=_STATUS.format(package),
        version=next(one.version for one in known if one.name == _ALIKE[package]),
        query={"api-version": True},
    )
    scores = Operation(
        name=_SCORES_OF,
        package="compute",
        method="POST",
        path=_SCORES,
        version="2025-06-05",
        query={"api-version": True},
    )
    more = (follow, scores) if package == "compute" else (follow,)
    return Routes([(one.method, one.path, one) for one in (*known, *more)])
