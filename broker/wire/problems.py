"""What went wrong, in one sentence that names the field and says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from broker.wire.strict import Seen
from broker.wire.wording import path_of, sentence


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


def problem_of(error: ValidationError, code: str = "invalid_job", within: str = "") -> Problem:
    """The first thing that is wrong, with its field; `within` is where in a file it stands."""
    return first_problem(error.errors(include_url=False), code, within)


def first_problem(errors: Sequence[Any], code: str, within: str = "") -> Problem:
    """The same of a list of pydantic's errors, whose paths may begin with the part of a request."""
    first: ErrorDetails = errors[0]
    if first["type"] == "json_invalid":
        return Problem(error=Fault(code="invalid_json", message=sentence(first, "")))
    parts = first["loc"][1:] if first["loc"][:1] in _REQUEST_PARTS else first["loc"]
    path = path_of(first, parts, within)
    return Problem(error=Fault(code=code, message=sentence(first, path), field=path or None))
