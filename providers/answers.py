"""What the answers of all clouds have in common."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

from broker.domain.values import RefusalReason
from broker.ports import Order, Outcome, Refused


def never_sent(failure: BaseException) -> bool:
    """True only if no connection was made: refused, or a name that leads nowhere.

    The SDKs wrap the cause several times over; it is looked for at the bottom.
    """
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError | socket.gaierror):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def in_domain(outcome: Outcome, order: Order, domains: int) -> Outcome:
    """A refusal by one of several domains says how many there are after it."""
    if order.domain is None or not isinstance(outcome, Refused):
        return outcome
    return replace(outcome, domains_left=max(domains - 1 - order.domain, 0))


def only_domain(domains: Sequence[str], order: Order) -> tuple[str, ...]:
    """The domains that may be asked: all, or the one that the order must be in."""
    if order.domain is None:
        return tuple(domains)
    return tuple(domains[order.domain : order.domain + 1])


def of_the_region(refusals: Sequence[Refused]) -> Refused:
    """What a region says whose every zone has refused.

    A shortage in one zone speaks for the region; a zone without the machine type says less.
    """
    shortages = (one for one in refusals if one.reason is RefusalReason.NO_CAPACITY)
    return next(shortages, refusals[-1])
