"""The laws of the agreement: editions without gaps, one in force, exclusive classes at home."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
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
        """By a consent that is cited, whatever the basis, or by continuity while it lasts."""
        cites = fact.data["cites"]
        known = book.consents_to(edition) if cites else {}
        if any(id_ in known and edition.consented(known[id_], clause, sought) for id_ in cites):
            return True
        if fact.data["basis"] != "continuity":
            return False
        away = (book.absences.get(cited) for cited in cites)
        return "continuity" in (edition.clauses[clause].get("exceptions") or ()) and any(
            span and span.agreement == edition.agreement and span.lasts(book.now) for span in away
        )


class NoGap(Law):
    number = "I14"
    text = "For each agreement, editions leave no gap and no overlap."
    guards = "effective; agreement 5.1"
    sees = frozenset({"EditionRecorded"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        """Editions may be recorded in any order, so that the end of the log tells."""
        del fact, book
        return iter(())

    def end(self, book: Book) -> Iterator[Breach]:
        begun = [edition for edition in book.editions.values() if not edition.draft]
        begun.sort(key=lambda edition: (edition.agreement, edition.since))
        for before, after in pairwise(begun):
            if before.agreement != after.agreement or before.until == after.since:
                continue
            if before.until is None and after.supersedes == before.name:
                continue  # recorded while it had no end; its successor gave it one
            gap = before.until is not None and before.until < after.since
            yield self.breach(
                f"{before.agreement} has {'a gap' if gap else 'an overlap'} between "
                f"{before.name} and {after.name}",
                before.position,
                after.position,
            )
