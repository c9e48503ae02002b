"""The laws of offers that were not put: what let them be skipped was valid at that instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from broker.domain.chain import Fact
from broker.domain.laws.bases import sought_by
from broker.domain.laws.book import Book, Offer
from broker.domain.laws.editions import Edition, Sought, duration, mechanic
from broker.domain.laws.law import Breach, Law

_RIGHT: Final = frozenset({"rofr"})


class SkippedWithCause(Law):
    number = "I22"
    text = (
        "Every skipped offer cites a suspension, unavailability, waiver or standing refusal that "
        "was valid at that instant."
    )
    guards = "on_default.suspend_for, on_holder_unavailable, waivers, standing_answers"
    sees = frozenset(
        {"UnitsReleased", "ThirdPartyCommitted", "RightSuspended", "HolderUnavailable"}
    )

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        match fact.type:
            case "RightSuspended":
                yield from self._suspension(fact, book)
            case "HolderUnavailable":
                yield from self._unavailability(fact, book)
            case "ThirdPartyCommitted":
                if fact.data["basis"] == "waiver":
                    yield from self._waiver(fact, book)
            case _:
                yield from self._release(fact, book)

    def _release(self, fact: Fact, book: Book) -> Iterator[Breach]:
        cites, job = fact.data["cites"], book.job_of(fact)
        agreement = job.agreement if job else None
        match fact.data["basis"]:
            case "suspension" | "unavailability" as basis:
                known = book.suspensions if basis == "suspension" else book.absences
                spans = [known.get(cited) for cited in cites]
                if not any(s and s.agreement == agreement and s.lasts(book.now) for s in spans):
                    yield self.breach(f"no {basis} in force is cited", fact.position)
            case "standing_refusal":
                yield from self._refusals(fact, book)
            case _:
                return

    def _refusals(self, fact: Fact, book: Book) -> Iterator[Breach]:
        cites = fact.data["cites"]
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

    def _waiver(self, fact: Fact, book: Book) -> Iterator[Breach]:
        edition, job = book.edition_of(fact), book.job_of(fact)
        cites = fact.data["cites"]
        named = (fact.data["agreement"], cites[0] if cites else "")
        waiver = book.waivers.get(named)
        if edition is None or job is None or waiver is None:
            return  # I13 and I2 say so
        sought = sought_by(fact, book, job, edition)
        held = [clause["id"] for clause in edition.uncut(_RIGHT, sought)]
        if named in book.revoked:
            wrong = "was revoked"
        elif held and held != [waiver.clause]:
            wrong = f"is not of {', '.join(held)}"
        elif not edition.matches(waiver.match, sought):
            wrong = f"does not cover {job.work_class} on {sought.provider}"
        else:
            return
        yield self.breach(f"waiver {named[1]} {wrong}", waiver.position, fact.position)

    def _suspension(self, fact: Fact, book: Book) -> Iterator[Breach]:
        """As many defaults as the clause says, within its period, and none of them used before."""
        data = fact.data
        rule = _rule(book, data["agreement"], data["clause"])
        least = rule("on_default", "suspend_after")
        if not isinstance(least, dict):
            yield self.breach("no clause lets defaults suspend the right", fact.position)
            return
        within = duration(least["within"]) or timedelta(0)
        known = [book.defaults.get(offer) for offer in dict.fromkeys(data["offers"])]
        counted = [
            one
            for one in known
            if one
            and (one.agreement, one.clause) == (data["agreement"], data["clause"])
            and one.at > book.now - within
            and one.offer not in book.spent
        ]
        if len(counted) < least["defaults"]:
            yield self.breach(
                f"{len(counted)} defaults count, and {least['defaults']} suspend the right",
                fact.position,
            )

    def _unavailability(self, fact: Fact, book: Book) -> Iterator[Breach]:
        """As many unanswered probes as the clause says, from as many places, over as long."""
        data = fact.data
        shown = [p for p in book.probes.get(data["agreement"], ()) if p.id in set(data["probes"])]
        rule = _rule(book, data["agreement"], None)("on_holder_unavailable", "evidence")
        if not isinstance(rule, dict):
            yield self.breach("no clause says when the holder is unavailable", fact.position)
            return
        over = duration(rule["over"]) or timedelta(0)
        enough = (
            len(shown) >= rule["probes"]
            and len({probe.vantage for probe in shown}) >= rule["vantage"]
            and shown[-1].at - shown[0].at >= over
        )
        if not enough:
            yield self.breach("the evidence for unavailability is not complete", fact.position)


class StandingAnswers(Law):
    number = "I35"
    text = "A standing answer is used only inside its validity, quantity and scope."
    guards = "standing_answers.refusal_max_age, standing_answers.acceptance_max_age"
    sees = frozenset({"UnitsReleased", "OfferAccepted"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if fact.type == "OfferAccepted":
            offer = book.offer_of(fact)
            if fact.data.get("standing") and offer and not offer.end:
                yield from self._acceptance(fact, book, offer)
        elif fact.data["basis"] == "standing_refusal":
            yield from self._refusals(fact, book)

    def _acceptance(self, fact: Fact, book: Book, offer: Offer) -> Iterator[Breach]:
        named = (offer.agreement, fact.data["standing"])
        standing = book.acceptances.get(named)
        edition = book.editions.get((offer.agreement, offer.edition))
        if standing is None or edition is None:
            yield self.breach(f"standing acceptance {named[1]} is not recorded", fact.position)
            return
        clause = edition.clauses.get(offer.clause or "", {})
        max_age = duration(mechanic(clause, "standing_answers", "acceptance_max_age"))
        until = standing.until
        if max_age is not None:
            until = min(until, standing.given_at + max_age)
        price = offer.terms.get("price_usd_hour")
        holds: list[dict[str, Any]] = fact.data["holds"]
        if named in book.revoked:
            wrong = "was revoked"
        elif not standing.since <= book.now < until:
            wrong = "is used outside its validity"
        elif standing.used + len(fact.data["units"]) > standing.units:
            wrong = f"is of {standing.units} units, and more are taken"
        elif standing.clause != offer.clause or not _covers(edition, offer, standing.match, book):
            wrong = "does not cover the offer"
        elif price is not None and Decimal(price) < standing.price:
            wrong = f"asks {standing.price}, and the notice offers {price}"
        elif {hold["hold"] for hold in holds} != {standing.hold}:
            wrong = "is used without its own hold"
        else:
            return
        yield self.breach(
            f"standing acceptance {named[1]} {wrong}", standing.position, fact.position
        )

    def _refusals(self, fact: Fact, book: Book) -> Iterator[Breach]:
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


def _covers(edition: Edition, offer: Offer, match: Mapping[str, Any], book: Book) -> bool:
    """Whether a match is about the offered work; of which pool is the acceptance's own matter."""
    job = offer.job
    sought = Sought(
        work_class=job.work_class,
        tags=job.tags,
        provider=next(iter(edition.holder_pools), ""),
        pool_kind="holder",
        at=book.now,
        attested=(),
        capacity=offer.scope,
    )
    return edition.matches({**match, "pool": None, "pool_kind": None}, sought)


def _rule(book: Book, agreement: str, clause: str | None) -> Callable[[str, str], object]:
    """Reads the mechanics of a right in force: the clause of that name, else the first."""
    rights = [
        said
        for edition in book.in_force(book.now)
        if edition.agreement == agreement
        for name, said in edition.clauses.items()
        if said.get("effect") == "rofr" and clause in (None, name)
    ]
    return lambda group, name: mechanic(rights[0], group, name) if rights else None


def _held_by(book: Book, provider: str) -> Iterator[Edition]:
    """The editions in force under which a provider is the holder's."""
    return (edition for edition in book.in_force(book.now) if provider in edition.holder_pools)
