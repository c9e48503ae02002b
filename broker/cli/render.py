"""How jobs, offers and facts look on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from broker.domain.explanation import columns, span

_PAINT: Final = {
    "queued": "2",
    "offered": "36",
    "released": "35",
    "placing": "33",
    "starting": "33",
    "running": "32",
    "finished": "2;32",
    "failed": "31",
    "cancelled": "2",
    "unmet": "31",
    "sent": "36",
    "open": "36",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, paint: int | None = None) -> str:
    """Aligned columns; the words of column `paint` in the colour of their meaning."""
    lines = columns([head, *rows])
    if paint is None:
        return "\n".join(lines)
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(paint + 1)]
    start = sum(widths[:paint]) + 2 * paint
    painted = [f"\x1b[1m{lines[0]}\x1b[0m"]
    for line, row in zip(lines[1:], rows, strict=True):
        word = row[paint]
        color = _PAINT.get(word, "0")
        rest = line[start + len(word) :]
        painted.append(f"{line[:start]}\x1b[{color}m{word}\x1b[0m{rest}")
    return "\n".join(painted)


def jobs(items: Sequence[Mapping[str, Any]], *, paints: bool) -> str:
    head = ["ID", "NAME", "KIND", "STAGE", "UNITS", "WHERE", "$/H", "SUBMITTED"]
    told = any(job.get("reason") for job in items)
    rows = [
        (
            job["id"],
            job["name"],
            job["kind"],
            job["stage"],
            str(job["units"]),
            places(job) or job.get("trouble") or "-",
            str(job.get("price_usd_hour") or "-"),
            moment(job["submitted_at"]),
            *((job.get("reason") or "",) if told else ()),
        )
        for job in items
    ]
    return table([*head, "REASON"] if told else head, rows, paint=3 if paints else None)


def offers(items: Sequence[Mapping[str, Any]], *, paints: bool) -> str:
    head = ("ID", "JOB", "STATE", "HOLDER", "UNITS", "$/H", "DESK", "UNTIL")
    rows = [
        (
            offer["id"],
            offer["job"],
            offer["state"],
            offer["holder"][0],
            str(len(offer["units"])),
            str(offer["terms"].get("price_usd_hour") or "-"),
            offer["desk"],
            moment(offer.get("expires_at")),
        )
        for offer in items
    ]
    return table(head, rows, paint=2 if paints else None)


def places(job: Mapping[str, Any]) -> str:
    return ", ".join(
        " ".join((place["provider"], place["region"], _sold(place)))
        for place in job.get("places", ())
    )


def _sold(place: Mapping[str, Any]) -> str:
    """The kind of machine, and how it is bought unless on demand."""
    how = place.get("purchase", "on_demand")
    return str(place["sku"]) if how == "on_demand" else f"{place['sku']} {how}"


def moment(at: str | None) -> str:
    """`2026-03-02 12:00:05Z`, or a dash."""
    return f"{at[:10]} {at[11:19]}Z" if at else "-"


def sheet(said: Mapping[str, Any]) -> str:
    """Names and values, one a line; what is empty is left out."""
    rows = [(name, shown(value)) for name, value in said.items() if value not in (None, "", [], {})]
    return "\n".join(columns(rows)) if rows else ""


def shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items() if part)
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return str(value)


def stage(fact: Mapping[str, Any], holder: str) -> str | None:
    """What a fact means for somebody who waits for the job; None where it means nothing."""
    tell = _STAGES.get(fact["type"])
    return tell.format_map(_Said({**fact["data"], "holder": holder})) if tell else None


class _Said(dict[str, Any]):
    """A fact's fields as words."""

    def __missing__(self, name: str) -> str:
        if name == "count":
            count = len(self.get("units") or ())
            return "1 unit" if count == 1 else f"{count} units"
        if name == "window":
            return span(self["window_s"])
        if name == "sold":
            return _sold(self)
        if name == "price":
            return str(self["terms"].get("price_usd_hour") or "-")
        return ""


_STAGES: Final = {
    "JobSubmitted": "queued",
    "JobAmended": "its tenant asks for other terms: at most {price} $/h",
    "OfferIssued": "offered to {holder}, window {window} from delivery",
    "OfferDelivered": "delivered to {holder}, which may answer until {expires_at}",
    "OfferTolled": "the broker was away for {by_s} s; {holder} has so much longer",
    "OfferAccepted": "accepted by {holder}: {count}",
    "OfferRefused": "refused by {holder}: {reason}",
    "OfferLapsed": "{holder} let it lapse: {reason}",
    "OfferWithdrawn": "offer withdrawn: {why}",
    "HolderDefaulted": "{holder} did not deliver {count}",
    "UnitsReleased": "released by {basis}: {count}",
    "ReleaseExpired": "release over ({why}): {holder} is asked again",
    "ThirdPartyCommitted": "on order at {provider} {region} {sold}, {price} $/h: {count}",
    "HolderCommitted": "on order at {provider} {region} {sold}, {price} $/h: {count}",
    "CommitmentFailed": "{provider} did not deliver: {reason} {code}",
    "LeaseActivated": "machine there at {provider} (unit {unit})",
    "JobStarted": "running",
    "ShareBelow": "own-built share {share} is below {min_share}",
    "LeaseBilled": "{usd} USD for {gpus} GPUs over {seconds} s at {provider}",
    "InterruptionNoticed": "{provider} takes the machine of unit {unit} back at {until}",
    "LeaseEnded": "machine of unit {unit} let go: {cause}",
    "JobFinished": "finished",
    "JobFailed": "failed: {reason}",
    "JobCancelled": "cancelled: {reason}",
    "JobUnmet": "unmet: {reason}",
}
