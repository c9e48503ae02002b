"""Notices as the desk has them: fetched, and asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from broker.domain.altered import altered
from broker.domain.key import Role, Shown
from broker.domain.notice import Notice, NoticeState, entry
from broker.domain.offer import Offer, OfferState
from broker.domain.offering import deliver
from broker.domain.values import NoticeId, plain
from broker.ports import Store, Transaction
from broker.steps.authority import UnauthorisedError, authorised, desk_of
from broker.steps.keeping import keep
from broker.steps.rulebook import Rulebook

_WORDS: Final = re.compile(r"[a-z0-9]+")
_MEANT: Final[Mapping[str, tuple[str, ...]]] = {
    "price_ceiling": ("price", "cost", "usd", "rate", "budget"),
    "accelerators": ("accelerator", "gpu", "gpus", "card"),
    "regions": ("region", "where", "location", "place"),
    "start_by": ("start", "when", "date"),
    "duration": ("long", "hours", "days", "length"),
    "units": ("unit", "many", "number", "quantity", "machines", "nodes"),
    "interruptible": ("spot", "preemptible", "interruptible"),
    "gang": ("together", "split", "part", "partial"),
    "window": ("deadline", "expires", "answer"),
    "class": ("workload", "kind"),
}
"""Words beside a field's own name by which a question asks for it."""


def reply_to(offer: Offer, question: str | None) -> dict[str, Any]:
    """What a question is answered with (T10): what the notice says of it, else all it says."""
    said: dict[str, Any] = plain(entry(offer))
    words = set(_WORDS.findall((question or "").lower()))
    asked = {
        name: value
        for name, value in said.items()
        if words.intersection((*name.split("_"), *_MEANT.get(name, ())))
    }
    return asked or said


def fetch_notice(name: NoticeId, store: Store, rules: Rulebook, shown: Shown = None) -> Notice:
    """The notice, which is received by being fetched: the windows of its offers open, once.

    Raises KeyError, and UnauthorisedError where the key that is shown gives no authority.
    """
    with store.transaction() as tx:
        notice = tx.notice(name)
        if notice is None:
            raise KeyError(name)
        first = tx.offer(notice.offers[0])
        if first is not None:
            check_desk(first, shown, tx, rules)
        receive(notice, tx)
    return notice


def receive(notice: Notice, tx: Transaction) -> None:
    """The desk has the notice: every offer in it that waits for delivery is delivered (T6)."""
    cases = tx.cases(notice.jobs)
    for case in cases.values():
        for offer in list(case.offers.values()):
            if offer.notice == notice.id and offer.state is OfferState.SENT:
                deliver(case, offer, "ack")
    told = [case for case in cases.values() if case.events]
    if told:
        keep(tx, told)
    if notice.state is NoticeState.WAITING:
        tx.put_notice(altered(notice, state=NoticeState.RECEIVED, due_at=None, trouble=""))


def check_desk(offer: Offer, shown: Shown, tx: Transaction, rules: Rulebook) -> None:
    """Raises UnauthorisedError unless the key lets its bearer see this offer as its desk."""
    asked = authorised(desk_of(offer, rules.agreements), Role.DESK, shown, tx)
    if asked.flaw:
        raise UnauthorisedError(asked)
