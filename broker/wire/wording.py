"""Our own sentence for each kind of error that pydantic knows; its own wording is never shown."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from broker.domain.workload import Kind

UNKNOWN_FIELD: Final = "unknown_field"
WRONG: Final = "wrong"
"""The types of our own errors: their messages are whole sentences."""
WORDED: Final = "worded"
"""An error of pydantic's that has been put into words, its field included."""

_KINDS: Final = frozenset(Kind)
_FREE_NAMES: Final = frozenset({"env", "labels"})
_KEY: Final = ("[key]",)
"""How pydantic's path to a name ends, where the name itself is wrong and not what it names."""
_PLAIN_NAME: Final = re.compile(r"[\w.-]{1,60}")
_PLACE: Final = re.compile(r"line \d+ column \d+")

_WHOLE: Final = "must be a whole number, not {input}"
_NUMBER: Final = "must be a number, not {input}"
_LIST: Final = "must be a list, not {input}"
_OBJECT: Final = "must be an object of names and values, not {input}"
_INSTANT: Final = "must be an instant such as 2026-11-22T12:00:00Z, not {input}"
_ONE_OF: Final = "must be {expected}, not {input}"
_OTHERWISE: Final = "cannot be {input}; /docs says what it may be"

_SENTENCES: Final = {
    "missing": "is needed; add it",
    "extra_forbidden": "is not known here; leave it out",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "bool_type": "must be true or false, not {input}",
    "bool_parsing": "must be true or false, not {input}",
    "string_type": "must be text, not {input}",
    "string_unicode": "is no UTF-8 text; send it as UTF-8",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters; shorten it",
    "string_pattern_mismatch": "is not written as it must be: {input}; /docs says how",
    "too_short": "must not be empty",
    "too_long": "has more than {max_length} entries; shorten it",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "iterable_type": _LIST,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "greater_than": "must be more than {gt}, not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "less_than": "must be less than {lt}, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "enum": _ONE_OF,
    "literal_error": _ONE_OF,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "frozen_instance": "cannot be changed; make a copy with replace()",
    "frozen_field": "cannot be changed; make a copy with replace()",
    "union_tag_not_found": "is needed: training, inference or batch",
    "union_tag_invalid": "must be training, inference or batch, not {tag}",
}


def path_of(first: ErrorDetails, loc: tuple[int | str, ...], within: str = "") -> str:
    """The field's path in words, below `within`: `resources.gpu`, in a list `jobs[3].run`."""
    path = _path(loc[:-2] if loc[-1:] == _KEY else loc, within)
    if first["type"].startswith("union_tag"):
        return _joined(path, "kind")
    if first["type"] == UNKNOWN_FIELD:
        name = str(first.get("ctx", {}).get("field", ""))
        return f"{path}.{name}" if path else name
    return path


def sentence(first: ErrorDetails, path: str) -> str:
    """One sentence that begins with the path, or says that it is the body that is wrong."""
    kind, context = first["type"], first.get("ctx", {})
    if kind == WORDED:
        return first["msg"]
    if kind == UNKNOWN_FIELD:
        outer = path.removesuffix(str(context.get("field", ""))).removesuffix(".")
        return f"{outer}: {first['msg']}" if outer else first["msg"]
    if kind == WRONG:
        return f"{path}: {first['msg']}" if path else first["msg"]
    if kind == "json_invalid":
        found = _PLACE.search(str(context.get("error", "")))
        at = found[0] if found else f"character {(*first['loc'], 0)[-1]}"
        return f"the body is no JSON: it breaks at {at}; send one JSON object"
    named = f"a name in {path}" if first["loc"][-1:] == _KEY else path or "the body"
    return f"{named} {predicate(first)}"


def predicate(first: ErrorDetails) -> str:
    """The same without the field: `must be at least 1, not 0`."""
    kind, given = first["type"], first["input"]
    if kind == "too_long" and isinstance(given, str):
        kind = "string_too_long"
    told = _Blanks({**first.get("ctx", {}), "input": _shown(given)})
    return _SENTENCES.get(kind, _OTHERWISE).format_map(told)


def in_words(error: ValidationError) -> ValidationError:
    """The same error for a Python program, every part of it said in our own words."""
    worded: list[InitErrorDetails] = []
    for one in error.errors(include_url=False):
        said = sentence(one, path_of(one, one["loc"]))
        kind = PydanticCustomError(WORDED, "{sentence}", {"sentence": said})
        worded.append(InitErrorDetails(type=kind, loc=one["loc"], input=one["input"]))
    return ValidationError.from_exception_data(error.title, worded)


class _Blanks(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return key


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line


def _path(parts: tuple[int | str, ...], path: str) -> str:
    """The kind by which a job was told apart is no part of it."""
    before = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in _KINDS and before not in _FREE_NAMES:
            continue
        else:
            path, before = _joined(path, part), part
    return path


def _joined(path: str, name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name):
        return f"{path}[{_shown(name)}]"
    return f"{path}.{name}" if path else name
