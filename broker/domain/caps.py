"""Spend caps: how much may be spent by the hour and in total, in all, at a cloud, by a tenant.

A cap is looked at before a machine is launched; what runs is never ended for it. It counts every
machine that a cloud was asked for, leased or not, at its list price, from the instant it was up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from broker.domain.draw import MICROSECOND, cost
from broker.domain.machine import Machine, MachineState
from broker.domain.values import ProviderName, Usd, decimal_text, usd

_NOTHING: Final = Usd(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """None is no cap."""

    usd_hour: Usd | None = None
    """The list prices of all machines at once."""
    usd_total: Usd | None = None
    """What was spent since the broker's first machine, and an hour of the next one."""


class Spend(NamedTuple):
    usd_hour: Usd = _NOTHING
    """The list prices of the machines that were asked for and are not gone."""
    usd_total: Usd = _NOTHING
    """What they have cost so far, with those that are gone."""

    def and_(self, other: Spend) -> Spend:
        return Spend(self.usd_hour + other.usd_hour, self.usd_total + other.usd_total)


def spend_of(machine: Machine, now: datetime) -> Spend:
    """What a machine that is not over stands for; one that nobody asked for yet, for nothing."""
    if machine.state.over or (machine.state is MachineState.WANTED and machine.tries == 0):
        return Spend()
    up_us = 0 if machine.up_at is None else (now - machine.up_at) // MICROSECOND
    return Spend(machine.price_usd_hour, cost(machine.price_usd_hour, up_us))


Spending: TypeAlias = Mapping[tuple[ProviderName, str], Spend]
"""What each tenant spends at each cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    overall: Cap = Cap()
    by_cloud: Mapping[ProviderName, Cap] = field(default_factory=dict)
    by_tenant: Mapping[str, Cap] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.by_cloud or self.by_tenant) or self.overall != Cap()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One cap, and what stands against it."""

    whose: str
    """`all`, `cloud aws` or `tenant research`."""
    cap: Cap
    spend: Spend

    def passed_by(self, price_usd_hour: Usd) -> str | None:
        """Why one more machine of this price would pass the cap, as one sentence; or None."""
        hour, total = self.cap.usd_hour, self.cap.usd_total
        if hour is not None and self.spend.usd_hour + price_usd_hour > hour:
            return (
                f"the spend cap of {self.whose} is {_amount(hour)} USD an hour; "
                f"{_amount(self.spend.usd_hour)} are being spent and this machine costs "
                f"{_amount(price_usd_hour)}: raise the cap or wait"
            )
        if total is not None and self.spend.usd_total + price_usd_hour > total:
            return (
                f"the spend cap of {self.whose} is {_amount(total)} USD in total, and "
                f"{_amount(self.spend.usd_total)} are spent: raise the cap"
            )
        return None

    def used_up(self) -> str | None:
        """Why no machine of any price is within the cap, as one sentence; or None."""
        hour, total = self.cap.usd_hour, self.cap.usd_total
        if hour is not None and self.spend.usd_hour >= hour:
            return (
                f"the spend cap of {self.whose} is {_amount(hour)} USD an hour, and "
                f"{_amount(self.spend.usd_hour)} are being spent: raise the cap or wait"
            )
        if total is not None and self.spend.usd_total >= total:
            return self.passed_by(_NOTHING) or (
                f"the spend cap of {self.whose} is {_amount(total)} USD in total, and all is "
                "spent: raise the cap"
            )
        return None


class Passed(NamedTuple):
    """A cap that one more machine would pass."""

    because: str
    """As one sentence, with what to do."""
    cloud: ProviderName | None
    """The cloud whose cap it is; None: it binds at every cloud alike."""


class Purse:
    """What may still be bought. It counts along with what is taken from it."""

    def __init__(self, caps: Caps, spending: Spending = MappingProxyType({})) -> None:
        self._caps, self._spending = caps, dict(spending)

    def take(self, provider: ProviderName, tenant: str, price_usd_hour: Usd) -> Passed | None:
        """Count one machine in; or say which cap forbids it, and count nothing."""
        why = self.why_not(provider, tenant, price_usd_hour)
        if why is None:
            key, more = (provider, tenant), Spend(price_usd_hour, _NOTHING)
            self._spending[key] = self._spending.get(key, Spend()).and_(more)
        return why

    def why_not(self, provider: ProviderName, tenant: str, price_usd_hour: Usd) -> Passed | None:
        """The first cap that one more machine would pass; one that binds everywhere comes first."""
        standing = {one.whose: one for one in self.standing()}
        for whose in ("all", f"tenant {tenant}", f"cloud {provider}"):
            if whose in standing and (why := standing[whose].passed_by(price_usd_hour)):
                return Passed(why, provider if whose.startswith("cloud ") else None)
        return None

    def used_up(self, tenant: str) -> str | None:
        """Why nothing more may be bought for a tenant, wherever it is; or None."""
        for standing in self.standing():
            if standing.whose in ("all", f"tenant {tenant}") and (why := standing.used_up()):
                return why
        return None

    def standing(self) -> Iterator[Standing]:
        """Every cap there is with what stands against it."""
        caps = self._caps
        if caps.overall != Cap():
            yield Standing(whose="all", cap=caps.overall, spend=self._sum())
        for provider, cap in caps.by_cloud.items():
            yield Standing(whose=f"cloud {provider}", cap=cap, spend=self._sum(provider=provider))
        for tenant, cap in caps.by_tenant.items():
            yield Standing(whose=f"tenant {tenant}", cap=cap, spend=self._sum(tenant=tenant))

    def _sum(self, provider: ProviderName | None = None, tenant: str | None = None) -> Spend:
        total = Spend()
        for (cloud, who), spend in self._spending.items():
            if provider in (None, cloud) and tenant in (None, who):
                total = total.and_(spend)
        return total


def _amount(amount: Usd) -> str:
    return decimal_text(usd(amount))
