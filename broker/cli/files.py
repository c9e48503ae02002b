"""Job files: YAML, TOML or JSON, one job or many."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from broker.client.errors import BrokerError, InvalidJob
from broker.wire import Batch, Inference, Training, problem_of, read_job

STDIN = "-"
_IN_BATCH: Final = re.compile(r"jobs\[(\d+)\]\.(?:job\.)?(.+)", re.DOTALL)
"""How a broker names a field of one of many jobs."""


class Written(NamedTuple):
    """A job, and where it was written."""

    job: Training | Inference | Batch
    label: str
    within: str
    """Its place in the file: `jobs[2]`; empty where it stands alone."""


def read_jobs(named: str) -> list[Written]:
    """The jobs of a file, or of stdin for `-`. Raises BrokerError naming file and field."""
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
    found, many = _listed(_parsed(text, label), label)
    if not found:
        raise _invalid(f"{label}: there is no job in it; write name, kind and run")
    places = [f"jobs[{index}]" if many else "" for index in range(len(found))]
    return [
        Written(_job(job, label, within), label, within)
        for job, within in zip(found, places, strict=True)
    ]


def where_written(refused: BrokerError, written: Sequence[Written]) -> BrokerError:
    """What a broker said of `jobs[7].job.x` in a batch, said of the file that has it."""
    found = _IN_BATCH.match(refused.field or "")
    if found is None or int(found[1]) >= len(written):
        return refused
    _, label, within = written[int(found[1])]
    field = ".".join(filter(None, (within, found[2])))
    said = refused.message.removeprefix(refused.field or "").removeprefix(":").strip()
    code = refused.code if refused.code != InvalidJob.code else "invalid_file"
    return type(refused)(f"{label}: {field}: {said}", code=code, field=field, hint=refused.hint)


def checked(job: Mapping[str, Any]) -> Training | Inference | Batch:
    """One job from its fields. Raises BrokerError."""
    return _job(job, "", "")


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


def _listed(parsed: object, label: str) -> tuple[Sequence[object], bool]:
    """What stands for jobs, and whether they stand in a list."""
    if isinstance(parsed, Mapping) and "jobs" in parsed:
        others = [str(name) for name in parsed if name != "jobs"]
        if others:
            raise _invalid(f"{label}: {others[0]} stands beside jobs; put it into each job")
        parsed = parsed["jobs"]
        if not isinstance(parsed, list):
            raise _invalid(f"{label}: jobs must be a list of jobs, not {_shown(parsed)}")
    if isinstance(parsed, list):
        return parsed, True
    return [parsed], False


def _job(job: object, label: str, within: str) -> Training | Inference | Batch:
    place = f"{label}: {within}" if within else label
    if not isinstance(job, Mapping):
        raise _invalid(f"{place}: a job is made of names and values, not {_shown(job)}")
    try:
        return read_job(dict(job))
    except ValidationError as wrong:
        fault = problem_of(wrong, within=within).error
        said = f"{label}: {fault.message}" if label else fault.message
        raise _invalid(said, field=fault.field, hint=fault.hint) from None


def _shown(given: object) -> str:
    return ascii(str(given)[:40])


def _invalid(sentence: str, field: str | None = None, hint: str | None = None) -> BrokerError:
    return BrokerError(sentence, code="invalid_file", field=field, hint=hint)
