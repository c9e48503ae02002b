"""Notices put to webhooks: load, talk, record, and what each try proves.

Only what went out and found no answer counts as an attempt at delivery. A fault of ours is told
and tried again; nothing is deemed received because of it (design 3.5, cases 2 and 14).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never

from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.events import NoticeTroubled
from broker.domain.notice import Notice, NoticeState
from broker.domain.offer import Offer, OfferState
from broker.domain.offering import attempt
from broker.ports import Post, Posted, Store, Took, Transaction, Unheard, Untold
from broker.steps.keeping import keep
from broker.steps.notices import receive
from broker.steps.rulebook import Rulebook

_LOG: Final = logging.getLogger(__name__)
CLAIMED_S: Final = 60.0
"""How long one try may take before another worker makes the next."""
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 60.0


def announce(store: Store, rules: Rulebook, post: Post, limit: int = 20) -> int:
    """Put every notice that is due to its webhook; returns how many were."""
    with store.transaction() as tx:
        now = tx.now
        due = tx.claim_notices(limit, now + timedelta(seconds=CLAIMED_S))
        waiting = [notice for notice in due if _sent(notice, tx)]
        for notice in due:
            if notice not in waiting:
                tx.put_notice(altered(notice, state=NoticeState.OVER, due_at=None))
    for notice in waiting:
        webhook = rules.webhooks.get(notice.agreement)
        posted: Posted = Untold(f"no webhook is set for {notice.agreement}: set desk_webhook")
        if webhook is not None:
            posted = post(webhook, notice, now)
        _record(notice, posted, store)
    return len(due)


def _sent(notice: Notice, tx: Transaction) -> bool:
    """Whether an offer in it still waits for delivery."""
    found = (tx.offer(name) for name in notice.offers)
    return any(offer is not None and offer.state is OfferState.SENT for offer in found)


def _record(claimed: Notice, posted: Posted, store: Store) -> None:
    with store.transaction() as tx:
        notice = tx.notice(claimed.id)
        if notice is None or notice.state is not NoticeState.WAITING:
            return  # fetched meanwhile
        match posted:
            case Took():
                receive(notice, tx)
            case Unheard(because=because):
                _count(notice, because, tx)
            case Untold(because=because):
                if notice.trouble != because:
                    _LOG.warning("notice %s is not sent: %s", notice.id, because)
                told = [NoticeTroubled(notice=notice.id, because=because)]
                due = tx.now + _pause(notice.tries, LONGEST_PAUSE_S)
                troubled = altered(notice, trouble=because, due_at=due)
                tx.put_notice(troubled, told if notice.trouble != because else [])
            case _:
                assert_never(posted)


def _count(notice: Notice, because: str, tx: Transaction) -> None:
    cases = list(tx.cases(notice.jobs).values())
    every = LONGEST_PAUSE_S
    for case in cases:
        for offer in _waiting(case, notice):
            attempt(case, offer, notice.sha256, because)
            every = min(every, offer.mechanics.deemed_after_s / offer.mechanics.deemed_attempts)
    keep(tx, cases)
    due: datetime = tx.now + _pause(notice.tries, every)
    tx.put_notice(altered(notice, trouble="", due_at=due))


def _waiting(case: Case, notice: Notice) -> Sequence[Offer]:
    offers = list(case.offers.values())
    return [o for o in offers if o.notice == notice.id and o.state is OfferState.SENT]


def _pause(tries: int, longest_s: float) -> timedelta:
    return timedelta(seconds=min(FIRST_PAUSE_S * 2 ** min(tries - 1, 10), longest_s))
