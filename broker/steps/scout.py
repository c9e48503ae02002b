"""Look into places before they are asked: read-only, in parallel, and only ever advice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Final

from broker.domain.advice import GOOD_FOR, AdviceId
from broker.domain.events import PlaceAdvised
from broker.domain.market import Advice, Advised, Place
from broker.domain.places import advice_stream
from broker.domain.values import ProviderName
from broker.ports import Scout, Store, Transaction
from broker.steps.rulebook import Rulebook

FRESH: Final = timedelta(minutes=1)
"""How old advice may be about a place that somebody is waiting for."""
STALE: Final = timedelta(minutes=15)
"""How old it may be about any other place."""
_LINES: Final = 100
"""For how many kinds of work places are looked into at once; the rest finds them looked into."""
_AT_ONCE: Final = 8
_LIMIT_S: Final = 30.0
"""How long one look may take in all; who has not answered by then is not known."""


def look_into(name: ProviderName, scout: Scout, store: Store, rules: Rulebook) -> int:
    """Ask one cloud what it says of the places worth a look; returns how many it told of.

    Those are the places that a job in an open offer could spill to, unless something was heard of
    them within `FRESH`, and every other place of which nothing was heard within `STALE`.
    """
    with store.transaction() as tx:
        since, known = tx.now, tx.advice()
        waited_for = _waited_for(tx, name, rules)
        every = [pool.place for pool in rules.pools if pool.place.provider is name]
    wanted = {*older(known, waited_for, since - FRESH), *older(known, every, since - STALE)}
    if not wanted:
        return 0
    found = list(_gathered(scout, sorted(wanted)))
    with store.transaction() as tx:
        known = tx.advice()
        heard = [_kept(one, known.get(one.place), since) for one in found]
        tx.put_advice(heard)
        for one in heard:
            before = known.get(one.place)
            if one.id is not None and (before is None or before.id != one.id):
                tx.record(advice_stream(one.place), [_told(one)])
    return len(found)


def older(known: Mapping[Place, Advised], places: Sequence[Place], than: datetime) -> list[Place]:
    """Those of the places of which nothing was heard since an instant."""
    return [p for p in places if (heard := known.get(p)) is None or heard.as_of < than]


def _waited_for(tx: Transaction, name: ProviderName, rules: Rulebook) -> list[Place]:
    """The places of a cloud that jobs in open offers leave in by their size and their limits."""
    works = tx.offered(_LINES)
    return [
        pool.place
        for pool in rules.pools
        if pool.place.provider is name
        and any(pool.fits(work.shape) and pool.within(work.limits) for work in works)
    ]


def _gathered(scout: Scout, places: Sequence[Place]) -> Iterator[Advice]:
    """What is learnt within the limit, region by region, several at a time."""
    by_region: defaultdict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_region[place.region].append(place)
    threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"scout-{scout.name}")
    try:
        looks = [threads.submit(_listed, scout, some) for _, some in sorted(by_region.items())]
        for look in wait(looks, _LIMIT_S).done:
            yield from look.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _listed(scout: Scout, places: Sequence[Place]) -> list[Advice]:
    return list(scout.advice(places))


def _kept(heard: Advice, before: Advised | None, as_of: datetime) -> Advised:
    """What is kept of it. Good news needs no record; bad news keeps its name while it lasts.

    It is told anew when it says something else, or when what was told is half over.
    """
    lasts = GOOD_FOR[heard.thought]
    if not heard.thought.adverse:
        return Advised(advice=heard, as_of=as_of)
    if (
        before is not None
        and before.until is not None
        and before.advice.thought is heard.thought
        and before.until > as_of + lasts / 2
    ):
        return Advised(advice=heard, as_of=as_of, id=before.id, until=before.until)
    name = AdviceId(f"advice {heard.place} {as_of:%Y%m%dT%H%M%S%f}".replace(" ", "_"))
    return Advised(advice=heard, as_of=as_of, id=name, until=as_of + lasts)


def _told(heard: Advised) -> PlaceAdvised:
    place, said = heard.place, heard.advice
    assert heard.id is not None and heard.until is not None  # noqa: S101, PT018 - it is told
    return PlaceAdvised(
        advice=heard.id,
        provider=place.provider,
        region=place.region,
        sku=place.sku,
        thought=said.thought,
        units=said.units,
        because=said.because,
        as_of=heard.as_of,
        until=heard.until,
        purchase=place.purchase,
    )
