"""What every command has in hand: the line to the broker, and where words and data go."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import typer

from broker.client import where
from broker.client.connection import Connection
from broker.client.errors import (
    BrokerError,
    BrokerUnavailable,
    InvalidJob,
    JobCancelled,
    JobFailed,
    NoCapacity,
    NotAuthorised,
    NotFound,
)

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
REFUSED: Final = 5
NO_CAPACITY: Final = 6
CANCELLED: Final = 8
TIMEOUT: Final = 124
INTERRUPTED: Final = 130

CODES: Final = """Exit codes: 0 ok; 1 job failed, or the audit found a breach (`run`: the job's own
code); 2 usage or invalid file; 3 not authorised; 4 not found; 5 refused by policy; 6 no capacity
in the time given; 7 broker unreachable; 8 cancelled; 124 timeout; 130 interrupted (the job goes
on)."""

_DEFAULT_URL: Final = "http://127.0.0.1:8080"
_BY_KIND: Final[Sequence[tuple[type[BrokerError], int]]] = (
    (NotAuthorised, 3),
    (NotFound, 4),
    (NoCapacity, NO_CAPACITY),
    (BrokerUnavailable, 7),
    (JobCancelled, CANCELLED),
    (JobFailed, FAILED),
)
_USAGE_CODES: Final = frozenset({"invalid_settings", "ambiguous", "invalid_file"})


def exit_code(error: BrokerError) -> int:
    """The published exit code of an error."""
    for kind, code in _BY_KIND:
        if isinstance(error, kind):
            return code
    if error.code in ("nonconforming", "cannot_stand"):
        return REFUSED
    invalid = isinstance(error, InvalidJob) or error.code in _USAGE_CODES
    return USAGE if invalid else REFUSED


@dataclass(frozen=True)
class Shell:
    """One call of the command line."""

    url: str | None = None
    color: bool = True
    traceback: bool = False

    @cached_property
    def line(self) -> Connection:
        address = where.find(self.url) or where.Address(_DEFAULT_URL, None)
        return Connection(address.url, address.token)

    def close(self) -> None:
        line = self.__dict__.get("line")
        if isinstance(line, Connection):
            line.close()

    @property
    def paints(self) -> bool:
        """Whether data goes to a person's terminal, in colour."""
        return self.color and sys.stdout.isatty()

    def job(self, named: str) -> dict[str, Any]:
        """The job with this id, the beginning of it, or this name. Raises NotFound."""
        if not named.strip():
            raise BrokerError(
                "a job is named by its id, the beginning of it, or its name",
                code="invalid_settings",
                hint="see `broker ps -a`",
            )
        found = self.line.get("/v1/jobs", find=named, limit=10)["items"]
        if not found:
            raise NotFound(f"there is no job {named!r}", hint="see `broker ps -a`")
        if len(found) > 1:
            ids = ", ".join(job["id"] for job in found)
            raise BrokerError(
                f"{named!r} may be any of {ids}", code="ambiguous", hint="write the whole id"
            )
        job: dict[str, Any] = found[0]
        return job


def shell_of(context: typer.Context) -> Shell:
    shell = context.find_object(Shell)
    return shell if shell is not None else Shell()


def out(text: str) -> None:
    """Data, on stdout."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """Talk, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def out_json(noun: str, said: Mapping[str, Any]) -> None:
    """One JSON object that names its schema, on one line."""
    schema = {"schema": f"broker.{noun}/v1"}
    out(json.dumps({**schema, **said}, ensure_ascii=False, default=str))
