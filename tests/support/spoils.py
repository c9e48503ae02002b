"""The ways to spoil a good log before it is sealed, one fact or one field at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

from broker.domain.values import instant, instant_text
from tests.support.logs import Draft, cheapest_at

Drafts: TypeAlias = list[Draft]
Spoil: TypeAlias = Callable[[Drafts], None]


def nth(drafts: Drafts, type_: str, number: int = 0) -> Draft:
    return [draft for draft in drafts if draft.type == type_][number]


def changed(type_: str, number: int = 0, **data: Any) -> Spoil:  # noqa: ANN401 - JSON
    return lambda drafts: nth(drafts, type_, number).data.update(data)


def classed(type_: str, work_class: str) -> Spoil:
    return lambda drafts: nth(drafts, type_).data.update({"class": work_class})


def held_as(hold: str, type_: str, number: int = 0) -> Spoil:
    return changed(type_, number, holds=[hold])


def without(type_: str, number: int = 0) -> Spoil:
    return lambda drafts: drafts.remove(nth(drafts, type_, number))


def repeated(type_: str, number: int = 0) -> Spoil:
    """The fact is there a second time, right after itself and in the same instant."""

    def spoil(drafts: Drafts) -> None:
        draft = nth(drafts, type_, number)
        twin = Draft(at=draft.at, stream=draft.stream, type=type_, data=dict(draft.data))
        drafts.insert(drafts.index(draft) + 1, twin)

    return spoil


def moved(type_: str, seconds: float, number: int = 0) -> Spoil:
    """The fact and all that follows it come so much later, or earlier."""

    def spoil(drafts: Drafts) -> None:
        for draft in drafts[drafts.index(nth(drafts, type_, number)) :]:
            draft.at += timedelta(seconds=seconds)

    return spoil


def added(after: str, type_: str, **data: Any) -> Spoil:  # noqa: ANN401 - JSON
    """One more fact of the job, in the instant of the first fact of a type."""

    def spoil(drafts: Drafts) -> None:
        first = nth(drafts, after)
        new = Draft(at=first.at, stream=first.stream, type=type_, data=data)
        drafts.insert(drafts.index(first) + 1, new)

    return spoil


def retermed(type_: str, name: str = "terms", **terms: Any) -> Spoil:  # noqa: ANN401 - JSON
    def spoil(drafts: Drafts) -> None:
        draft = nth(drafts, type_)
        draft.data[name] = {**draft.data[name], **terms}

    return spoil


def put_before(type_: str, other: str, number: int = 0) -> Spoil:
    """The fact comes before the other, dated as that is."""

    def spoil(drafts: Drafts) -> None:
        draft = nth(drafts, type_, number)
        drafts.remove(draft)
        where = nth(drafts, other)
        draft.at = where.at
        drafts.insert(drafts.index(where), draft)

    return spoil


def put_after(type_: str, other: str, number: int = 0) -> Spoil:
    """The fact comes right after the other, dated as that is."""

    def spoil(drafts: Drafts) -> None:
        draft, where = nth(drafts, type_), nth(drafts, other, number)
        drafts.remove(draft)
        draft.at = where.at
        drafts.insert(drafts.index(where) + 1, draft)

    return spoil


def unclaimed(drafts: Drafts) -> None:
    """The clause grants no reclaim."""
    clause = nth(drafts, "EditionRecorded").data["clauses"][1]
    clause["rofr"] = {**clause["rofr"], "reclaim": "none"}


def amended(clause: int, **data: Any) -> Spoil:  # noqa: ANN401 - JSON
    def spoil(drafts: Drafts) -> None:
        clauses = nth(drafts, "EditionRecorded").data["clauses"]
        clauses[clause] = {**clauses[clause], **data}

    return spoil


def ruled(group: str, **values: Any) -> Spoil:  # noqa: ANN401 - JSON
    """The mechanics of the edition's right are others."""

    def spoil(drafts: Drafts) -> None:
        clauses = nth(drafts, "EditionRecorded").data["clauses"]
        right = next(clause["rofr"] for clause in clauses if "rofr" in clause)
        right[group] = {**right[group], **values}

    return spoil


def relisted(provider: str, /, **row: Any) -> Spoil:  # noqa: ANN401 - JSON
    """The price list says something else of a provider's place."""

    def spoil(drafts: Drafts) -> None:
        pools = nth(drafts, "PricesListed").data["pools"]
        next(pool for pool in pools if pool["provider"] == provider).update(row)

    return spoil


def an_equal(price: str = "29.5") -> Spoil:
    """The list has one more place that was open, before the one taken by name."""
    return relisted("gcp", provider="aws", region="eu-a", price_usd_hour=price)


def thought_of(thought: str, *, region: str = "eu-a", age_s: float = 1) -> Spoil:
    """A place is thought of so before something is bought elsewhere, which names that."""

    def spoil(drafts: Drafts) -> None:
        bought = nth(drafts, "ThirdPartyCommitted")
        bought.data["passed_over"] = ["a1"]
        asked = bought.at - timedelta(seconds=age_s)
        told = {"advice": "a1", "provider": "aws", "region": region, "sku": "p4"}
        told |= {"thought": thought, "because": "", "as_of": instant_text(asked)}
        told |= {"until": instant_text(asked + timedelta(hours=9))}
        first = Draft(at=bought.at, stream="advice/aws/p4", type="PlaceAdvised", data=told)
        drafts.insert(drafts.index(bought), first)

    return spoil


