"""Which of the machines just claimed no cap lets anybody ask for: looked at before every launch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.domain.caps import Caps, Purse
from broker.domain.machine import Machine
from broker.domain.place import Reach
from broker.domain.values import MachineName
from broker.ports import Fault, FaultKind, Transaction
from broker.steps.asking import first

CODE: Final = "spend_cap"


def over_caps(tx: Transaction, caps: Caps, claimed: Iterable[Machine]) -> dict[MachineName, Fault]:
    """A fault for each first claim that would pass a cap; the others are counted in, one by one.

    A cloud's cap sends third-party orders elsewhere, and leaves a holder's offer as it is. One of
    all or of a tenant holds the machine where it is: it would be no cheaper elsewhere.
    """
    fresh = [machine for machine in claimed if first(machine)]
    if not fresh:
        return {}
    tenants = tx.tenants({machine.job for machine in fresh})
    purse = Purse(caps, tx.spending(hold=True, without={machine.name for machine in fresh}))
    over: dict[MachineName, Fault] = {}
    for machine in fresh:
        cloud = machine.place.provider
        passed = purse.take(cloud, tenants[machine.job], machine.price_usd_hour)
        if passed is not None:
            reach = Reach.CLOUD if passed.cloud is not None else Reach.PLACE
            over[machine.name] = Fault(FaultKind.SPEND_CAP, CODE, passed.because, reach=reach)
    return over
