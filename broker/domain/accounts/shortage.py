"""What facts tell of places: which would have done for a job, and why they could not be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple, TypeAlias

from broker.domain.accounts.said import part, when
from broker.domain.market import bought_as, told_place
from broker.domain.workload import SpotUse

_Place: TypeAlias = tuple[str, str, str]
_WORDS: Final = ("provider", "region", "sku", "purchase")
_HOLDERS: Final = frozenset({"holder", "holder_via"})


class Cause(StrEnum):
    """What a second of waiting was lost to."""

    WINDOW = "window"
    """The holder was asked, and had not decided."""
    HOLDER_DEFAULT = "holder_default"
    """The holder had accepted what it never delivered."""
    CAPACITY = "capacity"
    """Who might have supplied it had no room."""
    QUOTA = "quota"
    """Who might have supplied it had room, and gives this account no more."""
    BUDGET = "budget"
    """No place that would do costs as little as the job may pay."""
    PROVISIONING = "provisioning"
    """Bought, and its machine was not there yet."""
    OUTAGE = "outage"
    """The broker itself was away."""
    LINE = "line"
    """Nobody was asked: its turn had not come, or a trouble of ours kept a place closed."""


def figures(split: Mapping[Cause, timedelta]) -> dict[str, float]:
    """Seconds by cause, every cause named, to the microsecond."""
    return {cause.value: split.get(cause, timedelta()).total_seconds() for cause in Cause}


NO_FIT: Final = {"over_quota": Cause.QUOTA, "not_economic": Cause.BUDGET}
"""What a refusal is put down to, by its reason; every other one is want of capacity."""


class Need(NamedTuple):
    """As much of a job as decides which places would do."""

    accelerators: tuple[str, ...]
    gpus: int
    cpus: float
    memory_gib: float
    regions: tuple[str, ...]
    exclude: tuple[str, ...]
    limit: Decimal | None
    spot: SpotUse = SpotUse.NEVER


class _Listed(NamedTuple):
    place: _Place
    holder: bool
    price: Decimal
    row: Any


class _Fit(NamedTuple):
    holder: tuple[_Place, ...]
    others: tuple[_Place, ...]
    too_dear: bool
    """Whether places would do, and all of them cost more than the limit."""


class _No(NamedTuple):
    reason: str
    until: datetime


class Shortage:
    """Hears of prices and refusals; bounded by the places there are and the needs met."""

    _NEEDS_KEPT: Final = 4096

    def __init__(self) -> None:
        self._listed: list[_Listed] = []
        self._no: dict[_Place, _No] = {}
        self._fits: dict[Need, _Fit] = {}

    def listed(self, said: Any) -> None:  # noqa: ANN401
        self._fits.clear()
        self._listed = [
            _Listed(
                told_place(row),
                row["kind"] in _HOLDERS,
                Decimal(row["price_usd_hour"]),
                row,
            )
            for row in said.pools
        ]

    def refused(self, said: Any) -> None:  # noqa: ANN401
        place = told_place({name: getattr(said, name, None) for name in _WORDS})
        self._no[place] = _No(said.reason, when(said.valid_until))

    def cause(self, need: Need, since: datetime, *, released: bool) -> Cause | None:
        """Why a unit that nobody was asked for since then had no place; None: not known."""
        fit = self._fits.get(need) or self._fit(need)
        if fit.too_dear:
            return Cause.BUDGET
        places = fit.others if released else fit.holder or fit.others
        reasons = self._stood(places, since)
        if len(reasons) < len(places) or not reasons:
            return None
        return Cause.QUOTA if set(reasons) == {"over_quota"} else Cause.CAPACITY

    def _stood(self, places: Iterable[_Place], since: datetime) -> Sequence[str]:
        """The reasons of those places that stood refused at some time since then."""
        told = (self._no.get(place) for place in places)
        return [no.reason for no in told if no is not None and no.until > since]

    def _fit(self, need: Need) -> _Fit:
        if len(self._fits) >= self._NEEDS_KEPT:
            self._fits.clear()
        do = [one for one in self._listed if _would_do(one, need)]
        paid = [one for one in do if need.limit is None or one.price <= need.limit]
        fit = self._fits[need] = _Fit(
            holder=tuple(one.place for one in paid if one.holder),
            others=tuple(one.place for one in paid if not one.holder),
            too_dear=bool(do) and not paid,
        )
        return fit


def need_of(said: Any) -> Need:  # noqa: ANN401
    """What a `JobSubmitted` asks for."""
    shape, terms = said.shape, said.terms
    limit = part(terms, "price_usd_hour")
    return Need(
        accelerators=tuple(part(shape, "accelerators") or ()),
        gpus=part(shape, "gpus"),
        cpus=part(shape, "cpus"),
        memory_gib=part(shape, "memory_gib"),
        regions=tuple(part(terms, "regions") or ()),
        exclude=tuple(said.exclude),
        limit=None if limit is None else Decimal(limit),
        spot=SpotUse(getattr(said, "spot", SpotUse.NEVER)),
    )


def amended_need(need: Need, said: Any) -> Need:  # noqa: ANN401
    """What a job asks for since a `JobAmended`."""
    limit = part(said.terms, "price_usd_hour")
    return need._replace(
        regions=tuple(part(said.terms, "regions") or ()),
        exclude=tuple(said.exclude),
        limit=None if limit is None else Decimal(limit),
        spot=SpotUse(getattr(said, "spot", need.spot)),
    )


def _would_do(one: _Listed, need: Need) -> bool:
    row, (provider, region, _) = one.row, one.place
    return (
        provider not in need.exclude
        and need.spot.takes(bought_as(row))
        and row["gpus"] >= need.gpus
        and row["cpus"] >= need.cpus
        and row["memory_gib"] >= need.memory_gib
        and (not need.accelerators or row["accelerator"] in need.accelerators)
        and (not need.regions or any(fnmatchcase(region, name) for name in need.regions))
    )
