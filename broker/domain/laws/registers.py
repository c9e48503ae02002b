"""The facts that belong to no job: refusals of places, editions, and what is put on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from broker.domain.advice import GOOD_FOR, Thought
from broker.domain.chain import Fact
from broker.domain.laws.book import Book
from broker.domain.laws.editions import edition
from broker.domain.laws.prices import price_list
from broker.domain.laws.records import (
    Acceptance,
    Advised,
    Conflict,
    Key,
    Outage,
    Probe,
    Refusal,
    Span,
    Stake,
    Waiver,
)
from broker.domain.market import told_place
from broker.domain.place import told_area
from broker.domain.values import instant

_ENOUGH_REFUSALS: Final = 20_000
_ENOUGH_SPANS: Final = 1000
_ENOUGH_PROBES: Final = 1000
_KEPT_AFTER: Final = timedelta(days=2)


def optional_instant(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def _place_refused(book: Book, fact: Fact) -> None:
    data = fact.data
    if len(book.refusals) > _ENOUGH_REFUSALS:
        old = book.now - _KEPT_AFTER
        book.refusals = {id_: kept for id_, kept in book.refusals.items() if kept.valid_until > old}
    book.refusals[data["refusal"]] = Refusal(
        told_place(data),
        data["units"],
        book.now,
        instant(data["valid_until"]),
        fact.position,
        told_area(data),
    )


def _place_troubled(book: Book, fact: Fact) -> None:
    """Too many calls only put calls off: nobody is passed over for that."""
    if fact.data["kind"] != "throttled":
        book.troubled[told_area(fact.data)] = instant(fact.data["until"])


def _place_advised(book: Book, fact: Fact) -> None:
    data = fact.data
    _forget_advice(book)
    longest = instant(data["as_of"]) + GOOD_FOR[Thought(data["thought"])]
    until = min(instant(data["until"]), longest)
    book.advice[data["advice"]] = Advised(told_place(data), data["thought"], until)


def _forget_advice(book: Book) -> None:
    if len(book.advice) > _ENOUGH_REFUSALS:
        book.advice = {id_: one for id_, one in book.advice.items() if one.until > book.now}


def _prices_listed(book: Book, fact: Fact) -> None:
    book.price_lists[fact.data["list_id"]] = price_list(fact.data)


def _edition_recorded(book: Book, fact: Fact) -> None:
    recorded = replace(edition(fact.data), position=fact.position, recorded_at=book.now)
    before = book.editions.get((recorded.agreement, recorded.supersedes or ""))
    if before is not None and not recorded.draft:
        ends = min(before.until or recorded.since, recorded.since)
        book.editions[before.agreement, before.name] = replace(before, until=ends)
    book.editions[recorded.agreement, recorded.name] = recorded
    for waiver in fact.data.get("waivers") or ():
        if (recorded.agreement, waiver["id"]) not in book.waivers:
            book.waivers[recorded.agreement, waiver["id"]] = _waiver(waiver, fact)


def _attested(book: Book, fact: Fact) -> None:
    by = book.attested.setdefault((fact.data["agreement"], fact.data["condition"]), set())
    by.add(fact.data["by"])


def _consented(book: Book, fact: Fact) -> None:
    book.consents[fact.data["agreement"], fact.data["consent"]] = fact.data


def _waived(book: Book, fact: Fact) -> None:
    """A waiver given anew under its name keeps what was placed under it."""
    name = fact.data["agreement"], fact.data["waiver"]
    before = book.waivers.get(name)
    book.waivers[name] = _waiver(fact.data, fact)
    if before is not None:
        book.waivers[name].used = before.used


def _waiver(data: Mapping[str, Any], fact: Fact) -> Waiver:
    return Waiver(
        clause=data["of_clause"],
        since=instant(data["from"]),
        until=instant(data["to"]),
        match=data.get("match") or {},
        cap=data["cap_units"],
        position=fact.position,
    )


def _revoked(what: str) -> Callable[[Book, Fact], None]:
    def revoke(book: Book, fact: Fact) -> None:
        book.revoked.add((fact.data["agreement"], fact.data[what]))

    return revoke


def _accepted(book: Book, fact: Fact) -> None:
    data = fact.data
    book.acceptances[data["agreement"], data["acceptance"]] = Acceptance(
        clause=data["of_clause"],
        given_at=book.now,
        since=instant(data["from"]),
        until=instant(data["to"]),
        match=data.get("match") or {},
        units=data["units"],
        price=Decimal(data["price_usd_hour"]),
        hold=data["hold"],
        position=fact.position,
    )


def _key_granted(book: Book, fact: Fact) -> None:
    data = fact.data
    since, until = instant(data["valid_from"]), optional_instant(data["valid_until"])
    book.keys[data["key"]] = Key(data["party"], data["role"], since, until)


def _key_revoked(book: Book, fact: Fact) -> None:
    if key := book.keys.get(fact.data["key"]):
        book.keys[fact.data["key"]] = key._replace(revoked=True)


def _conflict(book: Book, fact: Fact) -> None:
    data = fact.data
    share = data.get("share")
    book.conflicts[data["agreement"], data["conflict"]] = Conflict(
        tenant=data["tenant"],
        party=data["party"],
        since=instant(data["from"]),
        until=optional_instant(data.get("to")),
        share=None if share is None else Decimal(share),
        position=fact.position,
    )


def _stake(book: Book, fact: Fact) -> None:
    data = fact.data
    book.stakes[data["agreement"], data["stake"]] = Stake(
        owner=data["owner"],
        supplier=data["supplier"],
        share=Decimal(data["share"]),
        since=instant(data["from"]),
        until=optional_instant(data.get("to")),
    )


def _suspended(book: Book, fact: Fact) -> None:
    data = fact.data
    _prune(book, book.suspensions)
    book.suspensions[data["suspension"]] = Span(
        data["agreement"], data["clause"], book.now, instant(data["until"]), fact.position
    )
    book.spent.update(data["offers"])


def _probed(book: Book, fact: Fact) -> None:
    data = fact.data
    shown = book.probes.setdefault(data["agreement"], [])
    if data["answered"]:
        shown.clear()
    else:
        shown.append(Probe(data["probe"], data["vantage"], book.now, fact.position))
        del shown[:-_ENOUGH_PROBES]


def _unavailable(book: Book, fact: Fact) -> None:
    _prune(book, book.absences)
    book.absences[fact.data["unavailability"]] = Span(
        fact.data["agreement"], None, book.now, None, fact.position
    )


def _recovered(book: Book, fact: Fact) -> None:
    if away := book.absences.get(fact.data["unavailability"]):
        book.absences[fact.data["unavailability"]] = away._replace(until=book.now)


def _prune(book: Book, spans: dict[str, Span]) -> None:
    if len(spans) > _ENOUGH_SPANS:
        old = book.now - _KEPT_AFTER
        for name in [name for name, span in spans.items() if span.until and span.until < old]:
            del spans[name]


def _broker_up(book: Book, fact: Fact) -> None:
    book.outages.append(Outage(instant(fact.data["from"]), instant(fact.data["to"])))
    book.outages.sort()


REGISTERS: Final[Mapping[str, Callable[[Book, Fact], None]]] = {
    "PlaceRefused": _place_refused,
    "PlaceTroubled": _place_troubled,
    "PlaceAdvised": _place_advised,
    "PricesListed": _prices_listed,
    "EditionRecorded": _edition_recorded,
    "ConditionAttested": _attested,
    "ConsentRecorded": _consented,
    "ConsentRevoked": _revoked("consent"),
    "WaiverGranted": _waived,
    "WaiverRevoked": _revoked("waiver"),
    "StandingAcceptanceGiven": _accepted,
    "StandingAcceptanceRevoked": _revoked("acceptance"),
    "KeyGranted": _key_granted,
    "KeyRevoked": _key_revoked,
    "ConflictRecorded": _conflict,
    "ConflictLifted": _revoked("conflict"),
    "StakeRecorded": _stake,
    "RightSuspended": _suspended,
    "HolderProbed": _probed,
    "HolderUnavailable": _unavailable,
    "HolderRecovered": _recovered,
    "BrokerUp": _broker_up,
}
