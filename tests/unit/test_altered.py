"""A copy with some fields changed is just what `dataclasses.replace` makes, and as frozen."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest

from broker.domain.altered import altered
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
