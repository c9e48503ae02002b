"""What is spent, and the caps it is held to. Amounts are US dollars, as decimal texts."""

from __future__ import annotations

from broker.wire.strict import Seen


class SpendView(Seen):
    provider: str
    tenant: str
    usd_hour: str
    """The list prices of the machines that were asked for and are not gone."""
    usd_total: str
    """What machines have cost, those that are gone included."""


class CapView(Seen):
    whose: str
    """`all`, `cloud aws` or `tenant research`."""
    usd_hour: str
    usd_total: str
    cap_usd_hour: str | None
    cap_usd_total: str | None
    used_up: str | None
    """Why nothing more may be bought under it, if so."""


class SpendingView(Seen):
    items: tuple[SpendView, ...]
    caps: tuple[CapView, ...]
