"""What one round at a provider learns of its places: once, for all jobs and processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, TypeAlias

from broker.domain import events
from broker.domain.altered import altered
from broker.domain.case import Case
from broker.domain.cool_downs import cleared
from broker.domain.event import Event
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Market, Place, Refusal
from broker.domain.offer import Offer
from broker.domain.place import Reach, area, areas, is_area
from broker.domain.places import PlaceRecord, Trouble, pause_until
from broker.domain.values import RefusalId, RefusalReason
from broker.ports import Fault, FaultKind, Launching, Refused, Running, Transaction
from broker.steps.polling import TROUBLE_RECHECK
from broker.steps.rulebook import Rulebook, refused
from broker.steps.told import Told

PAUSES: Final = frozenset(
    {FaultKind.THROTTLED, FaultKind.AUTH, FaultKind.INVALID, FaultKind.NO_QUOTA}
)
"""Faults that the next call would meet too, whosever it is: one of them asks, the others wait."""


def concerned(
    told: Iterable[tuple[Machine, Told]], records: Mapping[Place, PlaceRecord]
) -> set[Place]:
    """The places and areas that what a round came back with may change."""
    held = set()
    for machine, answer in told:
        held.add(machine.place)
        if isinstance(answer, Refused | Fault):
            held.add(area(machine.place, answer.reach))
        elif isinstance(answer, Launching | Running):
            held |= {one for one in areas(machine.place) if _closed(records.get(one))}
    return held


def _closed(record: PlaceRecord | None) -> bool:
    return record is not None and record.closed is not None


def shut(
    records: Mapping[Place, PlaceRecord], machine: Machine, now: datetime
) -> Refusal | Trouble | None:
    """What keeps this machine's order from being put: an area's word counts for third parties."""
    place, units = machine.place, machine.together
    if bound(machine):
        return refused(records.get(place), now, units)
    for around in areas(place):
        record = records.get(around)
        if found := refused(record, now, units):
            return found
        if record is not None and record.closed is not None and record.closed.lasts(now):
            return record.closed
    return None


def bound(machine: Machine) -> bool:
    """Whether it is the holder's: a hold for its offer, or owed under one it has accepted."""
    return machine.offer is not None or machine.owed


Offers: TypeAlias = tuple[Offer | None, Offer | None]
"""The offer that a machine is a hold for while nothing binds it, and the one that binds it."""


