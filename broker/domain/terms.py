"""What is offered to a supplier, and the order "no better terms for the third party".

The grantor buys and the suppliers sell, so better terms for a rival are a higher price, a later
date, a wider choice or a looser machine (design rule 3.3). The order is partial: terms that are
better in one component and worse in another cannot be compared, and need a new notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from broker.domain.altered import made_at_once
from broker.domain.values import Usd


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a notice, a release's ceiling and a commitment. None: does not apply."""

    accelerators: tuple[str, ...] | None
    """Any of these; None is any."""
    gpus_per_unit: int
    regions: tuple[str, ...] | None
    """Names or shell patterns; None is anywhere."""
    price_usd_hour: Usd | None
    """For one unit."""
    start_by: datetime | None = None
    duration_s: int | None = None
    provision_by: datetime | None = None
    chunk: int = 1
    interruptible: bool = False
    prepay_usd: Usd | None = None
    min_term_s: int | None = None

    def compared(self) -> tuple[object, ...]:
        """All that "no better terms" is decided by; equal here is equal there."""
        return (
            self.accelerators,
            self.gpus_per_unit,
            self.regions,
            self.price_usd_hour,
            self.start_by,
            self.provision_by,
            self.chunk,
            self.interruptible,
            self.prepay_usd,
            self.min_term_s,
        )

    def priced(self, price: Usd | None) -> Terms:
        """The same terms at another price."""
        return self.narrowed(self.accelerators, self.regions, price, self.interruptible)

    def narrowed(
        self,
        accelerators: tuple[str, ...] | None,
        regions: tuple[str, ...] | None,
        price: Usd | None,
        interruptible: bool,  # noqa: FBT001 - a term like the others
    ) -> Terms:
        """The same terms for these accelerators and regions, at a price, to be kept or not."""
        return Terms(
            accelerators=accelerators,
            gpus_per_unit=self.gpus_per_unit,
            regions=regions,
            price_usd_hour=price,
            start_by=self.start_by,
            duration_s=self.duration_s,
            provision_by=self.provision_by,
            chunk=self.chunk,
            interruptible=interruptible,
            prepay_usd=self.prepay_usd,
            min_term_s=self.min_term_s,
        )


def better_for_supplier(noticed: Terms, committed: Terms, tolerance: Decimal) -> str | None:
    """The component in which the committed terms are better for a rival than what was noticed.

    None when they are no better in any. `tolerance` is a share of the price, 0 for none.
    """
    tests = (
        ("price_usd_hour", _dearer(noticed, committed, tolerance)),
        ("accelerators", not _within(committed.accelerators, noticed.accelerators)),
        ("gpus_per_unit", committed.gpus_per_unit < noticed.gpus_per_unit),
        ("regions", not _within(committed.regions, noticed.regions)),
        ("start_by", _later(noticed.start_by, committed.start_by)),
        ("provision_by", _later(noticed.provision_by, committed.provision_by)),
        ("chunk", committed.chunk < noticed.chunk),
        ("interruptible", committed.interruptible and not noticed.interruptible),
        ("prepay_usd", (committed.prepay_usd or 0) > (noticed.prepay_usd or 0)),
        ("min_term_s", (committed.min_term_s or 0) > (noticed.min_term_s or 0)),
    )
    return next((name for name, better in tests if better), None)


def _dearer(noticed: Terms, committed: Terms, tolerance: Decimal) -> bool:
    if noticed.price_usd_hour is None:
        return False
    if committed.price_usd_hour is None:
        return True
    return committed.price_usd_hour > noticed.price_usd_hour * (1 + tolerance)


def _within(narrow: tuple[str, ...] | None, wide: tuple[str, ...] | None) -> bool:
    if wide is None:
        return True
    if narrow is None:
        return False
    return all(any(fnmatchcase(name, pattern) for pattern in wide) for name in narrow)


def _later(noticed: datetime | None, committed: datetime | None) -> bool:
    if noticed is None:
        return False
    return committed is None or committed > noticed
