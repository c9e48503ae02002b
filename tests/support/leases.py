"""An agreement under which leases elsewhere have a term, and may be asked back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from broker.agreements.registry import agreements
from broker.domain.agreement import Agreement
from broker.domain.machine import RunState
from broker.domain.offer import Desk
from broker.domain.values import JobId, ProviderName, RefusalReason, usd
from broker.steps.record import record_prices
from broker.steps.said import AnswerKind
from tests.support.broker import AWS, EAST, GCP, Broker, a_broker, a_gang, work
from tests.support.editions import SHIPPED

_FILE: Final = "azure-first-refusal.yaml"
TERM: Final = "lease: {term: P1D, renew_before: PT5H}"
NOTICE: Final = "reclaim: {notice: PT10M, checkpointable_only: true}"
TERM_S: Final = 86_400
RENEW_BEFORE_S: Final = 5 * 3600
NOTICE_S: Final = 600


def an_agreement(*more: tuple[str, str], lease: str = TERM, reclaim: str = NOTICE) -> Agreement:
    """The shipped first refusal, with these two fields in its right, and more words changed."""
    text = SHIPPED[_FILE].replace("reclaim: none", f"{reclaim}\n      {lease}".rstrip())
    for shipped, said in more:
        assert shipped in text
        text = text.replace(shipped, said)
    (known,) = agreements({_FILE: text}).values()
    return known


@contextmanager
def a_spilled_job(
    units: int = 1, *, gang: bool = False, agreement: Agreement | None = None
) -> Iterator[tuple[Broker, JobId]]:
    """It runs at a third party, under a term, and the holder has room again by then."""
    stock = {EAST: 0, AWS: 9, GCP: 9}
    with a_broker(stock, agreement=agreement or an_agreement(), desk=Desk.PERSON) as broker:
        (job,) = broker.placed(a_gang(units) if gang else work(units=units))
        refuse(broker, job)
        broker.wait(60)
        assert broker.active(job)
        for unit in range(units):
            broker.report(broker.machine(job, unit), RunState.RUNNING)
        broker.clouds[ProviderName.AZURE].stock[EAST] = 9
        yield broker, job


def refuse(broker: Broker, job: JobId) -> None:
    broker.answer(job, AnswerKind.REFUSE, reason=RefusalReason.NO_CAPACITY)
    broker.settle()


def until_it_is_due(broker: Broker, job: JobId) -> None:
    """Until the renewal of its leases is sought."""
    term = broker.job(job).units[0].term
    assert term is not None
    broker.until(term.renew_at)
    broker.settle()


def to_the_renewal(broker: Broker, job: JobId) -> None:
    """Until the holder is asked again."""
    until_it_is_due(broker, job)
    offer = broker.offer(job)
    assert (offer.scope, offer.state) == ("renewal", "sent")
    assert broker.states(job) == ["active"] * len(broker.job(job).units)


def at_prices(broker: Broker, **prices: str) -> None:
    """From now on the clouds list their machines at these prices."""
    dearer = tuple(
        replace(pool, price_usd_hour=usd(prices.get(pool.place.provider, pool.price_usd_hour)))
        for pool in broker.rules.pools
    )
    broker.rules = replace(broker.rules, pools=dearer, memo={}, fitting={})
    record_prices(broker.store, dearer)
