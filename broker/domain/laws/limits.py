"""The laws of what is capped, signed or kept apart: waivers, small jobs, conditions, conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.bases import sought_by
from broker.domain.laws.book import Book
from broker.domain.laws.conflicts import in_conflict
from broker.domain.laws.editions import duration
from broker.domain.laws.law import Breach, Law

THIRD: Final = "ThirdPartyCommitted"


class WaiverCap(Law):
    number = "I16"
    text = "Units placed under a waiver never exceed its cap, and all fall inside its dates."
    guards = "waivers"
    sees = frozenset({THIRD, "WaiverGranted"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        data = fact.data
        if fact.type == "WaiverGranted":
            known = book.waivers.get((data["agreement"], data["waiver"]))
            if known and known.used > data["cap_units"]:
                yield self.breach(
                    f"waiver {data['waiver']} is cut below the {known.used} units under it",
                    known.position,
                    fact.position,
                )
            return
        if data["basis"] != "waiver" or not data["cites"]:
            return
        name = data["cites"][0]
        waiver = book.waivers.get((data["agreement"], name))
        if waiver is None:
            return  # I2 says so
        if not waiver.since <= book.now < waiver.until:
            wrong = f"waiver {name} is used outside its dates"
        elif waiver.used + len(data["units"]) > waiver.cap:
            wrong = f"waiver {name} is of {waiver.cap} units, and more are placed under it"
        else:
            return
        yield self.breach(wrong, waiver.position, fact.position)


class SmallCap(Law):
    number = "I17"
    text = "De minimis placements per tenant and period never exceed the clause's cap."
    guards = "de_minimis"
    sees = frozenset({THIRD})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        edition, job = book.edition_of(fact), book.job_of(fact)
        if fact.data["basis"] != "de_minimis" or edition is None or job is None:
            return
        sought = sought_by(fact, book, job, edition)
        for clause in edition.uncut(frozenset({"rofr"}), sought):
            rule = (clause.get("rofr") or {}).get("de_minimis")
            if not rule:
                continue  # I2 says so
            since = book.now - (duration(rule["per_tenant_window"]) or timedelta(0))
            kept = book.small.get((job.agreement, job.tenant), ())
            used = sum(one.units for one in kept if one.at > since) + len(fact.data["units"])
            if len(job.units) > rule["units"]:
                wrong = f"a job of {len(job.units)} units is none of {rule['units']} or fewer"
            elif used > rule["cap_units"]:
                wrong = f"{job.tenant} has {used} units of {rule['cap_units']} in the period"
            else:
                continue
            yield self.breach(wrong, fact.position)


class SignedConditions(Law):
    number = "I23"
    text = (
        "A condition changes a clause only after an attestation signed by the attestor the "
        "edition names."
    )
    guards = "conditions"
    sees = frozenset({"ConditionAttested"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        data = fact.data
        named = {
            edition.attestors[data["condition"]]
            for edition in book.in_force(book.now)
            if edition.agreement == data["agreement"] and data["condition"] in edition.attestors
        }
        if data["by"] not in named:
            who = " or ".join(sorted(named)) or "nobody"
            yield self.breach(
                f"{data['by']} attests {data['condition']}, which {who} may", fact.position
            )


class NoConflict(Law):
    number = "I32"
    text = "No notice, quote request or placement reaches a party in the tenant's conflict set."
    guards = "agreement 1.3, conflict register"
    sees = frozenset({THIRD, "HolderCommitted", "OfferIssued"})

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        if not book.conflicts:
            return
        job, edition = book.job_of(fact), book.edition_of(fact)
        if job is None or edition is None:
            return
        if fact.type == "OfferIssued":
            reached = {edition.holder, *edition.holder_pools}
        elif fact.data.get("offer"):
            return  # what it fulfils was offered before, and judged then
        else:
            reached = {fact.data["provider"]}
            if fact.data["provider"] in edition.holder_pools:
                reached |= {edition.holder, *edition.holder_pools}
        if touched := reached & in_conflict(book, job):
            yield self.breach(
                f"{fact.type} reaches {', '.join(sorted(touched))}, in conflict with {job.tenant}",
                fact.position,
            )
