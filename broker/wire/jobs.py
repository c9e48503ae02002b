"""The three kinds of job, as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter
from typing_extensions import override

from broker.domain.workload import DEFAULT_CLASS, TAGS, Kind, WorkClass, Workload
from broker.wire.quantities import Span, seconds
from broker.wire.resources import Limits, Resources, Retry, Words
from broker.wire.strict import Count, Strict, Text, Word, wrong

_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _work_class(given: object) -> WorkClass | None:
    if given is None:
        return None
    try:
        return WorkClass(str(given))
    except ValueError:
        raise wrong(f"{given!r} is no workload class; known are {', '.join(WorkClass)}") from None


def _known_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if tag not in TAGS:
            raise wrong(f"{tag!r} is no tag; known are {', '.join(sorted(TAGS))}")
    return tuple(dict.fromkeys(tags))


def _command(run: str) -> str:
    if not run.strip():
        raise wrong("say what to run: one shell command or script")
    return run


def _environment(env: Mapping[str, str]) -> Mapping[str, str]:
    for name in env:
        if not _ENV_NAME.fullmatch(name):
            raise wrong(f"{name!r} is no name of a variable; use letters, digits and underscores")
        if name.startswith("BROKER_"):
            raise wrong(f"{name} is the broker's own, as all that begin with BROKER_; rename it")
    return env


Environment = Annotated[dict[str, Text], AfterValidator(_environment), Field(max_length=1000)]


class Job(Strict):
    """What jobs of every kind have in common."""

    LATER: ClassVar = frozenset(
        {"health", "image", "max_parallel", "min_replicas", "port", "ports"}
        | {"secrets", "setup", "workdir"}
    )
    ELSEWHERE: ClassVar = {
        **{name: f"resources.{name}" for name in Resources.model_fields},
        **{name: f"limits.{name}" for name in Limits.model_fields},
        "gpus": "resources.gpu",
    }
    KIND: ClassVar[Kind]

    name: Word
    run: Annotated[Text, Field(max_length=100_000), AfterValidator(_command)]
    """The shell command that every machine runs."""
    workload_class: Annotated[WorkClass | str | None, BeforeValidator(_work_class)] = None
    """What the agreement decides by; by default what is usual for the kind."""
    tags: Annotated[Words, AfterValidator(_known_tags)] = ()
    env: Environment = Field(default_factory=dict)
    resources: Resources = Resources()
    limits: Limits = Limits()
    retry: Retry = Retry()
    timeout: Span = None
    """When the command is stopped, counted from its start."""
    duration: Span = None
    """How long the run is expected to last; told to suppliers, never enforced."""
    checkpointable: Annotated[bool, Field(strict=True)] = False
    """Whether it may be stopped and started elsewhere without losing its work."""
    priority: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 0
    """The higher goes first."""
    labels: Annotated[
        dict[Word, Annotated[Text, Field(max_length=1000)]], Field(max_length=100)
    ] = Field(default_factory=dict)
    tenant: Word = "default"

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the job's own fields
        """A copy with these fields changed, checked like a new one."""
        kept = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**(kept | changes))

    def to_workload(self) -> Workload:
        units, gang = self._units()
        return Workload(
            name=self.name,
            tenant=self.tenant,
            kind=self.KIND,
            work_class=WorkClass(self.workload_class or DEFAULT_CLASS[self.KIND]),
            run=self.run,
            tags=tuple(self.tags),
            env=self.env,
            units=units,
            gang=gang,
            shape=self.resources.to_shape(),
            limits=self.limits.to_limits(),
            duration_s=seconds(self.duration),
            timeout_s=seconds(self.timeout),
            patience_s=self.limits.patience_s(),
            checkpointable=self.checkpointable,
            retry=self.retry.to_retry(),
            priority=self.priority,
            labels=self.labels,
        )

    def _units(self) -> tuple[int, bool]:
        """How many machines, and whether they stand or fall together."""
        raise NotImplementedError


class Training(Job):
    """One machine, or a gang of them: all or none."""

    KIND: ClassVar = Kind.TRAINING
    kind: Literal["training"] = "training"
    nodes: Count = 1

    @override
    def _units(self) -> tuple[int, bool]:
        return self.nodes, self.nodes > 1


class Inference(Job):
    """Replicas, which may be placed one by one."""

    KIND: ClassVar = Kind.INFERENCE
    kind: Literal["inference"] = "inference"
    replicas: Count = 1

    @override
    def _units(self) -> tuple[int, bool]:
        return self.replicas, False


class Batch(Job):
    """Tasks, which may be placed one by one."""

    KIND: ClassVar = Kind.BATCH
    kind: Literal["batch"] = "batch"
    tasks: Count = 1

    @override
    def _units(self) -> tuple[int, bool]:
        return self.tasks, False


JobSpec: TypeAlias = Annotated[Training | Inference | Batch, Field(discriminator="kind")]

_JOB: Final[TypeAdapter[Training | Inference | Batch]] = TypeAdapter(JobSpec)


def read_job(given: str | bytes | Mapping[str, Any]) -> Training | Inference | Batch:
    """A job from JSON text or a mapping with its `kind`. Raises pydantic's ValidationError."""
    if isinstance(given, str | bytes):
        return _JOB.validate_json(given)
    return _JOB.validate_python(given)
