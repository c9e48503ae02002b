"""The law of choice: which third party gets the units follows from what is on record."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.bases import capacity, sought_by
from broker.domain.laws.better import better_for_rival
from broker.domain.laws.book import Book, Job
from broker.domain.laws.conflicts import in_conflict
from broker.domain.laws.editions import Edition
from broker.domain.laws.law import Breach, Law
from broker.domain.laws.prices import Listed
from broker.domain.market import told_place
from broker.domain.place import told_areas
from broker.domain.values import Purchase
from broker.domain.workload import SpotUse

_EXACT: Final = Decimal(0)
_ANY_PRICE: Final = frozenset({"not_sold"})
_AMONG_EQUALS: Final = frozenset({"not_sold", "short", "over_quota"})
_OPEN_BY_ITSELF: Final = frozenset({"free", "carve_out", "consent"})
"""Bases under which a place may be taken only where no right stands over it."""


class PureChoice(Law):
    number = "I25"
    text = (
        "The third party taken is the cheapest of the recorded price list that fits, that the "
        "edition leaves open, and that no recorded refusal or trouble had shut; among equals the "
        "first by name, but for recorded advice."
    )
    guards = "agreement 1.3, 002-8: the choice is a pure function of a published policy"
    sees = frozenset({"ThirdPartyCommitted"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        data, job, edition = fact.data, book.job_of(fact), book.edition_of(fact)
        if job is None or edition is None:
            return
        listed = book.price_lists.get(data["list_id"])
        if listed is None:
            sentence = f"the price list {data['list_id']} is not recorded earlier"
            yield self.breach(sentence, fact.position)
            return
        taken = told_place(data)
        if data.get("renews") and not _there(job, taken, data["units"]):
            where = " ".join(taken)
            yield self.breach(f"a lease is renewed at {where}, where it never was", fact.position)
        paid = next((one.price for one in listed if one.place == taken), None)
        if paid is None or Decimal(data["terms"]["price_usd_hour"]) != paid:
            where = " ".join(taken)
            yield self.breach(f"{where} is not on the price list at that price", fact.position)
            return
        for one in () if data.get("renews") else listed:
            if (one.price, one.place) >= (paid, taken):
                return
            may = (
                _wanted(one, job)
                and _under_the_ceiling(one, fact, book, job)
                and _open(one, fact, book, job, edition)
                and one.place[0] not in in_conflict(book, job)
            )
            shut = _shut(one, fact, book, job) or _put_behind(one, paid, fact, book)
            if may and not shut:
                cheaper = " ".join(one.place)
                why = "is cheaper" if one.price < paid else "is no dearer"
                yield self.breach(f"{cheaper} {why} and was passed over", fact.position)
                return


def _there(job: Job, place: tuple[str, str, str], units: Collection[int]) -> bool:
    """Whether the leases of these units run at a place."""
    return all(
        (unit := job.units.get(index))
        and unit.live
        and unit.commitment
        and (unit.commitment.provider, unit.commitment.region, unit.commitment.sold) == place
        for index in units
    )


def _wanted(one: Listed, job: Job) -> bool:
    """Whether the job's own words leave the place in."""
    asked, (provider, region, _) = job.shape, one.place
    regions: Collection[str] = job.terms["regions"] or ()
    return (
        provider not in job.exclude
        and SpotUse(job.spot).takes(one.purchase)
        and one.gpus >= asked["gpus"]
        and one.cpus >= asked["cpus"]
        and one.memory_gib >= asked["memory_gib"]
        and (not asked["accelerators"] or one.accelerator in asked["accelerators"])
        and (not regions or any(fnmatchcase(region, pattern) for pattern in regions))
    )


def _under_the_ceiling(one: Listed, fact: Fact, book: Book, job: Job) -> bool:
    """Whether the releases it stands on let a supplier have the units there; the price apart."""
    if fact.data["basis"] in _OPEN_BY_ITSELF:
        return True
    releases = {id(r): r for unit in book.units_of(fact) if (r := unit.release)}.values()
    interruptible = one.purchase is Purchase.SPOT
    there = {**job.terms, "regions": [one.place[1]], "interruptible": interruptible}
    if one.accelerator:
        there["accelerators"] = [one.accelerator]
    return not any(
        better_for_rival(
            release.ceiling, {**there, "price_usd_hour": release.ceiling["price_usd_hour"]}, _EXACT
        )
        for release in releases
    )


def _open(one: Listed, fact: Fact, book: Book, job: Job, edition: Edition) -> bool:
    """Whether the edition would have let a third party have the units there."""
    provider = one.place[0]
    if provider in edition.holder_pools:
        return False
    sought = sought_by(fact, book, job, edition)._replace(
        provider=provider, pool_kind=edition.pool_kind(provider), capacity=capacity(one.purchase)
    )
    if any(edition.uncut({"exclusive", "deny"}, sought)):
        return False
    held = list(edition.uncut({"rofr"}, sought))
    match fact.data["basis"]:
        case "waiver" if held:
            name = fact.data["cites"][0] if fact.data["cites"] else ""
            waiver = book.waivers.get((edition.agreement, name))
            return waiver is not None and edition.matches(waiver.match, sought)
        case "de_minimis":
            return all((clause.get("rofr") or {}).get("de_minimis") for clause in held)
        case basis:
            return not (basis in _OPEN_BY_ITSELF and held)


def _put_behind(one: Listed, paid: Decimal, fact: Fact, book: Book) -> bool:
    """Whether the commitment names the advice that put a place last, and the log bears it out.

    Only a place known not to sell the machine may come after one that is dearer.
    """
    named = (book.advice.get(id_) for id_ in fact.data["passed_over"])
    return any(
        heard.place == one.place
        and book.now < heard.until
        and heard.thought in (_ANY_PRICE if one.price < paid else _AMONG_EQUALS)
        for heard in named
        if heard is not None
    )


def _shut(one: Listed, fact: Fact, book: Book, job: Job) -> bool:
    """Whether the commitment names what had shut the place, and the log bears it out."""
    named = fact.data["passed_over"]
    together = max(job.terms["chunk"], len(fact.data["units"]))
    around = told_areas(one.place, one.purchase)
    for id_ in named:
        refusal = book.refusals.get(id_)
        if (
            refusal is not None
            and refusal.area in around
            and book.now < refusal.valid_until
            and refusal.units <= together
        ):
            return True
    return any(
        f"closed {' '.join(where)}" in named
        and (until := book.troubled.get(where)) is not None
        and book.now < until
        for where in around
    )
