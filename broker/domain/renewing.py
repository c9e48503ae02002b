"""The decision about leases that live: when their renewal is sought, and what follows from it.

A renewal is decided as any unit is (T1 to T5), but for two things: the question put to the edition
has the scope `renewal`, and the only third party that may have the unit is the one that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.committing import EXACT
from broker.domain.decision import (
    Commit,
    Decision,
    EndTerm,
    Expire,
    MoveOver,
    SeekRenewal,
    Wait,
)
from broker.domain.exemptions import Choice
from broker.domain.job import Job, Unit, UnitState, Why
from broker.domain.market import Place
from broker.domain.offer import OfferKind
from broker.domain.options import Options, Which, at, within
from broker.domain.release import Basis, Release
from broker.domain.right import Trigger
from broker.domain.terms import Terms
from broker.domain.unasked import Need, Unasked
from broker.domain.workload import Scope

Standing: TypeAlias = tuple[tuple[str, ...], datetime] | None
"""Refusals that stand for all of the holder's places, and when the first of them ends."""
TOGETHER: Final = timedelta(minutes=1)
"""How much sooner than due a renewal is sought, along with another of its job."""


class Leases:
    """The leases of one job, at one instant."""

    def __init__(
        self,
        job: Job,
        edition: Edition,
        now: datetime,
        options: Callable[[], Options],
        standing: Callable[[Need], Standing],
        unasked: Unasked,
    ) -> None:
        self.job, self.edition, self.now = job, edition, now
        self.options, self.standing, self.unasked = options, standing, unasked
        self.decisions: list[Decision] = []
        self.waits: list[datetime] = []

    def decide(self) -> list[Decision]:
        ends: list[tuple[datetime, int]] = []
        pending: list[Unit] = []
        for unit in self.job.units:
            if unit.lease is None or unit.exit_code is not None:
                continue  # it has none, or needs none any more
            if unit.term is not None and self.now >= unit.term.until:
                self.decisions.append(EndTerm(unit=unit.index))
            elif unit.heir is not None:
                self._sought(unit, unit.heir, pending)
            elif unit.term is not None:
                ends.append((unit.term.renew_at if self._whole() else unit.term.until, unit.index))
        self._due(ends)
        gang = self.job.workload.gang
        if pending and (not gang or (self._whole() and len(pending) == len(self.job.units))):
            self._fresh(pending)
        if self.waits:
            self.decisions.append(Wait(until=min(self.waits), because="its leases live"))
        return self.decisions

    def _whole(self) -> bool:
        """A gang of which one has finished can start nowhere else: its leases just run out."""
        gang = self.job.workload.gang
        return not gang or all(unit.exit_code is None for unit in self.job.units)

    def _due(self, ends: Sequence[tuple[datetime, int]]) -> None:
        """Units that came up one after the other are asked about in one offer."""
        first = min(ends, default=(None, 0))[0]
        if first is None or self.now < first:
            self.waits += [first] if first else []
            return
        due = tuple(index for at_, index in ends if at_ <= self.now + TOGETHER)
        self.waits += [at_ for at_, index in ends if index not in due]
        self.decisions.append(SeekRenewal(units=due))

    def _sought(self, unit: Unit, heir: Unit, pending: list[Unit]) -> None:
        if unit.term is not None:
            self.waits.append(unit.term.until)
        if heir.claim is not None and heir.claim.why is Why.RECLAIM:
            if unit.state is UnitState.ACTIVE and self.now >= heir.claim.begins_at:
                self.decisions.append(MoveOver(unit=unit.index))
            elif unit.state is UnitState.ACTIVE:
                self.waits.append(heir.claim.begins_at)
        elif heir.state is UnitState.PENDING:
            pending.append(unit)
        elif heir.state is UnitState.RELEASED:
            release = self.job.release_of(heir)
            if release is not None:
                self._released(unit, release)

    def _fresh(self, units: Sequence[Unit]) -> None:
        options = self.options()
        if options.right is None and options.exclusive is None:
            for unit in units:
                self._go_on(unit, None)
            return
        need = Need(
            job=self.job,
            edition=self.edition,
            options=options,
            units=tuple(unit.index for unit in units),
            terms=self.job.terms.priced(options.notice_price),
            scope=Scope.RENEWAL,
        )
        if options.right is not None:
            self._under_right(need, options.right)
        else:
            self._exclusive(need, options.exclusive or "")

    def _exclusive(self, need: Need, clause: str) -> None:
        left: list[int] = []
        for there in self._by_place(need):
            continued = self.unasked.continued(there, self._stay)
            self.decisions += continued
            left += () if continued else there.units
        need = need.rest(tuple(sorted(left)))
        if left and need.options.holder_barred:
            self.decisions.append(self.unasked.held(need))
        elif left and (standing := self.standing(need)):
            self.waits.append(standing[1])
        elif left:
            self.decisions.append(need.offer(OfferKind.ORDER, clause))

    def _under_right(self, need: Need, clause: str) -> None:
        """What lets new units go without a notice lets the leases of these go on without one."""
        left: list[int] = []
        for there in self._by_place(need):
            exempted, rest = self.unasked.exempt(there, self._stay)
            self.decisions += exempted
            left += rest
        need = need.rest(tuple(sorted(left)))
        if not left:
            return
        if released := self.unasked.released(need, clause):
            self.decisions.append(released)
        elif need.options.holder_barred:
            self.decisions.append(self.unasked.held(need))
        else:
            accepted, rest = self.unasked.accepted(need, clause)
            self.decisions += accepted
            if rest:
                self._ask(need.rest(rest), clause)

    def _ask(self, need: Need, clause: str) -> None:
        if standing := self.standing(need):
            cites, until = standing
            self.decisions.append(need.release(clause, Basis.STANDING_REFUSAL, cites, until))
        elif self.edition.right(clause).trigger is Trigger.THIRD_PARTY_QUOTE:
            for there in self._by_place(need):
                quoted = self._there(there, need.options.released)
                pool = quoted.pool if quoted else None
                self.decisions.append(there.offer(OfferKind.RIGHT, clause, pool))
        else:
            self.decisions.append(need.offer(OfferKind.RIGHT, clause))

    def _by_place(self, need: Need) -> list[Need]:
        """The need apart for each place where leases are to go on."""
        places: dict[Place, list[int]] = {}
        for index in need.units:
            places.setdefault(self._place(index), []).append(index)
        return [need.rest(tuple(units)) for units in places.values()]

    def _place(self, index: int) -> Place:
        heir = self.job.units[index].heir
        assert heir is not None and heir.claim is not None  # noqa: S101, PT018 - it was begotten
        return heir.claim.place

    def _there(self, need: Need, choices: tuple[Choice, ...]) -> Choice | None:
        """The choice that is the place of all these leases, if it is one and not too dear."""
        open_to = within(choices, need.terms, need.terms, EXACT)
        place = self._place(need.units[0])
        return next((choice for choice in open_to if choice.pool.place == place), None)

    def _stay(self, need: Need, choices: tuple[Choice, ...]) -> list[Decision]:
        """Each of these leases, all at one place, goes on there."""
        choice = self._there(need, choices)
        if choice is None:
            return []
        units = (self.job.units[index] for index in need.units)
        return [self._renewed(unit, choice, need.terms, None) for unit in units]

    def _released(self, unit: Unit, release: Release) -> None:
        if why := release.over(self.now):
            if not any(
                isinstance(d, Expire) and d.release.number == release.number for d in self.decisions
            ):
                self.decisions.append(Expire(release=release, why=why))
        elif not self._go_on(unit, release):
            self.waits.append(release.ends_at())

    def _go_on(self, unit: Unit, release: Release | None) -> bool:
        """With who has it, on terms no better than the holder was shown; False if they are."""
        place = self._place(unit.index)
        options = self.options()
        asked = self.job.terms.priced(options.notice_price)
        ceiling, tolerance = (release.ceiling, release.tolerance) if release else (asked, EXACT)
        which: Which = "free" if release is None else "released"
        if release is not None and release.basis is Basis.SUSPENSION:
            which = "anybody"
        for choice in options.within(asked, ceiling, tolerance, of=which):
            if choice.pool.place == place:
                self.decisions.append(self._renewed(unit, choice, asked, release))
                return True
        return False

    def _renewed(self, unit: Unit, choice: Choice, asked: Terms, release: Release | None) -> Commit:
        cited = release.cites if release else ()
        return Commit(
            units=(unit.index,),
            pool=choice.pool,
            terms=at(choice.pool, asked),
            edition=self.edition,
            basis=choice.basis or (release.basis if release else Basis.FREE),
            cites=choice.cites if choice.basis else (*cited, *choice.cites),
            release=release.number if release else None,
            to_holder=False,
            renews=unit.lease,
        )
