"""The partial order "no better terms for the third party" (agreement 3.3), over recorded terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final

from broker.domain.values import instant


def better_for_rival(
    noticed: Mapping[str, Any], committed: Mapping[str, Any], tolerance: Decimal
) -> str | None:
    """The first component that is better for a supplier than what the holder saw; None for none.

    Null does not limit: noticed it allows anything, committed it is wider than any limit. For a
    prepayment, a least term, a chunk and interruptibility null is simply none of it. The
    tolerance is a share of the price.
    """
    for name, test in _TESTS.items():
        if test(noticed.get(name), committed.get(name)):
            return name
    limit, price = noticed.get("price_usd_hour"), committed.get("price_usd_hour")
    if limit is not None and (price is None or Decimal(price) > Decimal(limit) * (1 + tolerance)):
        return "price_usd_hour"
    return None


def _wider(noticed: Sequence[str] | None, committed: Sequence[str] | None) -> bool:
    if not noticed:
        return False
    if not committed:
        return True
    return not all(
        name in noticed or any(fnmatchcase(name, pattern) for pattern in noticed)
        for name in committed
    )


def _later(noticed: str | None, committed: str | None) -> bool:
    if noticed is None:
        return False
    return committed is None or instant(committed) > instant(noticed)


def _less(noticed: int | None, committed: int | None) -> bool:
    return (committed or 0) < (noticed or 0)


def _more(noticed: str | int | None, committed: str | int | None) -> bool:
    return Decimal(committed or 0) > Decimal(noticed or 0)


_TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "accelerators": _wider,
    "regions": _wider,
    "start_by": _later,
    "provision_by": _later,
    "gpus_per_unit": _less,
    "chunk": lambda noticed, committed: _less(noticed or 1, committed or 1),
    "interruptible": lambda noticed, committed: bool(committed and not noticed),
    "prepay_usd": _more,
    "min_term_s": _more,
}
"""Each component with the test of whether a supplier is better off (noticed, committed)."""
