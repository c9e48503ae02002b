"""JSON held against JSON Schema, and what is wrong with it as sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Schema: TypeAlias = Mapping[str, Any] | bool

READ_ONLY: Final[Schema] = {"not": {}}
"""Whatever is there is one too many."""
_SHOWN: Final = 60
_NAMED: Final = 8


class Shapes:
    """The shapes of one specification by name, each made when it is first met."""

    def __init__(self, make: Callable[[str], Schema]) -> None:
        @cache
        def retrieve(name: str) -> Resource[Any]:
            return Resource.from_contents(make(name), DRAFT202012)

        # An attribute of the attrs class that type checkers do not see.
        self._registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]

    def complaints(self, shape: Schema, body: object) -> Iterator[str]:
        """The path of each wrong field, and what is wrong with it."""
        checker = Draft202012Validator(
            shape, registry=self._registry, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        for error in sorted(checker.iter_errors(body), key=lambda error: str(error.json_path)):
            yield from _sentences(error)


def body_complaints(raw: bytes, known: Shapes, shape: Schema | None) -> Iterator[str]:
    """What is wrong with a body of JSON; without a shape there must be none."""
    if shape is None:
        if raw:
            yield "there is a body, and it has none"
        return
    try:
        body = json.loads(raw) if raw else None
    except ValueError as wrong:
        yield f"the body is not JSON: {wrong}"
        return
    yield from known.complaints(shape, body)


def named(name: str) -> Schema:
    return {"$ref": name}


def listed(shape: Schema) -> Schema:
    return {"type": "array", "items": shape}


def _sentences(error: ValidationError) -> Iterator[str]:
    path = ".".join(str(step) for step in error.absolute_path)
    inside = f"{path}." if path else ""
    here = path or "the body"
    value = _short(error.instance)
    match error.validator:
        case "additionalProperties" if error.validator_value is False:
            known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
            for name in error.instance:
                if name not in known:
                    yield f"{inside}{name} is unknown"
        case "required":
            yield f"{inside}{error.message.split(chr(39))[1]} is missing"
        case "type":
            yield f"{here} is {value} and not of type {error.validator_value}"
        case "enum":
            yield f"{here} is {value} and none of {_some(error.validator_value)}"
        case "pattern" | "format":
            yield f"{here} is {value} and not of the form {error.validator_value}"
        case "not":
            yield f"{here} is read-only and must not be sent"
        case _:
            yield f"{here}: {error.message[:_SHOWN]}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _some(values: list[object]) -> str:
    text = ", ".join(str(value) for value in values[:_NAMED])
    return f"{text}, ..." if len(values) > _NAMED else text
