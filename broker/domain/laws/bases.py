"""Whether a commitment without a release may cite the basis it cites, read from its edition."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job
from broker.domain.laws.editions import Edition, Sought
from broker.domain.market import bought_as
from broker.domain.values import Purchase

_RIGHT: Final = frozenset({"rofr"})
_CLAUSE: Final = "clause:"


def sought_by(fact: Fact, book: Book, job: Job, edition: Edition) -> Sought:
    """The question a commitment puts to its edition. The kind of pool is read from the provider."""
    provider = fact.data["provider"]
    return Sought(
        work_class=job.work_class,
        tags=job.tags,
        provider=provider,
        pool_kind=edition.pool_kind(provider),
        at=book.now,
        attested=book.attested_in(edition),
        capacity=_scope(fact, book),
    )


def _scope(fact: Fact, book: Book) -> str:
    return "renewal" if is_renewal(fact, book) else capacity(bought_as(fact.data))


def is_renewal(fact: Fact, book: Book) -> bool:
    """Whether a commitment is to follow a lease that lives."""
    offer = book.offers.get(fact.data.get("offer") or "")
    return bool(fact.data.get("renews")) or (offer is not None and offer.scope == "renewal")


def capacity(purchase: Purchase) -> str:
    """What is reserved is there and paid for already; all else is bought anew."""
    return "existing" if purchase is Purchase.RESERVED else "new"


def unfounded(fact: Fact, book: Book) -> str | None:
    """What is wrong with a basis that is no release's; None for nothing, or for I13 to say."""
    edition, job = book.edition_of(fact), book.job_of(fact)
    if edition is None or job is None:
        return None
    sought = sought_by(fact, book, job, edition)
    cites, basis = fact.data["cites"], fact.data["basis"]
    if wrong := _misnamed(fact, edition, sought):
        return wrong
    held = list(edition.uncut(_RIGHT, sought))
    known: Collection[str] = ()
    match basis:
        case "free":
            return f"the pool is not free: {held[0]['id']} holds" if held else None
        case "carve_out":
            return _uncarved(cites, edition, sought, held)
        case "de_minimis" if all((clause.get("rofr") or {}).get("de_minimis") for clause in held):
            return None
        case "continuity":
            known = cites  # I15 asks whether the exclusive clause has it
        case "waiver":
            known = {name for of, name in book.waivers if of == edition.agreement}
        case "consent":
            known = book.consents_to(edition)
        case _:
            pass
    return None if set(cites) & set(known) else f"no {basis} that the log knows is cited"


def _misnamed(fact: Fact, edition: Edition, sought: Sought) -> str | None:
    """A wrong kind of pool opens carve-outs that are not for it; so would a clause made up."""
    kind = fact.data["pool_kind"]
    if kind != sought.pool_kind and "own_built" in (kind, sought.pool_kind):
        return f"{sought.provider} is no pool of the kind {kind!r}"
    strange = [name for name in _clauses(fact.data["cites"]) if name not in edition.clauses]
    return f"clause {strange[0]!r} is not in the edition" if strange else None


def _uncarved(
    cites: Iterable[str], edition: Edition, sought: Sought, held: list[Mapping[str, Any]]
) -> str | None:
    if held:
        return f"nothing carves the pool out of {held[0]['id']}"
    permits = [edition.clauses[name] for name in _clauses(cites)]
    if any(p.get("effect") == "permit" and edition.fits(p, sought) for p in permits):
        return None
    return "no live carve-out is cited"


def _clauses(cites: Iterable[str]) -> list[str]:
    return [cited.removeprefix(_CLAUSE) for cited in cites if cited.startswith(_CLAUSE)]
