"""How agreements look on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from broker.cli.render import moment, shown, table


def listed(items: Sequence[Mapping[str, Any]]) -> str:
    head = ("NAME", "IN FORCE", "HOLDER", "PROVENANCE", "TITLE")
    rows = [
        (
            f"{one['name']} *" if one["default"] else one["name"],
            one["in_force"] or "-",
            one["holder"] or "-",
            one["provenance"] or "-",
            one["title"] or "-",
        )
        for one in items
    ]
    return table(head, rows)


def agreement(said: Mapping[str, Any]) -> str:
    """Every edition in a line, the clauses of the one in force, and what stands now."""
    return "\n".join(_lines(said))


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    yield said["name"]
    yield ""
    head = ("EDITION", "STATUS", "PROVENANCE", "FROM", "TO", "TITLE")
    rows = [
        (
            f"{one['id']} *" if one["in_force"] else one["id"],
            one["status"],
            one["provenance"],
            moment(one["begins"]),
            moment(one["ends"]),
            one["title"],
        )
        for one in said["editions"]
    ]
    yield table(head, rows)
    for edition in said["editions"]:
        if edition["in_force"]:
            yield from _clauses(edition)
    yield from _stands(said["stands"])


def _clauses(edition: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    rows = [
        (
            one["id"],
            one["effect"],
            f"{one['standing']}, assumed" if one["assumed"] else one["standing"],
            shown(one["match"]),
            _meter(one["meter"]) or shown(one["until"]) or "-",
        )
        for one in edition["clauses"]
    ]
    yield table(("CLAUSE", "EFFECT", "STANDING", "OF", "UNTIL OR AMOUNT"), rows)
    for contested, read in edition["contested"].items():
        yield f"contested: {contested} is read as {read}"


def _meter(meter: Mapping[str, Any] | None) -> str:
    if meter is None:
        return ""
    amount = meter.get("amount")
    return f"{amount} {meter['unit']}" if amount is not None else f"not defined, in {meter['unit']}"


def _stands(stands: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    rows = [
        (
            one["id"],
            one["kind"],
            _state(one),
            "-" if one["units"] is None else f"{one['used']} of {one['units']}",
            moment(one["begins"]),
            moment(one["ends"]),
            shown(one["match"]) or shown(one["says"]) or one["of_clause"] or "-",
        )
        for one in stands["records"]
    ]
    if rows:
        yield table(("RECORD", "KIND", "STATE", "UNITS", "FROM", "TO", "OF"), rows)
    for condition, by in stands["attested"].items():
        yield f"attested: {condition}, by {by}"
    for clause, until in stands["suspended_until"].items():
        yield f"suspended: {clause}, until {moment(until)}"
    if stands["unavailable_since"]:
        yield f"unavailable: the holder, since {moment(stands['unavailable_since'])}"
    for tenant, units in stands["small_units"].items():
        yield f"de minimis: {tenant} has had {units} units in the period"
    for stake in stands["stakes"]:
        yield f"stake: {stake['owner']} has {stake['share']} of {stake['supplier']}"
    told = ("records", "attested", "suspended_until", "unavailable_since", "small_units", "stakes")
    if not any(stands[name] for name in told):
        yield "nothing is on record beside the editions"


def _state(record: Mapping[str, Any]) -> str:
    if record["revoked_at"]:
        return "revoked"
    return "live" if record["live"] else "not in force"
