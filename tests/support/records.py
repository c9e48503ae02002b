"""Things to put on record of the agreement that ships, and editions with more in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from broker.agreements.registry import agreements
from broker.domain.agreement import Agreement
from broker.domain.clause import Consent, Match, Waiver
from broker.domain.conflicts import Conflict
from broker.domain.recording import Entry
from broker.domain.register import NOTHING_ON_RECORD
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import usd
from broker.domain.workload import WorkClass
from broker.steps.put_on_record import Recorded, put_on_record
from tests.support.broker import EAST, NOON, Broker
from tests.support.editions import SHIPPED

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
RIGHT: Final = "compute-rofr"
FILE: Final = "azure-first-refusal.yaml"
BATCH: Final = Match(classes=frozenset({WorkClass.BATCH_INFERENCE}))


def amended(*changes: tuple[str, str]) -> Agreement:
    """The agreement that ships, with some of its words changed."""
    text = SHIPPED[FILE]
    for good, bad in changes:
        assert good in text, f"{FILE} has no {good!r}"
        text = text.replace(good, bad)
    return agreements({FILE: text})["azure-first-refusal"]


def with_de_minimis(units: int, cap: int) -> Agreement:
    limit = f"{{units: {units}, per_tenant_window: P1D, cap_units: {cap}}}"
    return amended(("de_minimis: null", f"de_minimis: {limit}"))


def a_waiver(cap: int, **changed: Any) -> Waiver:  # noqa: ANN401 - the waiver's own fields
    fields: dict[str, Any] = {
        "id": "w1",
        "of_clause": RIGHT,
        "given_by": "azure",
        "begins": NOON,
        "ends": NOON + DAY,
        "match": BATCH,
        "cap_units": cap,
    }
    return Waiver(**(fields | changed))


def a_consent(**changed: Any) -> Consent:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": "c1",
        "of_clause": "api-exclusive",
        "given_by": "azure",
        "begins": NOON,
        "ends": NOON + DAY,
        "match": Match(classes=frozenset({WorkClass.INFERENCE_API}), pools=frozenset({"gcp"})),
    }
    return Consent(**(fields | changed))


def an_acceptance(units: int, **changed: Any) -> StandingAcceptance:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": "s1",
        "of_clause": RIGHT,
        "given_by": "azure",
        "given_at": NOON,
        "begins": NOON,
        "ends": NOON + DAY,
        "match": BATCH,
        "units": units,
        "price_usd_hour": usd("2.90"),
        "hold": "reservation-7",
        "region": EAST.region,
        "sku": EAST.sku,
    }
    return StandingAcceptance(**(fields | changed))


def a_conflict(party: str, **changed: Any) -> Conflict:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": "k1",
        "tenant": "lab",
        "party": party,
        "because": "it owns a rival of the tenant's",
        "begins": NOON,
        "ends": None,
    }
    return Conflict(**(fields | changed))


@dataclass
class Recorder:
    """Puts things on record of a broker's one agreement."""

    broker: Broker
    name: str = "azure-first-refusal"

    def put(self, entry: Entry, by: str = "azure", shown: str | None = None) -> Recorded:
        store, rules = self.broker.store, self.broker.rules
        return put_on_record(self.name, entry, by, store, rules, shown)

    def must(self, entry: Entry, by: str = "azure") -> None:
        recorded = self.put(entry, by)
        assert recorded.refused is None, recorded.refused
        self.broker.settle()

    @property
    def untouched(self) -> bool:
        """Whether nothing was ever put on record; a register that was only locked is one still."""
        kept = self.broker.store.registers.get(self.name, NOTHING_ON_RECORD)
        return (kept.version, kept.reading) == (0, 0)
