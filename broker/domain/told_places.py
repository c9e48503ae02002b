"""What facts tell of the places that were not asked, and what would have opened them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from broker.domain.advice import Thought
from broker.domain.agreement import Edition
from broker.domain.chain import Fact
from broker.domain.considered import Considered, Sought, considered, what_would_change
from broker.domain.explanation import NotAsked
from broker.domain.market import told_place
from broker.domain.place import told_around
from broker.domain.price_list import read_listed
from broker.domain.retelling import Retelling
from broker.domain.values import ProviderName, Usd, decimal_text, instant, usd
from broker.domain.workload import Limits, Shape, SpotUse, WorkClass

ReadEdition: TypeAlias = Callable[[Mapping[str, Any]], Edition]


def edition_recorded(told: Retelling, fact: Fact) -> None:
    told.meet_holder(fact.data)
    told.editions[fact.data["agreement"], fact.data["edition"]] = fact.data


def prices_listed(told: Retelling, fact: Fact) -> None:
    told.price_lists[fact.data["list_id"]] = fact


def advised(told: Retelling, fact: Fact) -> None:
    """Keep it for the purchases that name it, and for the rows of the places not asked."""
    said = fact.data
    told.advice[said["advice"]] = fact
    told.thought[told_place(said)] = thought(said)


def thought(said: Mapping[str, Any]) -> str:
    because = f" ({said['because']})" if said["because"] else ""
    return f"{Thought(said['thought']).words} as of {said['as_of']}{because}"


def attested(told: Retelling, fact: Fact) -> None:
    told.attested.add(fact.data["condition"])


def not_asked(
    told: Retelling, read_edition: ReadEdition
) -> tuple[tuple[NotAsked, ...], tuple[str, ...]]:
    """The places big enough that no fact of the job names; and what would have opened more."""
    submitted, prices = told.submitted, _prices(told)
    if submitted is None or prices is None:
        return (), ()
    at = instant(told.rows[-1].at if told.rows else submitted.at)
    sought = _sought(submitted.data)
    edition = _edition(told, submitted.data["agreement"], at, read_edition)
    places = considered(
        sought, read_listed(prices.data["pools"]), edition, at, frozenset(told.attested)
    )
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
            because=_why(one, told, max(paid, default=None)),
        )
        for one in places
        if (one.pool.place.provider.value, one.pool.place.region, one.pool.place.sold) not in asked
    )
    return rows, what_would_change(sought, places)


def _why(one: Considered, told: Retelling, paid: Usd | None) -> str:
    place = one.pool.place
    why = _why_not(one, told, paid)
    thought_of = told.thought.get((place.provider.value, place.region, place.sold), "")
    return why if not thought_of or thought_of in why else f"{why}; {thought_of}"


def _why_not(one: Considered, told: Retelling, paid: Usd | None) -> str:
    place = one.pool.place
    if one.left_out:
        return f"{one.left_out} leaves it out"
    if one.verdict == "forbid":
        return one.because
    shut = (told.shut.get(around) for around in told_around(place))
    if why := next((why for why in shut if why), None):
        return why
    if paid is not None and one.pool.price_usd_hour >= paid:
        more = one.pool.price_usd_hour - paid
        return f"{decimal_text(more)} $/h dearer" if more else "no cheaper"
    if any(row.basis == "acceptance" for row in told.bought()):
        return "the holder was asked first and took the units"
    return "its turn never came" if told.end else "its turn has not come"


def _prices(told: Retelling) -> Fact | None:
    """The list that the last purchase names, or else the last one that was recorded."""
    named = told.price_lists.get(told.list_id)
    return named or next(reversed(told.price_lists.values()), None)


def _edition(
    told: Retelling, agreement: str, at: datetime, read_edition: ReadEdition
) -> Edition | None:
    editions = (read_edition(doc) for (name, _), doc in told.editions.items() if name == agreement)
    return next((edition for edition in editions if edition.runs_at(at)), None)


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
