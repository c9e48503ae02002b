"""What is wrong with a setting, as one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

PREFIX: Final = "BROKER_"
_NUMBERS: Final = ("float_parsing", "float_type", "decimal_parsing", "decimal_type")
_SAYS: Final = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(_NUMBERS, "it must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "it must be true or false"),
    **dict.fromkeys(("time_delta_parsing", "time_delta_type"), "it must be a time such as PT3M"),
    "string_type": "it must be text",
    "path_type": "it must be the name of a file or folder",
    "dict_type": "it must be a table of names and values",
    "enum": "it must be {expected}",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "missing": "it is missing; give it",
    "value_error": "it must have at least 24 characters, or be base64 behind whsec_",
    "string_pattern_mismatch": "it must begin with a letter and go on with letters a to z, digits "
    "and dashes, 63 at the most",
}


class SettingsError(ValueError):
    """A setting is unknown or cannot be; one sentence naming the file and the key."""


def sentence(
    wrong: ValidationError, given: Mapping[str, Any], file: Path | None, known: Iterable[str]
) -> str:
    """The first thing wrong, with where it was said; never the value, which may be a secret."""
    first = wrong.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in first["loc"] if part != "[key]"]
    key = path[0]
    variable = f"{PREFIX}{key.upper()}"
    if key in given:
        origin = ""
    elif any(name.upper() == variable for name in os.environ):
        origin, path[0] = "the environment: ", variable
    else:
        origin = f"{file}: "
    if first["type"] == "extra_forbidden":
        hint = f": {nearest(key, known)}" if len(path) == 1 else ""
        return f"{origin}there is no setting {'.'.join(path)!r}{hint}"
    says = _SAYS.get(first["type"], "it cannot be that").format_map(first.get("ctx", {}))
    return f"{origin}{'.'.join(path)}: {says}"


def nearest(word: str, known: Iterable[str]) -> str:
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(words)}"
