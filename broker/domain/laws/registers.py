"""The facts that belong to no job: refusals of places, editions, conditions, outages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Outage, Refusal
from broker.domain.laws.editions import edition
from broker.domain.laws.prices import price_list
from broker.domain.values import instant

_ENOUGH_REFUSALS: Final = 20_000
_KEPT_AFTER: Final = timedelta(days=2)


def optional_instant(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def _place_refused(book: Book, fact: Fact) -> None:
    data = fact.data
    if len(book.refusals) > _ENOUGH_REFUSALS:
        old = book.now - _KEPT_AFTER
        book.refusals = {id_: kept for id_, kept in book.refusals.items() if kept.valid_until > old}
    book.refusals[data["refusal"]] = Refusal(
        _place(data), data["units"], book.now, instant(data["valid_until"]), fact.position
    )


def _place_troubled(book: Book, fact: Fact) -> None:
    book.troubled[_place(fact.data)] = instant(fact.data["until"])


def _place(data: Mapping[str, Any]) -> tuple[str, str, str]:
    return data["provider"], data["region"], data["sku"]


def _prices_listed(book: Book, fact: Fact) -> None:
    book.price_lists[fact.data["list_id"]] = price_list(fact.data)


def _edition_recorded(book: Book, fact: Fact) -> None:
    recorded = edition(fact.data)
    book.editions[recorded.agreement, recorded.name] = recorded


def _attested(book: Book, fact: Fact) -> None:
    book.attested.add((fact.data["agreement"], fact.data["condition"]))


def _consented(book: Book, fact: Fact) -> None:
    book.consents[fact.data["consent"]] = fact.data


def _waived(book: Book, fact: Fact) -> None:
    book.waivers.add(fact.data["waiver"])


def _waiver_revoked(book: Book, fact: Fact) -> None:
    book.waivers.discard(fact.data["waiver"])


def _suspended(book: Book, fact: Fact) -> None:
    book.suspended[fact.data["agreement"]] = optional_instant(fact.data.get("until"))


def _unavailable(book: Book, fact: Fact) -> None:
    book.unavailable[fact.data["agreement"]] = optional_instant(fact.data.get("until"))


def _broker_up(book: Book, fact: Fact) -> None:
    book.outages.append(Outage(instant(fact.data["from"]), instant(fact.data["to"])))
    book.outages.sort()


REGISTERS: Final[Mapping[str, Callable[[Book, Fact], None]]] = {
    "PlaceRefused": _place_refused,
    "PlaceTroubled": _place_troubled,
    "PricesListed": _prices_listed,
    "EditionRecorded": _edition_recorded,
    "ConditionAttested": _attested,
    "ConsentRecorded": _consented,
    "WaiverGranted": _waived,
    "WaiverRevoked": _waiver_revoked,
    "RightSuspended": _suspended,
    "HolderUnavailable": _unavailable,
    "BrokerUp": _broker_up,
}
