"""The `rofr` block of a clause -> Right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.domain.right import (
    Counter,
    DeemedReceipt,
    DeMinimis,
    Divisible,
    LeaseTerm,
    QuoteWithdrawn,
    Right,
    Silence,
    Suspension,
    TailFrom,
    Trigger,
    Unavailability,
)
from broker.domain.workload import WorkClass

if TYPE_CHECKING:
    from broker.agreements.section import Section


def read_right(block: Section) -> Right:
    """The mechanics of a right. Raises AgreementError."""
    notice = block.section("notice")
    window = block.section("window")
    acceptance = block.section_or_none("acceptance")
    after = block.section("after_refusal")
    requote = block.section_or_none("requote")
    provision = block.section("provision")
    standing = block.section("standing_answers")
    by_class = window.section_or_none("by_class")
    right = Right(
        assumed=block.flag_or_false("assumed"),
        trigger=block.word_or("trigger", Trigger.NEED),
        notice_contents=notice.texts("contents"),
        notice_withhold=notice.texts("withhold"),
        deemed_receipt=_deemed_receipt(notice.section("deemed_receipt")),
        window_default_s=window.seconds("default"),
        window_by_class=_windows(by_class) if by_class else {},
        window_minimum_s=window.seconds("minimum"),
        toll_on_broker_outage=window.flag("toll_on_broker_outage"),
        divisible=(
            acceptance.word_or("divisible", Divisible.WHOLE_OR_PART)
            if acceptance
            else Divisible.WHOLE_OR_PART
        ),
        gang=acceptance.text_or("gang", "whole_only") if acceptance else "whole_only",
        must_carry=acceptance.text_or_none("must_carry") if acceptance else "capacity_hold",
        silence=block.word("silence", Silence),
        counter=block.word_or("counter", Counter.REFUSAL),
        tail_s=after.seconds("tail"),
        tail_from=after.word("tail_from", TailFrom),
        tolerance_price=after.decimal("tolerance_price"),
        requote_max=requote.whole("max") if requote else 0,
        requote_window_s=requote.seconds("window") if requote else 0,
        quote_withdrawn=block.word_or("quote_withdrawn", QuoteWithdrawn.OFFER_SURVIVES),
        provision_deadline_s=provision.seconds("deadline"),
        cure_s=provision.seconds("cure"),
        suspension=_suspension(block.section_or_none("on_default")),
        unavailability=_unavailability(block.section_or_none("on_holder_unavailable")),
        refusal_max_age_s=standing.seconds("refusal_max_age"),
        acceptance_max_age_s=standing.seconds("acceptance_max_age"),
        de_minimis=_de_minimis(block.section_or_none("de_minimis")),
        reclaim_notice_s=_reclaim(block),
        lease=_lease(block.section_or_none("lease")),
    )
    if not right.notice_contents:
        notice.fail("contents", "is missing", rule=notice.missing)
    for part in (notice, window, acceptance, after, requote, provision, standing, block):
        if part is not None:
            part.done()
    return right


def _windows(block: Section) -> dict[WorkClass, int]:
    return {block.word_of(key, key, WorkClass): block.seconds(key) for key in block.names()}


def _deemed_receipt(block: Section) -> DeemedReceipt:
    receipt = DeemedReceipt(
        attempts=block.whole("attempts"),
        channels=block.whole("channels"),
        after_s=block.seconds("after"),
    )
    block.done()
    return receipt


def _suspension(block: Section | None) -> Suspension | None:
    if block is None:
        return None
    _only(block, "units", "released")
    after, lasts_s = block.section_or_none("suspend_after"), block.seconds_or_none("suspend_for")
    block.done()
    if after is None and lasts_s is None:
        return None
    if after is None or lasts_s is None:
        absent = "suspend_after" if after is None else "suspend_for"
        block.fail(absent, "is missing: say both or neither")
    suspension = Suspension(
        defaults=after.whole("defaults"), within_s=after.seconds("within"), for_s=lasts_s
    )
    after.done()
    return suspension


def _unavailability(block: Section | None) -> Unavailability | None:
    if block is None:
        return None
    _only(block, "effect", "deemed_refusal")
    evidence = block.section("evidence")
    block.done()
    unavailability = Unavailability(
        probes=evidence.whole("probes"),
        vantage=evidence.whole("vantage"),
        over_s=evidence.seconds("over"),
    )
    evidence.done()
    return unavailability


def _de_minimis(block: Section | None) -> DeMinimis | None:
    if block is None:
        return None
    small = DeMinimis(
        units=block.whole("units"),
        per_tenant_window_s=block.seconds("per_tenant_window"),
        cap_units=block.whole("cap_units"),
    )
    block.done()
    return small


def _reclaim(block: Section) -> int | None:
    """How long before the holder may have a unit back; None: never."""
    said = block.get("reclaim")
    if said is None or said == "none":
        return None
    if not isinstance(said, dict):
        block.fail("reclaim", f"says {said!r}; write none, or {{notice: PT1H, ...}}")
    granted = block.section("reclaim")
    notice_s = granted.seconds("notice")
    if not granted.flag("checkpointable_only"):
        granted.fail("checkpointable_only", "says false; only true is carried out")
    granted.done()
    return notice_s


def _lease(block: Section | None) -> LeaseTerm | None:
    if block is None:
        return None
    lease = LeaseTerm(term_s=block.seconds("term"), renew_before_s=block.seconds("renew_before"))
    block.done()
    return lease


def _only(block: Section, key: str, known: str) -> str:
    """A field that can say one thing so far: an edition that says another is refused."""
    said = block.text_or(key, known)
    if said != known:
        block.fail(key, f"says {said!r}; only {known!r} is carried out")
    return said
