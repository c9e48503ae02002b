"""Whether an answer is one that the clause allows (design T8), and where its holds lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.domain.case import Case
from broker.domain.desk import holder_places
from broker.domain.market import Market, Pool
from broker.domain.offer import Offer
from broker.domain.values import ONE_OF_THE_REASONS
from broker.ports import Transaction
from broker.steps.rulebook import Rulebook
from broker.steps.said import NEED_A_REASON, Answer, AnswerKind, Hold
from broker.steps.through import through


def pool_of(hold: Hold, case: Case, offer: Offer, rules: Rulebook, tx: Transaction) -> Pool | None:
    """The pool of the holder's in which a hold lies, if it is one that the job may have."""
    if hold.via is None:
        pools = holder_places(case, offer, Market(pools=rules.pools))
    else:
        pools = through(hold.via, case.job.workload, offer, tx, rules)
    return next((p for p in pools if p.place[1:] == (hold.region, hold.sku, hold.purchase)), None)


def nonconforming(
    offer: Offer, answer: Answer, units: tuple[int, ...], pools: Sequence[Pool | None]
) -> str:
    """Why the clause does not allow this answer (design T8); empty where it does."""
    if answer.kind in NEED_A_REASON and answer.reason is None:
        return f"reason: to {answer.kind.value} is to say why; {ONE_OF_THE_REASONS}"
    if answer.kind is not AnswerKind.ACCEPT:
        return ""
    wanted = len(offer.units) if answer.units is None else answer.units
    held = sum(hold.units for hold in answer.holds)
    missing = next((h for h, pool in zip(answer.holds, pools, strict=True) if pool is None), None)
    faults = (
        (
            wanted < 1 or wanted > len(offer.units),
            f"units: the offer has {len(offer.units)}, and {wanted} were accepted",
        ),
        (
            offer.gang and wanted != len(offer.units),
            f"units: a gang is accepted whole, all {len(offer.units)}, or not at all",
        ),
        (
            wanted % offer.chunk and wanted != len(offer.units),
            f"units: {wanted} is no multiple of the chunk, {offer.chunk}",
        ),
        (
            held != len(units) or any(hold.units < 1 for hold in answer.holds),
            f"holds: {held} units are held for {len(units)} accepted; each needs a hold",
        ),
        (
            offer.gang and len(answer.holds) > 1,
            "holds: a gang is held in one place, by one hold",
        ),
        (
            missing is not None,
            (
                f"holds: {missing and missing.region} {missing and missing.sku} is no pool of "
                f"{(missing and missing.via) or ', '.join(offer.holder)} that the job may have"
            ),
        ),
    )
    return next((sentence for fault, sentence in faults if fault), "")


def not_its_own(answer: Answer, bound: Mapping[str, str]) -> str:
    """Each acceptance carries its own hold, so that nothing is sold twice (design 3.5, 4)."""
    names = [hold.hold for hold in answer.holds] if answer.kind is AnswerKind.ACCEPT else []
    taken = next((name for name in names if name in bound), None)
    if taken is not None:
        return f"holds: {taken} stands behind the acceptance of {bound[taken]}; name another hold"
    twice = next((name for name in names if names.count(name) > 1), None)
    return f"holds: {twice} is named twice; name each hold once" if twice is not None else ""
