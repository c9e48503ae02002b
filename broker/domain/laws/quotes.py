"""What a third party's quote is good for, where its clause makes one the trigger."""

from __future__ import annotations

from collections.abc import Iterator

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job, Offer


def unquoted(fact: Fact, book: Book) -> Iterator[str]:
    """What is wrong with a notice that names a quote, or a purchase after one."""
    job = book.job_of(fact)
    if job is None:
        return
    if fact.type == "OfferIssued":
        if name := fact.data.get("quote"):
            yield from _frozen(fact, book, job, name)
        return
    releases = (unit.release for unit in book.units_of(fact))
    offers = {r.offer.id: r.offer for r in releases if r and r.offer and r.basis != "default"}
    for offer in offers.values():
        if not _stands(offer, book, job):
            yield f"the quote {offer.quote}, which the notice was frozen on, stands no more"


def _frozen(fact: Fact, book: Book, job: Job, name: str) -> Iterator[str]:
    if name not in job.quotes:
        yield f"the quote {name} is not recorded earlier"
        return
    terms, until = job.quotes[name]
    if terms != fact.data["terms"]:
        yield f"the notice does not have the terms of the quote {name}"
    if until is not None and (until - book.now).total_seconds() < fact.data["window_s"]:
        yield f"the quote {name} ends before the window"


def _stands(offer: Offer, book: Book, job: Job) -> bool:
    if offer.quote is None or offer.quote not in job.quotes:
        return True
    until = job.quotes[offer.quote][1]
    return until is None or book.now < until
