"""What facts tell of the offers to the holder."""

from __future__ import annotations

from dataclasses import replace

from broker.domain.chain import Fact
from broker.domain.explanation import Asking, Verdict, span
from broker.domain.market import told_place
from broker.domain.retelling import THE_HOLDER, Offered, Retelling, seconds


def held(told: Retelling, fact: Fact) -> None:
    """The holder would be asked now, and must not be."""
    told.held = fact.data["because"]
    agreement = told.submitted.data["agreement"] if told.submitted else ""
    told.rows.append(
        Asking(
            provider=told.holders.get(agreement, THE_HOLDER),
            units=len(fact.data["units"]),
            at=fact.at,
            verdict=Verdict.HELD,
            because=fact.data["because"],
            positions=(fact.position,),
        )
    )


def issued(told: Retelling, fact: Fact) -> None:
    data = fact.data
    told.offers[data["offer"]] = Offered(fact, len(told.rows))
    told.rows.append(
        Asking(
            provider=told.holders.get(data["agreement"], THE_HOLDER),
            units=len(data["units"]),
            price_usd_hour=data["terms"]["price_usd_hour"],
            at=fact.at,
            verdict=Verdict.ASKED,
            because=f"window {span(data['window_s'])}, not delivered yet",
            offer=data["offer"],
            agreement=data["agreement"],
            clause=data["clause"],
            edition=data["edition"],
            positions=(fact.position,),
        )
    )


def delivered(told: Retelling, fact: Fact) -> None:
    row = told.rows[told.offers[fact.data["offer"]].row]
    window = span(told.offers[fact.data["offer"]].fact.data["window_s"])
    deemed = ", deemed received" if fact.data["how"] == "deemed" else ""
    told.turn(fact, row.verdict, f"window {window}{deemed}, until {fact.data['expires_at']}")


def tolled(told: Retelling, fact: Fact) -> None:
    row, until = told.rows[told.offers[fact.data["offer"]].row], fact.data["expires_at"]
    if until is not None:
        away = f"the broker was away for {fact.data['by_s']} s"
        told.turn(fact, row.verdict, f"{away}: window until {until}")


def refusal_recorded(told: Retelling, fact: Fact) -> None:
    """A refusal may be cited by any job; one of this job's own offer is a row of its story."""
    told.refusals[fact.data["refusal"]] = fact
    if fact.data["offer"] in told.offers:
        place_refused(told, fact)


def place_refused(told: Retelling, fact: Fact) -> None:
    data = fact.data
    offer = told.offers[data["offer"]]
    told.name_holder(offer, data["provider"])
    row = told.rows[offer.row]
    told.positions.append(fact.position)
    told.rows.append(
        replace(
            row,
            provider=data["provider"],
            region=data["region"],
            sku=told_place(data)[2],
            units=data["units"],
            price_usd_hour=None,
            after_s=seconds(row.at, fact.at),
            verdict=Verdict.REFUSED,
            because=data["code"],
            cites=(data["refusal"],),
            positions=(fact.position,),
        )
    )


def accepted(told: Retelling, fact: Fact) -> None:
    offered = told.rows[told.offers[fact.data["offer"]].row].units
    taken = len(fact.data["units"])
    if taken == offered:
        told.turn(fact, Verdict.ACCEPTED, "the whole of it", final=True)
    else:
        told.turn(fact, Verdict.ACCEPTED_IN_PART, f"{taken} of {offered} units", final=True)


def refused(told: Retelling, fact: Fact) -> None:
    standing(told, fact, fact.data["offer"])
    told.turn(fact, Verdict.REFUSED, fact.data["reason"], final=True)


def lapsed(told: Retelling, fact: Fact) -> None:
    told.turn(fact, Verdict.LAPSED, fact.data["reason"], final=True)


def withdrawn(told: Retelling, fact: Fact) -> None:
    told.turn(fact, Verdict.WITHDRAWN, fact.data["why"], final=True)


def defaulted(told: Retelling, fact: Fact) -> None:
    count = len(fact.data["units"])
    units = "1 unit" if count == 1 else f"{count} units"
    told.turn(fact, Verdict.NOT_DELIVERED, f"{units} accepted and not delivered")


def answer_rejected(told: Retelling, fact: Fact) -> None:
    row = told.rows[told.offers[fact.data["offer"]].row]
    because = fact.data["why"]
    if fact.data.get("because"):
        because = f"{because}: {fact.data['because']}"
    told.rows.append(
        replace(
            row,
            at=fact.at,
            after_s=seconds(row.at, fact.at),
            verdict=Verdict.ANSWER_REJECTED,
            because=because,
            positions=(fact.position,),
        )
    )


def released(told: Retelling, fact: Fact) -> None:
    if fact.data["basis"] == "standing_refusal" and not fact.data.get("again"):
        standing(told, fact, None)


def release_over(told: Retelling, fact: Fact) -> None:
    holder = next((row.provider for row in told.rows if row.provider != THE_HOLDER), THE_HOLDER)
    why = {"tail": "its tail has ended", "stale": "the refusal has gone stale"}
    why |= {"late": "its late yes brings a new offer", "terms": "other terms are asked for"}
    why |= {"quote": "the quote it stood on has ended"}
    because = f"{why.get(fact.data['why'], fact.data['why'])}; the holder is asked again"
    told.rows.append(
        Asking(
            provider=holder,
            units=len(fact.data["units"]),
            at=fact.at,
            verdict=Verdict.RELEASE_OVER,
            because=because,
            positions=(fact.position,),
        )
    )


def standing(told: Retelling, fact: Fact, offer: str | None) -> None:
    """Rows for the refusals a fact leans on that were not given to this job's own offer."""
    known = {cited for row in told.rows if row.offer == offer for cited in row.cites}
    for cited in fact.data.get("cites") or ():
        refusal = told.refusals.get(cited)
        if cited in known or refusal is None:
            continue
        data, age = refusal.data, seconds(refusal.at, fact.at)
        told.positions.append(refusal.position)
        told.rows.append(
            Asking(
                provider=data["provider"],
                region=data["region"],
                sku=told_place(data)[2],
                units=len(fact.data["units"]),
                at=fact.at,
                verdict=Verdict.STANDING_REFUSAL,
                because=f"{data['code']}, {span(age)} old, valid until {data['valid_until']}",
                offer=offer,
                cites=(cited,),
                positions=(refusal.position, fact.position),
            )
        )
