"""The text of a fact is the canonical text of its payload, whatever is in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

import pytest

from broker.domain.chain import canonical
from broker.domain.event import Event
from broker.domain.events import (
    AnswerReceived,
    BrokerUp,
    EditionRecorded,
    JobSubmitted,
    LeaseActivated,
)
from broker.domain.terms import Terms
from broker.domain.text import text
from broker.domain.values import (
    AnswerId,
    CommitmentId,
    JobId,
    LeaseId,
    OfferId,
    ProviderName,
    plain,
)
from broker.domain.workload import Kind, Shape, WorkClass

NOON: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
TERMS: Final = Terms(
    accelerators=("H100", 'a "quoted" one'),
    gpus_per_unit=8,
    regions=None,
    price_usd_hour=Decimal("12.50"),
    interruptible=True,
)
FACTS: Final[tuple[Event, ...]] = (
    JobSubmitted(
        job=JobId("job_1"),
        tenant="ünïcode \u2028 \x07 \\ 😀",
        name="",
        kind=Kind.TRAINING,
        work_class=WorkClass.PRETRAINING,
        tags=("b", "a"),
        units=2,
        gang=0,
        chunk=1,
        terms=TERMS,
        patience_until=NOON.astimezone(timezone(timedelta(hours=2))),
        agreement="x",
        shape=Shape(accelerators=("H100",), gpus=8),
        exclude=(),
    ),
    AnswerReceived(
        offer=OfferId("offer_1"),
        answer=AnswerId("ans_1"),
        kind="accept",
        units=(),
        holds=({"units": 1, "sku": "nc", "hold": None}, {}),
        reason=None,
        by=ProviderName.AZURE,
    ),
    LeaseActivated(
        job=JobId("job_1"),
        unit=0,
        epoch=1,
        provider=ProviderName.AZURE,
        lease=LeaseId("job_1.0.1"),
        commitment=CommitmentId("com_1"),
        price_usd_hour=Decimal(100),
    ),
    BrokerUp(since=NOON, to=NOON),
    EditionRecorded(agreement="x", edition="1", document={"clauses": [{"id": "a", "n": 1}]}),
)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_a_facts_text_is_the_canonical_text_of_its_payload(fact: Event) -> None:
    assert fact.text() == canonical(fact.payload())


@pytest.mark.parametrize(
    "value", [True, -3, frozenset({"b", "a"}), {"b": {"d": (1,), "c": ()}, "a": [NOON]}, TERMS]
)
def test_a_values_text_is_the_canonical_text_of_its_plain_form(value: object) -> None:
    assert text(value) == canonical(plain(value))


@pytest.mark.parametrize("value", [1.5, {"a": 0.1}, b"bytes"])
def test_what_has_no_place_in_a_fact_has_no_text(value: object) -> None:
    with pytest.raises(TypeError):
        text(value)
