"""A third party's quote is taken back: because it says so, or because its place has refused."""

from __future__ import annotations

from broker.domain.taking_back import REFUSED, TakenBack, refused_quotes, take_back
from broker.domain.values import JobId
from broker.ports import Store
from broker.steps.keeping import keep
from broker.steps.rulebook import Rulebook


def withdraw_quote(job: JobId, quote: str, why: str, store: Store) -> list[TakenBack]:
    """Returns what became of each offer that stood on it; none where nothing does any more.

    Raises KeyError for a job nobody knows.
    """
    with store.transaction() as tx:
        case = tx.cases([job])[job]
        ended = take_back(case, quote, why)
        keep(tx, [case])
    return ended


def withdraw_refused(store: Store, rules: Rulebook) -> int:
    """Take back the quotes of open offers whose places have refused since; returns how many.

    A release that stands on such a quote ends when its job is next looked at.
    """
    if not rules.quoted:
        return 0
    with store.transaction() as tx:
        cases = tx.open_offers()
        market = rules.market(tx)
        gone = [(case, quote) for case in cases for quote in refused_quotes(case, market)]
        for case, quote in gone:
            take_back(case, quote, REFUSED)
        keep(tx, [case for case in cases if case.events])
    return len(gone)
