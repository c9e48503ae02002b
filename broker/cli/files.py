"""Job files: YAML, TOML or JSON, one job or many."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from broker.client.errors import BrokerError
from broker.wire import Batch, Inference, Training, problem_of, read_job

STDIN = "-"


def read_jobs(named: str) -> list[Training | Inference | Batch]:
    """The jobs of a file, or of stdin for `-`. Raises BrokerError naming file and place."""
    label = "stdin" if named == STDIN else named
    try:
        raw = sys.stdin.buffer.read() if named == STDIN else Path(named).read_bytes()
        text = raw.decode("utf-8")
    except OSError as missing:
        raise _invalid(f"{label}: {missing.strerror or missing}; check its name") from None
    except UnicodeDecodeError as broken:
        raise _invalid(
            f"{label}: byte {broken.start} is no UTF-8; save the file as UTF-8"
        ) from None
    found = _listed(_parsed(text, label), label)
    if not found:
        raise _invalid(f"{label}: there is no job in it; write name, kind and run")
    return [_job(job, label, index, len(found)) for index, job in enumerate(found)]


def checked(job: Mapping[str, Any], label: str) -> Training | Inference | Batch:
    """One job from its fields. Raises BrokerError."""
    return _job(job, label, 0, 1)


def _parsed(text: str, label: str) -> object:
    suffix = Path(label).suffix.lower()
    try:
        if suffix == ".json":
            return json.loads(text)
        if suffix == ".toml":
            return tomllib.loads(text)
    except json.JSONDecodeError as broken:
        where = f"{label}, line {broken.lineno}"
        raise _invalid(f"{where}: no JSON: {broken.msg}") from None
    except tomllib.TOMLDecodeError as broken:
        raise _invalid(f"{label}: no TOML: {broken}") from None
    return _yaml(text, label)


def _yaml(text: str, label: str) -> object:
    import yaml

    try:
        documents = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark else 1
        raise _invalid(f"{label}, line {line}: no YAML: {broken.problem}") from None
    except yaml.YAMLError as broken:
        raise _invalid(f"{label}: no YAML: {str(broken).splitlines()[0]}") from None
    return documents[0] if len(documents) == 1 else documents


def _listed(parsed: object, label: str) -> Sequence[object]:
    if isinstance(parsed, Mapping) and "jobs" in parsed:
        others = [str(name) for name in parsed if name != "jobs"]
        if others:
            raise _invalid(f"{label}: {others[0]} stands beside jobs; put it into each job")
        parsed = parsed["jobs"]
    if isinstance(parsed, list):
        return parsed
    return [parsed]


def _job(job: object, label: str, index: int, count: int) -> Training | Inference | Batch:
    place = label if count == 1 else f"{label}, job {index + 1}"
    if not isinstance(job, Mapping):
        raise _invalid(f"{place}: a job is a list of names and values, not {str(job)[:40]!r}")
    try:
        return read_job(dict(job))
    except ValidationError as wrong:
        fault = problem_of(wrong).error
        raise _invalid(f"{place}: {fault.message}", field=fault.field, hint=fault.hint) from None


def _invalid(sentence: str, field: str | None = None, hint: str | None = None) -> BrokerError:
    return BrokerError(sentence, code="invalid_file", field=field, hint=hint)
