"""What facts tell of purchases: bought, refused after all, delivered, lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.domain.chain import Fact
from broker.domain.explanation import Asking, Verdict
from broker.domain.market import told_place
from broker.domain.place import told_area
from broker.domain.retelling import ENDS, Retelling
from broker.domain.told_places import thought
from broker.domain.values import RefusalReason

_BASES: Final = {
    "refusal": "the holder had refused",
    "lapse": "the holder's window had lapsed",
    "default": "the holder had not delivered",
    "standing_refusal": "every place of the holder's stood refused",
    "suspension": "the right was suspended",
    "unavailability": "the holder was unavailable",
    "free": "the agreement leaves this class free",
    "carve_out": "a clause carves this out of the right",
    "consent": "the holder had consented",
    "waiver": "the holder had waived its right",
    "de_minimis": "the job is too small to be offered",
    "continuity": "the holder was unavailable, and the clause lets work continue elsewhere",
}
_MOVED: Final = {
    "migrated": "the unit moved to the holder; this lease was fenced first",
    "expired": "the term of the lease was over and nothing had renewed it",
}
_REFUSALS: Final = frozenset(RefusalReason)


def bought(told: Retelling, fact: Fact) -> None:
    data = fact.data
    offer = told.offers.get(data.get("offer") or "")
    if offer is not None:
        told.name_holder(offer, data["provider"])
    told.purchases[data["commitment"]] = len(told.rows)
    told.list_id = data.get("list_id") or told.list_id
    _note_shut(told, data.get("passed_over") or ())
    cites = data.get("cites") or ([data["offer"]] if data.get("offer") else [])
    told.rows.append(
        Asking(
            provider=data["provider"],
            region=data["region"],
            sku=told_place(data)[2],
            units=len(data["units"]),
            price_usd_hour=data["terms"]["price_usd_hour"],
            at=fact.at,
            verdict=Verdict.COMMITTED,
            because="its machine is on order",
            offer=data.get("offer"),
            agreement=data["agreement"],
            edition=data["edition"],
            clause=offer.fact.data["clause"] if offer else None,
            basis=data.get("basis") or ("acceptance" if offer else "holder"),
            cites=tuple(cites),
            positions=(fact.position,),
        )
    )


def _note_shut(told: Retelling, passed_over: Iterable[str]) -> None:
    """Keep why cheaper places could not be asked, for the rows of those that were not."""
    for why in passed_over:
        refusal = told.refusals.get(why)
        if refusal is not None:
            said = refusal.data
            around = told_area(said)
            told.shut[around] = f"stood refused: {said['code']}, until {said['valid_until']}"
        elif (heard := told.advice.get(why)) is not None:
            said = heard.data
            told.shut[told_place(said)] = thought(said)
        elif why.startswith("closed "):
            provider, region, sold = why.removeprefix("closed ").split(" ", 2)
            told.shut[provider, region, sold] = "closed by a trouble of ours"


def failed(told: Retelling, fact: Fact) -> None:
    reason, code = fact.data["reason"], fact.data["code"]
    if reason in _REFUSALS:
        told.amend(fact, Verdict.REFUSED, code or reason)
    elif reason in ENDS.values():
        told.amend(fact, Verdict.LET_GO, f"the job was {reason}")
    else:
        told.amend(fact, Verdict.NOT_DELIVERED, f"{reason} {code}".rstrip())


def activated(told: Retelling, fact: Fact) -> None:
    told.placed_at = fact.at
    place = told.purchases.get(fact.data["commitment"])
    if place is not None:
        basis = told.rows[place].basis or ""
        because = _BASES.get(basis, "the holder had its turn and took it")
        if fact.data["epoch"] > 1:
            because = f"attempt {fact.data['epoch']}; {because}"
        told.amend(fact, Verdict.PLACED, because)


def lease_ended(told: Retelling, fact: Fact) -> None:
    cause = fact.data["cause"]
    if cause == "preempted":
        told.amend(fact, Verdict.LOST, "its cloud took the machine back")
    elif cause in ("lost", "regrouped"):
        told.amend(fact, Verdict.LOST, f"the machine was {cause}")
    elif cause in _MOVED:
        told.amend(fact, Verdict.LET_GO, _MOVED[cause])


def renewed(told: Retelling, fact: Fact) -> None:
    """The unit ran on where it was: the row before this one is over, and this one stands."""
    told.amend(fact, Verdict.PLACED, "its lease was renewed where it ran")


def moving(told: Retelling, fact: Fact) -> None:
    why = "the holder asked it back" if fact.data["why"] == "reclaim" else "renewed by the holder"
    told.amend(fact, Verdict.COMMITTED, f"{why}; its machine is prepared while the unit runs on")
