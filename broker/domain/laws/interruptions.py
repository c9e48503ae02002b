"""The law of interruptions: who may have a machine that is taken back, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.domain.chain import Fact
from broker.domain.laws.book import Book, Job, Unit
from broker.domain.laws.law import Breach, Law
from broker.domain.laws.registers import optional_instant
from broker.domain.market import bought_as
from broker.domain.values import Purchase
from broker.domain.workload import SpotUse

_COMMITS: Final = frozenset({"ThirdPartyCommitted", "HolderCommitted"})
_SPOT: Final = f" {Purchase.SPOT.value}"


class Interruptions(Law):
    number = "I36"
    text = (
        "Only a job that says so gets a machine that can be taken back; only such a one is; its "
        "unit starts again as often as the job bears, under the same release or a new offer."
    )
    guards = "agreement 3.3, interruptible; T22"
    sees = _COMMITS | {"InterruptionNoticed", "LeaseActivated", "LeaseEnded", "UnitsReleased"}

    def see(self, fact: Fact, book: Book) -> Iterator[Breach]:
        job = book.job_of(fact)
        if job is None:
            return
        match fact.type:
            case "UnitsReleased":
                wrong = _not_again(fact, book) if fact.data.get("again") else None
            case "LeaseActivated":
                wrong = _too_often(fact, job)
            case "LeaseEnded" if fact.data["cause"] != "preempted":
                wrong = None
            case "LeaseEnded" | "InterruptionNoticed":
                wrong = _no_spot(fact, job)
            case _:
                wrong = _unasked(fact, job)
        if wrong:
            yield self.breach(wrong, fact.position)


def _unasked(fact: Fact, job: Job) -> str | None:
    purchase = bought_as(fact.data)
    if not SpotUse(job.spot).takes(purchase):
        return f"a machine is bought {purchase.value} for a job that says {job.spot!r} to spot"
    if purchase is Purchase.SPOT and not fact.data["terms"]["interruptible"]:
        return "a machine is bought on spot, and its terms do not say that it is interruptible"
    return None


def _no_spot(fact: Fact, job: Job) -> str | None:
    unit = job.unit_of(fact)
    if unit is None or not unit.live or unit.epoch != fact.data["epoch"]:
        if fact.type == "LeaseEnded":
            return None  # fenced before; I5 watches the leases
        return f"an interruption is noticed of unit {fact.data['unit']}, which has no such lease"
    made = unit.commitment
    if made is not None and not made.sold.endswith(_SPOT):
        return f"unit {unit.index} is taken back, and was not bought on spot"
    return None


def _too_often(fact: Fact, job: Job) -> str | None:
    unit = job.unit_of(fact)
    if unit is None or job.borne is None:
        return None
    units = job.units.values() if job.gang else (unit,)
    often = sum(one.preempted for one in units)
    if often <= job.borne:
        return None
    return f"unit {unit.index} starts again after {often} preemptions, and {job.borne} are borne"


def _not_again(fact: Fact, book: Book) -> str | None:
    """Units go back under a release only where they were bought under it, and before its tail."""
    units: list[Unit] = list(book.units_of(fact))
    until = optional_instant(fact.data["tail_until"])
    for unit in units:
        spent = unit.spent
        if spent is None or not unit.epoch:
            return f"unit {unit.index} is released again, and was never placed under a release"
        offer = spent.offer.id if spent.offer else None
        if (spent.basis, offer, spent.tail_until) != (
            fact.data["basis"],
            fact.data["offer"],
            until,
        ):
            return f"unit {unit.index} is released again otherwise than it was"
        if until is not None and book.now >= until:
            return f"unit {unit.index} is released again after the tail"
    return None