def bought_from(provider: str, number: int = 0) -> Spoil:
    """Something is bought from another, whose place a newer list has as the cheapest."""

    def spoil(drafts: Drafts) -> None:
        bought = nth(drafts, "ThirdPartyCommitted", number)
        told = cheapest_at(provider)
        bought.data.update({"provider": provider, "list_id": told["list_id"]})
        stream = f"prices/{told['list_id']}/again"
        drafts.insert(
            drafts.index(bought),
            Draft(at=bought.at, stream=stream, type="PricesListed", data=told),
        )

    return spoil


def listed_without(*providers: str) -> Spoil:
    def spoil(drafts: Drafts) -> None:
        data = nth(drafts, "PricesListed").data
        data["pools"] = [pool for pool in data["pools"] if pool["provider"] not in providers]

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(drafts: Drafts) -> None:
        for one in spoils:
            one(drafts)

    return spoil


def withdrawn_and_still_used(drafts: Drafts) -> None:
    refused = nth(drafts, "OfferRefused")
    refused.type, refused.data = "OfferWithdrawn", {"offer": "o1", "why": "cancelled"}


def called_stale_and_offered_again(drafts: Drafts) -> None:
    """The release of the default is called stale, long before its tail, to offer it again."""
    issued, gone = nth(drafts, "OfferIssued").data, nth(drafts, "UnitsReleased")
    del drafts[drafts.index(gone) + 1 :]
    for type_, data in (
        ("ReleaseExpired", {"job": "j1", "units": [0], "why": "stale"}),
        ("OfferIssued", {**issued, "offer": "o2"}),
    ):
        drafts.append(Draft(at=gone.at, stream=gone.stream, type=type_, data=data))


def offered_again_on_the_defaulted_terms(drafts: Drafts) -> None:
    """The release of the default is passed over and the same notice sent once more."""
    issued, gone = nth(drafts, "OfferIssued").data, nth(drafts, "UnitsReleased")
    del drafts[drafts.index(gone) + 1 :]
    gone.type, gone.data = "OfferIssued", {**issued, "offer": "o2"}


def superseded_and_still_used(drafts: Drafts) -> None:
    """The release a refusal would have given is told of the offer that was withdrawn."""
    cut_after("OfferWithdrawn")(drafts)
    gone = nth(drafts, "OfferWithdrawn")
    terms = nth(drafts, "OfferIssued").data["terms"]
    tail = instant_text(gone.at + timedelta(hours=1))
    stands_on = {"basis": "refusal", "offer": "o1", "cites": ["o1"]}
    freed = {"job": "j1", "units": [0], "ceiling": terms, "tail_until": tail, **stands_on}
    drafts.append(Draft(at=gone.at, stream=gone.stream, type="UnitsReleased", data=freed))


def requoted_once_more(drafts: Drafts) -> None:
    cut_after_nth("OfferIssued", 1)(drafts)
    last = nth(drafts, "OfferIssued", 1)
    third = {**last.data, "offer": "o3", "supersedes": "o2"}
    withdrawn = {"offer": "o2", "why": "superseded"}
    for type_, data in (("OfferWithdrawn", withdrawn), ("OfferIssued", third)):
        drafts.append(Draft(at=last.at, stream=last.stream, type=type_, data=data))


def offered_twice_at_once(drafts: Drafts) -> None:
    first = nth(drafts, "OfferIssued")
    del drafts[drafts.index(first) + 1 :]
    again = {**first.data, "offer": "o7"}
    drafts.append(Draft(at=first.at, stream=first.stream, type=first.type, data=again))


def used_a_second_lease(drafts: Drafts) -> None:
    added("LeaseActivated", "LeaseActivated", **nth(drafts, "LeaseActivated").data)(drafts)
    nth(drafts, "LeaseActivated", 1).data["epoch"] = 2
    nth(drafts, "UnitStarted").data["epoch"] = 2
    nth(drafts, "LeaseEnded").data["epoch"] = 2


def window_recorded_too_long(drafts: Drafts) -> None:
    receipt = nth(drafts, "OfferDelivered").data
    receipt["expires_at"] = instant_text(instant(receipt["expires_at"]) + timedelta(hours=1))


def dated_back(drafts: Drafts) -> None:
    nth(drafts, "JobStarted").at -= timedelta(seconds=30)


def cited_before_it_was_told(drafts: Drafts) -> None:
    """The refusal is dated after the release that stands on it, yet sealed before."""
    nth(drafts, "PlaceRefused").at += timedelta(seconds=90)


def the_log_goes_on(seconds: float) -> Spoil:
    """Something unrelated happens so much later, which shows that a timer never fired."""

    def spoil(drafts: Drafts) -> None:
        later = drafts[-1].at + timedelta(seconds=seconds)
        drafts.append(Draft(at=later, stream="tenant/lab", type="SomethingElse", data={}))

    return spoil


def cut_after(type_: str) -> Spoil:
    return cut_after_nth(type_, 0)


def cut_after_nth(type_: str, number: int) -> Spoil:
    def spoil(drafts: Drafts) -> None:
        del drafts[drafts.index(nth(drafts, type_, number)) + 1 :]

    return spoil


def answered(**said: object) -> Spoil:
    """The holder's people ask a question about the offer."""
    told: dict[str, object] = {"offer": "o1", "answer": "a1", "kind": "query", "by": "clerk"}
    return added("OfferDelivered", "AnswerReceived", **(told | said))


def keyed(**said: object) -> Spoil:
    """The holder's desk was given a key before the offer was put."""
    dates = {"valid_from": "2026-03-02T00:00:00Z", "valid_until": None}
    told: dict[str, object] = {"key": "k1", "party": "holder", "role": "desk", **dates}
    return added("OfferIssued", "KeyGranted", **(told | said))
