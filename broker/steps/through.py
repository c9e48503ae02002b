"""By way of another: the pools of others' that a holder may deliver from, as its edition says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from broker.domain.agreement import Edition
from broker.domain.altered import altered
from broker.domain.clause import PoolView
from broker.domain.market import Pool, PoolKind
from broker.domain.offer import Offer
from broker.domain.ranking import ranked
from broker.domain.register import Register, as_it_stands
from broker.domain.verdict import AllowedBy, VerdictKind, verdict
from broker.domain.workload import Workload
from broker.ports import Lock, Store, Transaction
from broker.steps.rulebook import Rulebook


def through(
    via: str, work: Workload, offer: Offer, tx: Transaction, rules: Rulebook
) -> tuple[Pool, ...]:
    """The pools of one name, the cheapest first; none where the edition does not open it.

    The consents on record count as they stand now, and nobody changes them before the transaction
    ends.
    """
    register = tx.registers([offer.agreement], Lock.READ)[offer.agreement]
    return tuple(_open(via, work, offer, register, rules, tx.now))


def ways(offer: Offer, work: Workload, store: Store, rules: Rulebook) -> tuple[Pool, ...]:
    """Every pool that the holder could name in its acceptance now beside its own."""
    if not rules.via_pools:
        return ()
    with store.transaction() as tx:
        register, now = tx.registers([offer.agreement])[offer.agreement], tx.now
    names = sorted(rules.via_pools)
    return tuple(pool for via in names for pool in _open(via, work, offer, register, rules, now))


def _open(
    via: str, work: Workload, offer: Offer, register: Register, rules: Rulebook, at: datetime
) -> Iterator[Pool]:
    edition = _edition(offer, register, rules)
    provider = rules.via_pools.get(via)
    if edition is None or provider is None or via not in edition.holder.fulfil_via:
        return
    said = verdict(
        edition,
        work.work_class,
        frozenset(work.tags),
        PoolView(via, PoolKind.HOLDER_VIA),
        offer.scope,
        at,
        register.attested_in(edition),
    )
    if said.reads_as is VerdictKind.VIA_HOLDER or said.basis is AllowedBy.CONSENT:
        fitting = (p for p in rules.pools if p.fits(work.shape) and p.within(work.limits))
        yield from ranked(altered(p, via=via) for p in fitting if p.place.provider is provider)


def _edition(offer: Offer, register: Register, rules: Rulebook) -> Edition | None:
    """That of the offer, with what stands on record beside it."""
    rules.adopt(register)
    agreement = rules.agreement(offer.agreement)
    edition = agreement.edition(offer.edition) if agreement else None
    return as_it_stands(edition, register) if edition else None
