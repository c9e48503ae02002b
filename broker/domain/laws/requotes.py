"""The law of requotes: a notice is replaced only so often, by one that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job
from broker.domain.laws.editions import duration, mechanic
from broker.domain.laws.law import Breach, Law


class BoundedRequotes(Law):
    number = "I21"
    text = (
        "No request has more than 1 + requote.max offer versions within one tail, and a new "
        "version names the one it replaces, which is over."
    )
    guards = "requote.max; agreement 3.5 (8)"
    sees = frozenset({"OfferIssued"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        job, edition = book.job_of(fact), book.edition_of(fact)
        if job is None or edition is None:
            return
        replaced = fact.data["supersedes"]
        if job.superseded is not None and replaced != job.superseded:
            yield self.breach(
                f"the offer does not say that it replaces {job.superseded}", fact.position
            )
        if replaced is None:
            return
        known = job.offers.get(replaced)
        if known is None or known.end is None:
            yield self.breach(
                f"{replaced}, which it replaces, is no offer that is over", fact.position
            )
        if known is not None and known.why == "amended":
            return
        clause = edition.clauses.get(fact.data["clause"] or "") or {}
        yield from self._bounded(fact, book, job, clause)

    def _bounded(
        self, fact: Fact, book: Book, job: Job, clause: Mapping[str, Any]
    ) -> Iterator[Breach]:
        most, tail = mechanic(clause, "requote", "max"), _span(clause, "after_refusal", "tail")
        if isinstance(most, int) and tail is not None:
            recent = sum(1 for at in job.requotes if at > book.now - tail)
            if recent >= most:
                yield self.breach(
                    f"the job is requoted for the {recent + 1}. time within one tail, and "
                    f"{most} are allowed",
                    fact.position,
                )


def _span(clause: Mapping[str, Any], group: str, name: str) -> timedelta | None:
    return duration(mechanic(clause, group, name))
