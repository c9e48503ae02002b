"""The log as a chain of sealed facts: its canonical text, its hashes, its exported lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple, NoReturn, cast

GENESIS: Final = "0" * 64
"""What the first fact names as the hash before it."""

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_FORM: Final[Mapping[str, type]] = {
    "position": int,
    "at": str,
    "stream": str,
    "version": int,
    "type": str,
    "data": dict,
    "previous": str,
    "hash": str,
}


class Fact(NamedTuple):
    """One sealed fact, as the log keeps and exports it."""

    position: int
    at: str
    stream: str
    version: int
    type: str
    data: Mapping[str, Any]
    previous: str
    hash: str


class MalformedLine(ValueError):
    """A line of a log that is no fact; the message names the line and says what is wrong."""


def canonical(value: object) -> str:
    """The one text of a JSON value: sorted keys, no spaces, UTF-8 unescaped.

    Raises TypeError for a float, or anything else that has no single text.
    """
    _refuse_floats(value)
    return _encode(value)


def canonical_plain(value: object) -> str:
    """The same text for what `values.plain` made: floats cannot be in it and are not looked for."""
    return _encode(value)


def seal(
    position: int,
    at: str,
    stream: str,
    version: int,
    type: str,  # noqa: A002 - the fact's own word
    data_json: str,
    previous: str,
) -> str:
    """The hash of a fact whose data is already canonical text."""
    text = (
        f'{{"at":{_quoted(at)},"data":{data_json},"position":{position},'
        f'"previous":{_quoted(previous)},"stream":{_quoted(stream)},"type":{_quoted(type)},'
        f'"version":{version}}}'
    )
    return sha256(text.encode()).hexdigest()


def line(  # noqa: PLR0913, PLR0917 - the parts of a fact
    position: int,
    at: str,
    stream: str,
    version: int,
    type: str,  # noqa: A002 - the fact's own word
    data_json: str,
    previous: str,
    hash: str,  # noqa: A002 - the fact's own word
) -> str:
    """The fact as one exported line, without the line's end."""
    return (
        f'{{"position":{position},"at":{_quoted(at)},"stream":{_quoted(stream)},'
        f'"version":{version},"type":{_quoted(type)},"data":{data_json},'
        f'"previous":{_quoted(previous)},"hash":{_quoted(hash)}}}'
    )


def sealed_hash(fact: Fact) -> str:
    """The hash that the fact's contents call for, whatever hash it bears."""
    return seal(*fact[:5], _encode(fact.data), fact.previous)


def exported(fact: Fact) -> str:
    """The line of a fact whose data is not text yet."""
    return line(*fact[:5], canonical(fact.data), *fact[6:])


def read_lines(file: Iterable[str]) -> Iterator[Fact]:
    """The facts of an exported log, in the file's order. Raises MalformedLine."""
    for number, text in enumerate(file, start=1):
        if not text.isspace():
            yield _fact(text, number)


def _fact(text: str, number: int) -> Fact:
    parts = _decoded(text, number)
    if type(parts) is not dict:
        raise MalformedLine(f"Line {number} is no object; a fact is an object on one line.")
    if parts.keys() != _FORM.keys():
        raise MalformedLine(f"Line {number} {_misnamed(parts)}")
    for name, form in _FORM.items():
        if type(parts[name]) is not form:
            raise MalformedLine(f"Line {number} has a {name!r} that is no {_TRADE_WORD[form]}.")
    if not _INSTANT.fullmatch(parts["at"]):
        raise MalformedLine(f"Line {number} has an 'at' that is no instant.")
    return Fact(**parts)


def _decoded(text: str, number: int) -> Any:  # noqa: ANN401 - a line may hold anything
    try:
        parts = _decode(text)
        if "\\ud" in text or "\\uD" in text:
            _encode(parts).encode()
    except UnicodeEncodeError:
        raise MalformedLine(f"Line {number} holds half a character; it is no UTF-8.") from None
    except json.JSONDecodeError as broken:
        where = f"from character {broken.pos + 1}" if text.endswith("\n") else "for it is cut off"
        raise MalformedLine(f"Line {number} is no JSON {where}.") from None
    except RecursionError:
        raise MalformedLine(f"Line {number} is no JSON that a log may hold: too deep.") from None
    except ValueError as broken:
        raise MalformedLine(f"Line {number} is no JSON that a log may hold: {broken}.") from None
    return parts


_TRADE_WORD: Final[Mapping[type, str]] = {int: "whole number", str: "text", dict: "object"}


def _misnamed(parts: Mapping[str, object]) -> str:
    if missing := [name for name in _FORM if name not in parts]:
        return f"lacks {missing[0]!r}; a fact has exactly {', '.join(_FORM)}."
    unknown = next(name for name in parts if name not in _FORM)
    return f"has an unknown name {unknown!r}; a fact has exactly {', '.join(_FORM)}."


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is a float, and a log holds whole numbers and decimal strings only")


def _refuse_floats(value: object) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"{key!r} is a key of a fact and no text")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in cast("Iterable[object]", value):
            _refuse_floats(item)
    else:
        raise TypeError(f"{value!r} is a {type(value).__name__}, which no fact may hold")


_quoted: Final = encode_basestring
_encode: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode
_decode: Final = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float).decode
