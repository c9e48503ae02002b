"""The laws of commitments: a basis for each, no better terms, and all in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.laws.bases import sought_by, unfounded
from broker.domain.laws.better import better_for_rival
from broker.domain.laws.book import Book, Offer, UnitState
from broker.domain.laws.editions import duration, mechanic
from broker.domain.laws.law import Breach, Law
from broker.domain.laws.offers import SLIP
from broker.domain.laws.quotes import unquoted
from broker.domain.laws.registers import optional_instant

THIRD: Final = "ThirdPartyCommitted"
RELEASE_BASES: Final = frozenset(
    {"refusal", "lapse", "default", "suspension", "unavailability", "standing_refusal"}
)
_ENDS_FOR: Final[Mapping[str, frozenset[str]]] = {
    "refusal": frozenset({"OfferRefused", "OfferAccepted"}),
    "lapse": frozenset({"OfferLapsed"}),
    "default": frozenset({"OfferAccepted"}),
}


class OneBasis(Law):
    number = "I2"
    text = "Every third-party commitment cites one basis that is earlier in the log."
    guards = "agreement 3.5, T1 and T19"
    sees = frozenset({THIRD, "UnitsReleased", "HolderCommitted", "LeaseActivated"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        match fact.type:
            case "UnitsReleased":
                wrong = self._release(fact, book)
            case "LeaseActivated":
                wrong = self._lease(fact, book)
            case "HolderCommitted":
                wrong = self._holder(fact, book)
            case _ if fact.data["basis"] in RELEASE_BASES:
                wrong = self._under_release(fact, book)
            case _:
                wrong = unfounded(fact, book)
        if wrong:
            yield self.breach(wrong, fact.position)

    def _release(self, fact: Fact, book: Book) -> str | None:
        data, basis = fact.data, fact.data["basis"]
        if basis not in RELEASE_BASES:
            return f"{basis!r} is no basis of a release"
        if basis not in _ENDS_FOR:
            offered = any(unit.state is UnitState.OFFERED for unit in book.units_of(fact))
            return "units are released while inside an offer" if offered else None
        offer = book.offers.get(data["offer"] or "")
        if offer is None:
            return f"a release on {basis} names no offer that was issued"
        if offer.end == "OfferWithdrawn":
            return None  # I20 says so
        if offer.end not in _ENDS_FOR[basis]:
            return f"a release on {basis} comes before the offer's {basis}"
        out = offer.defaulted if basis == "default" else offer.units - offer.owed
        stray = set(data["units"]) - out
        return f"units {sorted(stray)} are released without a {basis}" if stray else None

    def _under_release(self, fact: Fact, book: Book) -> str | None:
        basis, cites = fact.data["basis"], set(fact.data["cites"])
        for unit in book.units_of(fact):
            if unit.state is UnitState.OFFERED:
                return None  # I3 says so
            release = unit.release if unit.state is UnitState.RELEASED else None
            if release is None or release.basis != basis:
                return f"unit {unit.index} goes to a third party without a release on {basis}"
            if release.offer and release.offer.id not in cites:
                if any(
                    book.offers[id_].end == "OfferWithdrawn" for id_ in cites & set(book.offers)
                ):
                    return None  # I20 says so
                return f"unit {unit.index}'s commitment does not cite the offer it stands on"
            if release.offer is None and not set(release.cites) <= cites:
                return f"unit {unit.index}'s commitment does not cite what its release stands on"
        return None

    def _holder(self, fact: Fact, book: Book) -> str | None:
        """A third party is one whatever its commitment is called."""
        edition = book.edition_of(fact)
        if edition is None or fact.data["provider"] in edition.holder_pools:
            return None
        via, job = fact.data.get("via"), book.job_of(fact)
        if via is not None and job is not None and fact.data["offer"]:
            sought = sought_by(fact, book, job, edition)
            consents = book.consents_to(edition).values()
            if fact.data["pool_kind"] == "holder_via" and edition.opens_via(via, sought, consents):
                return None
            return f"the holder may not supply by way of {via}"
        return f"{fact.data['provider']} is not the holder, and no basis is cited"

    def _lease(self, fact: Fact, book: Book) -> str | None:
        data, job = fact.data, book.job_of(fact)
        made = job.commitments.get(data["commitment"]) if job else None
        if job is None or (
            made and made.provider == data["provider"] and data["unit"] in made.units
        ):
            return None
        return f"unit {data['unit']} runs with {data['provider']} without a commitment to it"


class NotWhileOffered(Law):
    number = "I3"
    text = "No unit is committed to a third party while it is inside a sent or open offer."
    guards = "agreement 3.5, unit states"
    sees = frozenset({THIRD})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        for unit in book.units_of(fact):
            if unit.state is UnitState.OFFERED and unit.offer:
                rival = fact.data["provider"]
                yield self.breach(
                    f"unit {unit.index} goes to {rival} while offered to the holder",
                    unit.offer.position,
                    fact.position,
                )
                return


class NoBetterTerms(Law):
    number = "I8"
    text = "Under a release, committed terms are never better for the supplier than noticed terms."
    guards = "after_refusal.tolerance_price; agreement 3.3"
    sees = frozenset({THIRD, "UnitsReleased"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        data = fact.data
        if fact.type == "UnitsReleased":
            offer = book.offers.get(data["offer"] or "")
            shown = offer or book.job_of(fact)
            if shown and (better := better_for_rival(shown.terms, data["ceiling"], Decimal(0))):
                yield self.breach(
                    f"the release's ceiling is better in {better} than what was noticed",
                    shown.position,
                    fact.position,
                )
            return
        if data["basis"] not in RELEASE_BASES:
            return
        regions = {*(data["terms"].get("regions") or ()), data["region"]}
        committed = {**data["terms"], "regions": sorted(regions)}
        for release in {id(r): r for u in book.units_of(fact) if (r := u.release)}.values():
            clause = _clause(book, release.offer, fact)
            tolerance = Decimal(str(mechanic(clause, "after_refusal", "tolerance_price") or 0))
            if better := better_for_rival(release.ceiling, committed, tolerance):
                yield self.breach(
                    f"{data['provider']} gets better terms in {better} than the holder was offered",
                    release.position,
                    fact.position,
                )


class BeforeTheTail(Law):
    number = "I9"
    text = (
        "No commitment cites a release at or after its tail, which is no longer than its clause's, "
        "nor one whose notice was frozen on a quote that stands no more."
    )
    guards = "after_refusal.tail, trigger"
    sees = frozenset({THIRD, "UnitsReleased", "OfferIssued"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type == "UnitsReleased":
            offer = book.offers.get(fact.data["offer"] or "")
            if offer and self._too_long(book, offer, optional_instant(fact.data["tail_until"])):
                yield self.breach(
                    "the release's tail is longer than its clause allows",
                    offer.position,
                    fact.position,
                )
            return
        for sentence in unquoted(fact, book):
            yield self.breach(sentence, fact.position)
        if fact.type == "OfferIssued" or fact.data["basis"] not in RELEASE_BASES:
            return
        for unit in book.units_of(fact):
            release = unit.release
            if release and release.tail_until and book.now >= release.tail_until:
                yield self.breach(
                    f"unit {unit.index} is committed after its release's tail",
                    release.position,
                    fact.position,
                )
                return

    def _too_long(self, book: Book, offer: Offer, tail_until: datetime | None) -> bool:
        tail = duration(mechanic(_clause(book, offer, None), "after_refusal", "tail"))
        if tail is None:
            return False
        start = max(book.window_end(offer) or book.now, book.now)
        return tail_until is None or tail_until > start + tail + SLIP


def _clause(book: Book, offer: Offer | None, fact: Fact | None) -> Mapping[str, Any]:
    """The clause an offer was made under; else the first right in the commitment's edition."""
    if offer:
        edition = book.editions.get((offer.agreement, offer.edition))
        return edition.clauses.get(offer.clause or "", {}) if edition else {}
    edition = book.edition_of(fact) if fact else None
    rights = (c for c in edition.clauses.values() if c.get("effect") == "rofr") if edition else ()
    return next(iter(rights), {})