class Places:
    def __init__(self, tx: Transaction, rules: Rulebook, hold: Iterable[Place]) -> None:
        self.tx, self.rules, self.now = tx, rules, tx.now
        self._read = tx.places(hold=hold)
        self._changed: dict[Place, PlaceRecord] = {}
        self.refusals: dict[Place, Refusal] = {}
        self.answered: set[Place] = set()
        self.freed = False
        """Whether a machine ended in this round."""

    @cached_property
    def market(self) -> Market:
        """As it was when the round began, but for the refusals that it brought."""
        return self.rules.market(self.tx)

    def known(self, place: Place) -> PlaceRecord:
        return self._changed.get(place) or self._read.get(place) or PlaceRecord(place=place)

    def _put(self, record: PlaceRecord, *facts: Event) -> None:
        self._changed[record.place] = record
        self.tx.put_place(record, facts)

    def gave(self, place: Place) -> None:
        """It said yes."""
        known = self.known(place)
        self._put(altered(known, streak=known.streak + 1))
        self.answered.add(place)

    def let_go(self, place: Place) -> None:
        """What a lease held may be had again: a shortage there is forgotten, those who wait try."""
        known = self.known(place)
        short = known.refusal and known.refusal.reason is RefusalReason.NO_CAPACITY
        self._put(altered(known, refusal=None if short else known.refusal, freed_at=self.now))
        self.freed = True

    def took_an_order(self, machine: Machine) -> None:
        """Credentials, quota and request were good after all: what they had closed is open."""
        if machine.state is not MachineState.WANTED:
            return
        for around in areas(machine.place):
            known = self.known(around)
            if known.closed is not None and known.closed.lasts(self.now):
                standing = altered(known, refusal=None)
                _, told = cleared(standing, self.now, "broker", f"{machine.place} took an order")
                self._put(altered(known, closed=None, paused=None), *told)

    def refused(self, case: Case, machine: Machine, answer: Refused, under: Offers) -> Refusal:
        """A refusal is remembered once, of the place and of the area that it speaks of."""
        offer, binds = under
        place = machine.place
        known = self.known(place)
        stands = known.refusal if known.refusal and known.streak == 0 else None
        if machine.owed and stands and stands.stands(case.now, machine.together):
            return stands  # said again to a holder that is bound: no news to those who wait there
        cap = self.rules.refusal_max_age_s(place.provider, case.now, binds)
        lasts = self.rules.cool_downs.refused(place.provider, answer.reason, cap)
        refusal = Refusal(
            id=RefusalId(case.new_id("refusal")),
            place=place,
            units=machine.together,
            code=answer.code,
            reason=answer.reason,
            at=case.now,
            valid_until=case.now + lasts,
            offer=offer.id if offer else None,
            message=answer.message,
        )
        fact = events.PlaceRefused(
            refusal=refusal.id,
            provider=place.provider,
            region=place.region,
            sku=place.sku,
            purchase=place.purchase,
            units=refusal.units,
            code=answer.code,
            reason=answer.reason,
            valid_until=refusal.valid_until,
            offer=refusal.offer,
            scope=answer.reach,
        )
        self._put(altered(self._keeping(known, refusal), streak=0), fact)
        if answer.reach is not Reach.PLACE:
            around = area(place, answer.reach)
            self.refusals[around] = refusal
            self._put(self._keeping(self.known(around), refusal))
        self.refusals[place] = refusal
        self.answered.add(place)
        kept = {where: self.known(where).refusal for where in areas(place)}
        brought = {where: one for where, one in kept.items() if one is refusal}
        if brought:
            wide = (self.market.wide or frozenset()) | {one for one in brought if is_area(one)}
            refusals = {**self.market.refusals, **brought}
            self.market = altered(self.market, refusals=refusals, wide=wide)
        return refusal

    def _keeping(self, known: PlaceRecord, refusal: Refusal) -> PlaceRecord:
        narrower = known.refusal is not None and known.refusal.stands(self.now, refusal.units)
        return known if narrower else altered(known, refusal=refusal)

    def refused_by_now(self, machine: Machine) -> Refusal | None:
        """The refusal of this round that answers for a machine which was not asked for."""
        where = (machine.place,) if bound(machine) else areas(machine.place)
        found = (self.refusals.get(one) for one in where)
        return next((one for one in found if one is not None), None)

    def troubled(self, machine: Machine, fault: Fault) -> None:
        """A fault of ours closes what it reaches; it is told when it begins."""
        around = area(machine.place, fault.reach)
        known = self.known(around)
        trouble = self._trouble(fault, self.rules.cool_downs.of(around.provider, fault.kind))
        fresh = known.closed is None or not known.closed.lasts(self.now)
        pauses = fault.kind in PAUSES
        paused = self._trouble(fault, TROUBLE_RECHECK) if pauses else known.paused
        closed = trouble if fresh else known.closed
        if fresh or pauses:
            facts = (self._told(machine, fault, trouble),) if fresh else ()
            self._put(altered(known, closed=closed, paused=paused), *facts)

    def throttled(self, machine: Machine, fault: Fault) -> datetime:
        """Nobody calls there before this instant."""
        around = area(machine.place, fault.reach)
        known = self.known(around)
        until = pause_until(known.paused, self.now, fault.retry_after_s)
        trouble = self._trouble(fault, until - self.now)
        self._put(altered(known, paused=trouble), self._told(machine, fault, trouble))
        return until

    def closed(self, machine: Machine) -> Trouble | None:
        """What of ours keeps a third party's machine from being asked for."""
        found = (self.known(around).closed for around in areas(machine.place))
        return next((one for one in found if one is not None and one.lasts(self.now)), None)

    def paused(self, place: Place) -> Trouble | None:
        """What keeps every call away from a place now."""
        found = (self.known(around).paused for around in areas(place))
        standing = [one for one in found if one is not None and one.lasts(self.now)]
        return max(standing, key=lambda one: one.until, default=None)

    def _trouble(self, fault: Fault, lasts: timedelta) -> Trouble:
        return Trouble(
            kind=fault.kind,
            code=fault.code,
            message=fault.message,
            since=self.now,
            until=self.now + lasts,
        )

    def _told(self, machine: Machine, fault: Fault, trouble: Trouble) -> Event:
        place = machine.place
        return events.PlaceTroubled(
            provider=place.provider,
            region=place.region,
            sku=place.sku,
            purchase=place.purchase,
            kind=fault.kind,
            code=fault.code,
            message=fault.message,
            until=trouble.until,
            scope=fault.reach,
        )
