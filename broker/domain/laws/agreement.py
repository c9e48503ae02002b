"""The laws of the agreement: an edition in force, exclusive classes at home, skipped offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.bases import sought_by
from broker.domain.laws.book import Book
from broker.domain.laws.editions import Edition, Sought
from broker.domain.laws.law import Breach, Law

_EXCLUSIVE: Final = frozenset({"exclusive", "deny"})


class OneEdition(Law):
    number = "I13"
    text = "Every offer and placement names one edition that was in force when it was issued."
    guards = "effective"
    sees = frozenset({"OfferIssued", "ThirdPartyCommitted", "HolderCommitted"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        edition, named = book.edition_of(fact), f"{fact.data['agreement']} {fact.data['edition']}"
        if edition is None:
            yield self.breach(f"edition {named} is not recorded earlier", fact.position)
        elif not edition.in_force(book.now) and not self._kept(fact, book, edition):
            why = "is a draft" if edition.draft else "was not in force"
            yield self.breach(f"edition {named} {why}", fact.position)

    def _kept(self, fact: Fact, book: Book, edition: Edition) -> bool:
        """An offer keeps the edition it was issued under, and so does what follows from it."""
        if fact.type == "OfferIssued":
            return False
        offers = [
            (unit.release.offer if unit.release else None) or unit.offer
            for unit in book.units_of(fact)
        ]
        own = (edition.agreement, edition.name)
        return (
            bool(offers)
            and not edition.draft
            and all(offer and (offer.agreement, offer.edition) == own for offer in offers)
        )


class ExclusiveStays(Law):
    number = "I15"
    text = (
        "A unit of an exclusive class is never with a third party without consent, continuity "
        "or a named carve-out."
    )
    guards = "exclusive; agreement 5.1"
    sees = frozenset({"ThirdPartyCommitted", "UnitsReleased"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type == "UnitsReleased":
            offer = book.offers.get(fact.data["offer"] or "")
            if offer and not offer.right:
                yield self.breach(
                    "an ordinary order releases nothing", offer.position, fact.position
                )
            return
        edition, job = book.edition_of(fact), book.job_of(fact)
        if edition is None or job is None:
            return
        sought = sought_by(fact, book, job, edition)
        for clause in edition.uncut(_EXCLUSIVE, sought):
            if not self._opened(fact, book, edition, clause["id"], sought):
                yield self.breach(
                    f"{job.work_class} goes to {fact.data['provider']} against {clause['id']}",
                    fact.position,
                )

    def _opened(
        self, fact: Fact, book: Book, edition: Edition, clause: str, sought: Sought
    ) -> bool:
        cites = fact.data["cites"]
        match fact.data["basis"]:
            case "consent":
                known = {**edition.consents, **book.consents}
                return any(
                    id_ in known and edition.consented(known[id_], clause, sought) for id_ in cites
                )
            case "continuity":
                return "continuity" in (edition.clauses[clause].get("exceptions") or ())
            case "waiver":
                return any(id_ in book.waivers or id_ in edition.waivers for id_ in cites)
            case _:
                return False


class SkippedWithCause(Law):
    number = "I22"
    text = (
        "Every skipped offer cites a suspension, unavailability or standing refusal of the holder."
    )
    guards = "on_default.suspend_for, on_holder_unavailable, standing_answers"
    sees = frozenset({"UnitsReleased"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        cites = fact.data["cites"]
        match fact.data["basis"]:
            case "suspension":
                if not _lasts(book, book.suspended):
                    yield self.breach("no suspension of the right is in force", fact.position)
            case "unavailability":
                if not _lasts(book, book.unavailable):
                    yield self.breach("the holder is not recorded as unavailable", fact.position)
            case "standing_refusal":
                if not cites:
                    yield self.breach("a standing refusal is used and none is cited", fact.position)
                for cited in cites:
                    refusal = book.refusals.get(cited)
                    if refusal is None:
                        yield self.breach(f"refusal {cited} is not recorded earlier", fact.position)
                    elif not any(_held_by(book, refusal.provider)):
                        yield self.breach(
                            f"refusal {cited} is {refusal.provider}'s, who holds no right",
                            refusal.position,
                            fact.position,
                        )
            case _:
                return


class StandingAnswers(Law):
    number = "I35"
    text = "A standing answer is used only inside its validity, quantity and scope."
    guards = "standing_answers.refusal_max_age"
    sees = frozenset({"UnitsReleased"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.data["basis"] != "standing_refusal":
            return
        for cited in fact.data["cites"]:
            if refusal := book.refusals.get(cited):
                ages = [
                    age for e in _held_by(book, refusal.provider) if (age := e.refusal_max_age())
                ]
                over = bool(ages) and book.now >= refusal.at + max(ages)
                if over or book.now >= refusal.valid_until:
                    wrong = f"refusal {cited} is used when it has gone stale"
                elif refusal.units > len(fact.data["units"]):
                    wrong = f"refusal {cited} of {refusal.units} units says nothing of fewer"
                else:
                    continue
                yield self.breach(wrong, refusal.position, fact.position)


def _held_by(book: Book, provider: str) -> Iterator[Edition]:
    """The editions in force under which a provider is the holder's."""
    return (edition for edition in book.in_force(book.now) if provider in edition.holder_pools)


def _lasts(book: Book, spans: Mapping[str, datetime | None]) -> bool:
    return any(until is None or book.now < until for until in spans.values())
