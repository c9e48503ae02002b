"""Jobs as people write them, and the sentences they get for what cannot be."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from pydantic_core import core_schema

from broker.domain.values import ProviderName
from broker.domain.workload import Kind, Shape, WorkClass
from broker.wire import Batch, Inference, Limits, Resources, Training, problem_of, read_job
from broker.wire.jobs import Job
from broker.wire.problems import first_problem

FULL = Training(
    name="llama-sft",
    run="torchrun train.py",
    nodes=4,
    tags=["open_weight"],
    env={"WANDB_MODE": "offline"},
    resources=Resources(gpu="H100:8", cpus="64+", memory="512GiB+"),
    limits=Limits(
        regions=["eu-*", "uk*"],
        exclude=["gcp"],
        max_price_per_hour=70.1,
        start_within=timedelta(hours=2),
    ),
    timeout="12h",
    duration=90.5,
    priority=10,
    labels={"team": "nlp"},
)


def said_of(spec: dict[str, Any]) -> tuple[str | None, str]:
    with pytest.raises(ValidationError) as refused:
        read_job({"kind": "training", "name": "n", "run": "r"} | spec)
    error = problem_of(refused.value).error
    return error.field, error.message


def test_a_job_reaches_the_domain_with_all_it_says() -> None:
    work = FULL.to_workload()
    assert (work.kind, work.work_class) == (Kind.TRAINING, WorkClass.FINE_TUNING)
    assert (work.units, work.gang, work.tags) == (4, True, ("open_weight",))
    assert work.shape == Shape(accelerators=("H100",), gpus=8, cpus=64, memory_gib=512)
    assert work.limits.regions == ("eu-*", "uk*")
    assert work.limits.exclude == (ProviderName.GCP,)
    assert work.limits.max_price_usd_hour == Decimal("70.1")
    assert (work.patience_s, work.timeout_s, work.duration_s) == (7200, 43200, 91)
    assert (work.priority, work.tenant, work.labels) == (10, "default", {"team": "nlp"})


def test_a_job_survives_its_json() -> None:
    again = read_job(FULL.model_dump_json())
    assert again == FULL
    assert read_job(again.model_dump(mode="json")) == FULL
    assert '"max_price_per_hour":"70.1"' in FULL.model_dump_json()


@pytest.mark.parametrize(
    ("job", "units", "gang", "work_class"),
    [
        (Training(name="n", run="r"), 1, False, WorkClass.FINE_TUNING),
        (Training(name="n", run="r", nodes=2), 2, True, WorkClass.FINE_TUNING),
        (Inference(name="n", run="r", replicas=6), 6, False, WorkClass.INFERENCE_FIRST_PARTY),
        (Batch(name="n", run="r", tasks=9), 9, False, WorkClass.BATCH_INFERENCE),
        (Batch(name="n", run="r", workload_class="evaluation"), 1, False, WorkClass.EVALUATION),
    ],
)
def test_a_kind_says_how_it_divides_and_what_it_is_by_default(
    job: Job, units: int, *, gang: bool, work_class: WorkClass
) -> None:
    work = job.to_workload()
    assert (work.units, work.gang, work.work_class) == (units, gang, work_class)


@pytest.mark.parametrize(
    ("asked", "accelerators", "gpus"),
    [
        ("", (), 0),
        ("H100", ("H100",), 1),
        ("H100:8", ("H100",), 8),
        ("A100|H100:8", ("A100", "H100"), 8),
        (" A100 : 4 ", ("A100",), 4),
        (["A10", "L4"], ("A10", "L4"), 1),
        (["A10:2", "L4:2"], ("A10", "L4"), 2),
        ([], (), 0),
    ],
)
def test_gpus_are_written_in_many_ways(
    asked: str | list[str], accelerators: tuple[str, ...], gpus: int
) -> None:
    shape = Resources(gpu=asked).to_shape()
    assert (shape.accelerators, shape.gpus) == (accelerators, gpus)


@pytest.mark.parametrize(
    ("asked", "gib"),
    [("512GB+", 477), ("512GiB", 512), (512, 477), ("1TiB", 1024), ("1.5 GiB", 2), (0, 0)],
)
def test_memory_is_rounded_up_to_what_is_sold(asked: int | str, gib: int) -> None:
    assert Resources(memory=asked).to_shape().memory_gib == gib


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(90, 90), ("90s", 90), ("20m", 1200), ("1h30m", 5400), (timedelta(days=1), 86400), (0.2, 1)],
)
def test_time_is_written_in_many_ways(asked: float | str | timedelta, seconds: int) -> None:
    assert Training(name="n", run="r", timeout=asked).to_workload().timeout_s == seconds


@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        ({"nodes": 0}, "nodes", "nodes must be at least 1, not 0"),
        ({"nodes": True}, "nodes", "whole number"),
        ({"nodes": 10_001}, "nodes", "at most 10000"),
        ({"replicas": 2}, "replicas", "replicas is no field here"),
        ({"gpu": "H100"}, "gpu", "write it as resources.gpu"),
        ({"regions": ["eu"]}, "regions", "write it as limits.regions"),
        ({"lables": {}}, "lables", "did you mean labels?"),
        ({"resources": {"gpu": 8}}, "resources.gpu", "H100:8"),
        ({"resources": {"gpu": "H100:-8"}}, "resources.gpu", "is no GPU"),
        ({"resources": {"gpu": ["A10:1", "L4:2"]}}, "resources.gpu", "one count"),
        ({"resources": {"cpus": "-4"}}, "resources.cpus", "is no amount"),
        ({"resources": {"cpus": 1.5}}, "resources.cpus", "no number of CPUs"),
        ({"resources": {"memory": "8 bananas"}}, "resources.memory", "no unit of memory"),
        ({"resources": {"memory": 10**30}}, "resources.memory", "is no amount"),
        ({"resources": {"disk": "1TB"}}, "resources.disk", "not supported yet; leave it out"),
        ({"limits": {"spot": "maybe"}}, "limits.spot", "write never, prefer, only, true or false"),
        ({"retry": {"failed": 1}}, "retry.failed", "not supported yet; leave it out"),
        ({"retry": {"preempted": -1}}, "retry.preempted", "at least 0"),
        ({"limits": {"exclude": ["ibm"]}}, "limits.exclude[0]", "no provider"),
        ({"limits": {"regions": "eu-*"}}, "limits.regions", "is no list"),
        ({"limits": {"max_price_per_hour": 0}}, "limits.max_price_per_hour", "positive"),
        ({"limits": {"max_price_per_hour": float("nan")}}, "limits.max_price_per_hour", "no price"),
        ({"limits": {"max_price_per_hour": True}}, "limits.max_price_per_hour", "no price"),
        ({"limits": {"start_within": "soon"}}, "limits.start_within", "no span of time"),
        ({"timeout": 0}, "timeout", "more than nothing"),
        ({"timeout": 1e300}, "timeout", "at most ten years"),
        ({"tags": ["secret"]}, "tags", "is no tag"),
        ({"env": {"A-B": "x"}}, "env", "no name of a variable"),
        ({"env": {"BROKER_JOB": "x"}}, "env", "rename it"),
        ({"env": {"LR": 0.1}}, "env.LR", "must be text, not 0.1"),
        ({"env": {"batch": 1}}, "env.batch", "must be text"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": "\ud800"}, "name", "half a character"),
        ({"priority": 10**12}, "priority", "at most"),
        ({"kind": "service"}, "kind", "training, inference or batch"),
    ],
)
def test_what_cannot_be_names_its_field_and_says_what_to_do(
    spec: dict[str, Any], field: str, says: str
) -> None:
    named, message = said_of(spec)
    assert named == field
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "field",
    sorted(Job.LATER),
)
def test_a_field_of_a_later_day_is_refused_by_name(field: str) -> None:
    assert said_of({field: 1}) == (field, f"{field} is not supported yet; leave it out")


def test_a_typo_is_told_to_whoever_writes_python_too() -> None:
    with pytest.raises(ValidationError, match="did you mean nodes"):
        Training(name="n", run="r", node=2)  # type: ignore[call-arg]


def test_a_copy_is_checked_like_a_new_job() -> None:
    assert FULL.replace(nodes=2).to_workload().units == 2
    assert FULL.replace(nodes=2).limits == FULL.limits
    with pytest.raises(ValidationError):
        FULL.replace(nodes=0)
    with pytest.raises(ValidationError):
        FULL.nodes = 3


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"name": "n" * 129}, "name is longer than 128 characters; shorten it"),
        ({"run": "r" * 100_001}, "run is longer than 100000 characters; shorten it"),
        ({"tags": ["open_weight"] * 1001}, "tags has more than 1000 entries; shorten it"),
        ({"labels": {"": "x"}}, "a name in labels must not be empty"),
        ({"labels": {"two\nlines": 5}}, r"labels['two\nlines'] must be text, not 5"),
        ({"two\nlines": 5}, r"'two\nlines' is no field here; known are "),
        ({"resources": []}, "resources must be an object of names and values, not []"),
    ],
)
def test_a_fault_has_its_own_sentence_in_json_and_in_python(
    spec: dict[str, Any], says: str
) -> None:
    assert said_of(spec)[1].startswith(says)
    with pytest.raises(ValidationError) as refused:
        Training(**({"name": "n", "run": "r"} | spec))
    assert says in str(refused.value)
    assert "http" not in str(refused.value)


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_no_fault_is_told_in_the_words_of_the_library(kind: str) -> None:
    """Whatever kind of error it comes to know, the sentence is ours and names the field."""
    error = {"type": kind, "loc": ("body", "name"), "msg": "RAW", "input": 5, "ctx": {}}
    fault = first_problem([error], "invalid_job").error
    assert "RAW" not in fault.message
    assert fault.message.startswith("the body is no JSON" if kind == "json_invalid" else "name")


def test_a_copy_and_a_frozen_job_are_told_in_our_words_too() -> None:
    with pytest.raises(ValidationError, match="nodes must be at least 1, not 0"):
        FULL.replace(nodes=0)
    with pytest.raises(ValidationError, match="nodes cannot be changed; make a copy"):
        FULL.nodes = 3
