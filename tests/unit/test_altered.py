"""A copy with some fields changed is just what `dataclasses.replace` makes, and as frozen."""

from __future__ import annotations

from copy import copy as copied
from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature
from typing import Any

import pytest

from broker.domain.altered import altered, made_at_once
from broker.domain.event import Event
from broker.domain.events import JobFinished
from broker.domain.values import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Every name that is used in writing the copier."""

    kind: str = "a"
    value: int = 1
    new: int = 2
    twin: int = 3


@pytest.mark.parametrize("fields", [{}, {"kind": "b"}, {"twin": 0, "value": 9}, {"new": None}])
def test_a_copy_is_what_replace_makes(fields: dict[str, Any]) -> None:
    before = Named()
    assert altered(before, **fields) == replace(before, **fields)
    assert before == Named()


def test_a_copy_is_as_frozen_as_what_it_was_made_from() -> None:
    copy = altered(JobFinished(job=JobId("job_1"), exit_code=0), exit_code=1)
    assert type(copy) is JobFinished
    assert isinstance(copy, Event)
    with pytest.raises(FrozenInstanceError):
        copy.exit_code = 2  # type: ignore[misc]


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="vaule"):
        altered(Named(), vaule=1)


def test_a_class_without_slots_is_named() -> None:
    with pytest.raises(TypeError, match="Exception has no slots"):
        altered(Exception(), args=())


@dataclass(frozen=True, slots=True)
class Slowly:
    """A field of every kind: given by place, with a default, made anew, by name only."""

    kind: str
    value: int = 1
    new: list[int] = field(default_factory=list)
    twin: int = field(default=3, kw_only=True)


@made_at_once
@dataclass(frozen=True, slots=True)
class AtOnce:
    kind: str
    value: int = 1
    new: list[int] = field(default_factory=list)
    twin: int = field(default=3, kw_only=True)


GIVEN = [
    (("a",), {}),
    (("a", 2), {"new": [4]}),
    ((), {"kind": "b", "twin": 0}),
    (("c", 5, [6]), {"twin": 7}),
]


@pytest.mark.parametrize(("given", "named"), GIVEN)
def test_what_is_made_at_once_is_what_was_made_field_by_field(
    given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    slowly, at_once = Slowly(*given, **named), AtOnce(*given, **named)
    assert repr(at_once) == repr(slowly).replace("Slowly", "AtOnce")
    assert at_once == AtOnce(*given, **named) == copied(at_once)
    assert signature(AtOnce) == signature(Slowly)


def test_what_is_made_at_once_is_frozen_and_shares_nothing() -> None:
    one, other = AtOnce("a"), AtOnce("a")
    assert one.new is not other.new
    with pytest.raises(FrozenInstanceError):
        one.kind = "b"  # type: ignore[misc]


def test_a_field_that_was_not_given_is_named() -> None:
    with pytest.raises(TypeError, match=r"AtOnce\.__init__\(\) missing .* 'kind'"):
        AtOnce()  # type: ignore[call-arg]


def test_every_fact_is_made_at_once_and_frozen() -> None:
    fact = JobFinished(job=JobId("job_1"), exit_code=0)
    assert fact == JobFinished(job=JobId("job_1"), exit_code=0)
    with pytest.raises(TypeError, match="exit_code"):
        JobFinished(job=JobId("job_1"))  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        fact.exit_code = 1  # type: ignore[misc]
