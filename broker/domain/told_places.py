"""What facts tell of the places that were not asked, and what would have opened them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from broker.domain.advice import Thought
from broker.domain.agreement import Edition
from broker.domain.chain import Fact
from broker.domain.considered import Considered, Sought, considered, what_would_change
from broker.domain.explanation import NotAsked
from broker.domain.market import told_place
from broker.domain.place import told_around
from broker.domain.price_list import read_listed
from broker.domain.retelling import Retelling
from broker.domain.told_records import ReadEdition
from broker.domain.values import ProviderName, Usd, decimal_text, instant, usd
from broker.domain.workload import Limits, Shape, SpotUse, WorkClass

_NOTHING: frozenset[str] = frozenset()


class Elsewhere(NamedTuple):
    """What the agreement and the price list say beside what was asked."""

    places: tuple[NotAsked, ...] = ()
    """Those big enough that no fact of the job names."""
    would_change: tuple[str, ...] = ()
    contested: str = ""
    """What the job's class is read as while it is in dispute."""


def edition_recorded(told: Retelling, fact: Fact) -> None:
    told.meet_holder(fact.data)
    told.records.edition_recorded(fact)


def prices_listed(told: Retelling, fact: Fact) -> None:
    told.price_lists[fact.data["list_id"]] = fact


def on_record(told: Retelling, fact: Fact) -> None:
    told.records.said.append(fact)


def advised(told: Retelling, fact: Fact) -> None:
    """Keep it for the purchases that name it, and for the rows of the places not asked."""
    said = fact.data
    told.advice[said["advice"]] = fact
    told.thought[told_place(said)] = thought(said)


def thought(said: Mapping[str, Any]) -> str:
    because = f" ({said['because']})" if said["because"] else ""
    return f"{Thought(said['thought']).words} as of {said['as_of']}{because}"


def elsewhere(told: Retelling, read_edition: ReadEdition) -> Elsewhere:
    """The places that were not asked, what would have opened more, and how the class is read."""
    submitted, prices = told.submitted, _prices(told)
    if submitted is None:
        return Elsewhere()
    at = instant(told.rows[-1].at if told.rows else submitted.at)
    sought, agreement = _sought(submitted.data), submitted.data["agreement"]
    edition = told.records.edition(agreement, at, read_edition)
    contested = _contested(edition, sought, at)
    if prices is None:
        return Elsewhere(contested=contested)
    register, tenant = told.records.register(agreement, at), submitted.data["tenant"]
    attested = register.attested_in(edition) if edition else _NOTHING
    barred = register.barred(tenant, at, edition) if edition else _NOTHING
    pools = read_listed(prices.data["pools"])
    places = considered(sought, pools, edition, at, attested, barred)
    asked = {(row.provider, row.region, row.sku) for row in told.rows}
    paid = [usd(row.price_usd_hour) for row in told.bought() if row.price_usd_hour]
    told.positions.append(prices.position)
    rows = tuple(
        NotAsked(
            provider=one.pool.place.provider.value,
            region=one.pool.place.region,
            sku=one.pool.place.sold,
            price_usd_hour=decimal_text(one.pool.price_usd_hour),
            priced_at=one.pool.priced_at,
            verdict=one.verdict,
            clause=one.clause,
            because=_why(one, told, max(paid, default=None), tenant),
        )
        for one in places
        if (one.pool.place.provider.value, one.pool.place.region, one.pool.place.sold) not in asked
    )
    return Elsewhere(rows, what_would_change(sought, places), contested)


def _contested(edition: Edition | None, sought: Sought, at: datetime) -> str:
    said = edition.dispute(sought.work_class, at) if edition else None
    if edition is None or said is None:
        return ""
    read = f"{sought.work_class} is in dispute and read as {said.treat_as}, the strictest reading"
    return f"{read}: {said.id} of {edition.agreement} {edition.id}"


def _why(one: Considered, told: Retelling, paid: Usd | None, tenant: str) -> str:
    place = one.pool.place
    why = _why_not(one, told, paid, tenant)
    thought_of = told.thought.get((place.provider.value, place.region, place.sold), "")
    return why if not thought_of or thought_of in why else f"{why}; {thought_of}"


def _why_not(one: Considered, told: Retelling, paid: Usd | None, tenant: str) -> str:
    if why := _ruled_out(one, tenant):
        return why
    shut = (told.shut.get(around) for around in told_around(one.pool.place))
    if closed := next((said for said in shut if said), None):
        return closed
    if paid is not None and one.pool.price_usd_hour >= paid:
        more = one.pool.price_usd_hour - paid
        return f"{decimal_text(more)} $/h dearer" if more else "no cheaper"
    if any(row.basis == "acceptance" for row in told.bought()):
        return "the holder was asked first and took the units"
    return "its turn never came" if told.end else "its turn has not come"


def _ruled_out(one: Considered, tenant: str) -> str:
    if one.barred:
        return f"{one.pool.place.provider} is in the conflict set of {tenant}"
    if one.left_out:
        return f"{one.left_out} leaves it out"
    return one.because if one.reads_as == "forbid" else ""


def _prices(told: Retelling) -> Fact | None:
    """The list that the last purchase names, or else the last one that was recorded."""
    named = told.price_lists.get(told.list_id)
    return named or next(reversed(told.price_lists.values()), None)


def _sought(data: Mapping[str, Any]) -> Sought:
    shape, terms = data["shape"], data["terms"]
    price = terms["price_usd_hour"]
    return Sought(
        work_class=WorkClass(data["class"]),
        tags=frozenset(data["tags"]),
        shape=Shape(
            accelerators=tuple(shape["accelerators"]),
            gpus=shape["gpus"],
            cpus=shape["cpus"],
            memory_gib=shape["memory_gib"],
        ),
        limits=Limits(
            regions=tuple(terms["regions"] or ()),
            exclude=tuple(map(ProviderName, data["exclude"])),
            max_price_usd_hour=None if price is None else usd(price),
            spot=SpotUse(data.get("spot") or SpotUse.NEVER),
        ),
    )
