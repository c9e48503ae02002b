"""What went wrong, in one sentence that names the field and says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from broker.domain.workload import Kind
from broker.wire.strict import UNKNOWN_FIELD, WRONG, Seen


class Fault(Seen):
    code: str
    """Stable, for programs: `invalid_job`, `not_found`, `late`."""
    message: str
    """One sentence for people."""
    field: str | None = None
    """The path in words: `resources.gpu`; in a list `jobs[3].job.resources.gpu`."""
    hint: str | None = None


class Problem(Seen):
    error: Fault


_REQUEST_PARTS: Final = (("body",), ("query",), ("path",), ("header",))
_KINDS: Final = frozenset(Kind)
_FREE_NAMES: Final = frozenset({"env", "labels"})

_SENTENCES: Final = {
    "missing": "is needed; add it",
    "int_type": "must be a whole number, not {input}",
    "int_parsing": "must be a whole number, not {input}",
    "string_type": "must be text, not {input}",
    "string_unicode": "is no UTF-8 text",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters; shorten it",
    "too_long": "has more than {max_length} entries; shorten it",
    "too_short": "must not be empty",
    "tuple_type": "must be a list, not {input}",
    "list_type": "must be a list, not {input}",
    "model_attributes_type": "must be an object, not {input}",
    "bool_parsing": "must be true or false, not {input}",
    "dict_type": "must be an object of names and values, not {input}",
    "model_type": "must be an object, not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "enum": "must be {expected}, not {input}",
    "literal_error": "must be {expected}, not {input}",
    "union_tag_not_found": "kind is needed: training, inference or batch",
    "union_tag_invalid": "kind must be training, inference or batch, not {tag}",
}


def problem_of(error: ValidationError, code: str = "invalid_job") -> Problem:
    """The first thing that is wrong, with its field."""
    return first_problem(error.errors(include_url=False), code)


def first_problem(errors: Sequence[Any], code: str) -> Problem:
    """The same of a list of pydantic's errors, whose paths may begin with the part of a request."""
    first: ErrorDetails = errors[0]
    kind, context = first["type"], first.get("ctx", {})
    parts = first["loc"][1:] if first["loc"][:1] in _REQUEST_PARTS else first["loc"]
    if kind == "json_invalid":
        message = f"the body is no JSON: {context.get('error', first['msg'])}"
        return Problem(error=Fault(code="invalid_json", message=message))
    path = _path(parts)
    if kind.startswith("union_tag"):
        path = _joined(path, "kind")
    elif kind == UNKNOWN_FIELD:
        path = _joined(path, str(context.get("field", "")))
    message = _sentence(first, path)
    return Problem(error=Fault(code=code, message=message, field=path or None))


def _sentence(first: ErrorDetails, path: str) -> str:
    kind, context = first["type"], first.get("ctx", {})
    if kind == UNKNOWN_FIELD:
        outer, _, _ = path.rpartition(".")
        return f"{outer}: {first['msg']}" if outer else first["msg"]
    if kind == WRONG:
        return f"{path}: {first['msg']}" if path else first["msg"]
    known = _SENTENCES.get(kind)
    if known is None:
        return f"{path or 'the body'}: {first['msg']}"
    said = known.format_map(_Blanks({**context, "input": _shown(first["input"])}))
    return said if kind.startswith("union_tag") else f"{path or 'the body'} {said}"


class _Blanks(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return key


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line


def _path(parts: tuple[int | str, ...]) -> str:
    """`resources.gpu`; the kind by which a job was told apart is no part of it."""
    path, before = "", ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part in _KINDS and before not in _FREE_NAMES:
            continue
        elif part != "[key]":
            path, before = _joined(path, part), part
    return path


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
