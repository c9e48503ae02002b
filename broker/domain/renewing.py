"""The decision about leases that live: when their renewal is sought, and what follows from it.

A renewal is decided as any unit is (T1 to T5), but for two things: the question put to the edition
has the scope `renewal`, and the only third party that may have the unit is the one that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.decision import (
    Commit,
    Decision,
    EndTerm,
    Expire,
    MoveOver,
    SeekRenewal,
    Wait,
)
from broker.domain.job import Job, Unit, UnitState, Why
from broker.domain.offer import OfferKind
from broker.domain.options import Options, Which, at
from broker.domain.release import Basis, Release
from broker.domain.unasked import Need, Unasked
from broker.domain.workload import Scope

Standing: TypeAlias = tuple[tuple[str, ...], datetime] | None
"""Refusals that stand for all of the holder's places, and when the first of them ends."""
TOGETHER: Final = timedelta(minutes=1)
"""How much sooner than due a renewal is sought, along with another of its job."""
_EXACT: Final = Decimal(0)


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
        options, indexes = self.options(), tuple(unit.index for unit in units)
        terms = self.job.terms.priced(options.notice_price)
        if options.right is None and options.exclusive is None:
            for unit in units:
                self._go_on(unit, None)
            return
        need = Need(job=self.job, edition=self.edition, options=options, units=indexes, terms=terms)
        clause = options.right or options.exclusive or ""
        released = self.unasked.released(need, clause) if options.right else None
        standing = self.standing(need)
        if released is not None:
            self.decisions.append(released)
        elif options.holder_barred:
            self.decisions.append(self.unasked.held(need))
        elif standing is None:
            kind = OfferKind.RIGHT if options.right else OfferKind.ORDER
            self.decisions.append(replace(need.offer(kind, clause), scope=Scope.RENEWAL))
        elif options.right:
            cites, until = standing
            self.decisions.append(need.release(clause, Basis.STANDING_REFUSAL, cites, until))
        else:
            self.waits.append(standing[1])

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
        claim = unit.heir.claim if unit.heir else None
        options = self.options()
        asked = self.job.terms.priced(options.notice_price)
        ceiling, tolerance = (release.ceiling, release.tolerance) if release else (asked, _EXACT)
        which: Which = "free" if release is None else "released"
        if release is not None and release.basis is Basis.SUSPENSION:
            which = "anybody"
        for choice in options.within(asked, ceiling, tolerance, of=which):
            if claim is None or choice.pool.place != claim.place:
                continue
            cited = release.cites if release else ()
            self.decisions.append(
                Commit(
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
            )
            return True
        return False
