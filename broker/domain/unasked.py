"""What becomes of units before any notice is put: exempt, let go, or accepted beforehand.

Design transitions T1, T4 and T5. What is drawn from a register within a round counts at once, so
that two jobs of a round never draw the same unit of a waiver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.altered import made_at_once
from broker.domain.committing import EXACT, Purchases
from broker.domain.decision import (
    AcceptStanding,
    Commit,
    Decision,
    PutOffer,
    ReleaseStanding,
    Wait,
)
from broker.domain.exemptions import Choice
from broker.domain.job import Job
from broker.domain.market import Market, Pool
from broker.domain.offer import OfferKind
from broker.domain.options import Options, within
from broker.domain.register import NOTHING_ON_RECORD, Register, SmallPlacement
from broker.domain.release import Basis
from broker.domain.right import Trigger
from broker.domain.terms import Terms
from broker.domain.values import Purchase
from broker.domain.workload import Scope

NOTHING_NEW: Final = timedelta(minutes=1)
"""How soon a job is looked at again for which nothing at all is open."""


@made_at_once
@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Units of a job that stand under no release, and what is open to them."""

    job: Job
    edition: Edition
    options: Options
    units: tuple[int, ...]
    terms: Terms
    scope: Scope = Scope.NEW

    def rest(self, units: tuple[int, ...]) -> Need:
        return self if units == self.units else replace(self, units=units)

    def whole(self, most: int) -> int:
        """How many of the units may be taken at most: whole chunks, or the whole gang."""
        if most >= len(self.units):
            return len(self.units)
        work = self.job.workload
        return 0 if work.gang or most < 1 else most - most % work.chunk

    def quoted(self, clause: str, market: Market, now: datetime) -> Pool | None:
        """The cheapest third party that may be asked, where its posted price is the trigger.

        Where nobody quotes, the need alone is noticed.
        """
        if self.edition.right(clause).trigger is not Trigger.THIRD_PARTY_QUOTE:
            return None
        open_to = self.options.within(self.terms, self.terms, EXACT, of="released")
        pools = (c.pool for c in open_to if c.pool.place.purchase is not Purchase.RESERVED)
        chunk = self.job.terms.chunk
        return next((p for p in pools if market.shut_until(p.place, now, chunk) is None), None)

    def offer(self, kind: OfferKind, clause: str, quoted: Pool | None = None) -> PutOffer:
        """On the terms needed; at a rival's price where it quoted, and never in a rival's words."""
        return PutOffer(
            kind=kind,
            units=self.units,
            terms=self.terms if quoted is None else self.terms.priced(quoted.price_usd_hour),
            edition=self.edition,
            clause=clause,
            scope=self.scope,
            quoted=quoted,
        )

    def release(
        self, clause: str, basis: Basis, cites: tuple[str, ...], until: datetime | None
    ) -> ReleaseStanding:
        return ReleaseStanding(
            units=self.units,
            terms=self.terms,
            edition=self.edition,
            clause=clause,
            cites=cites,
            until=until,
            basis=basis,
        )


Taking: TypeAlias = Callable[[Need, tuple[Choice, ...]], list[Decision]]
"""What is decided for units that may have any of these pools; nothing: they are to be offered."""


class Unasked:
    """The registers as one round reads and draws from them."""

    def __init__(
        self, registers: Mapping[str, Register], purchases: Purchases, now: datetime
    ) -> None:
        self.registers, self.purchases, self.now = dict(registers), purchases, now

    def register(self, agreement: str) -> Register:
        return self.registers.get(agreement, NOTHING_ON_RECORD)

    def exempt(
        self, need: Need, take: Taking | None = None
    ) -> tuple[list[Decision], tuple[int, ...]]:
        """T1: what waivers and the limit for small jobs let go; and the units that are left."""
        exempt, take = need.options.exempt, take or self._commit
        if not exempt.waived and exempt.de_minimis is None:
            return [], need.units
        decisions: list[Decision] = []
        left = need.units
        for waiver, choices in exempt.waived:
            rest = replace(need, units=left)
            count = rest.whole(self.register(need.job.agreement).left(waiver))
            if count and (commits := take(replace(need, units=left[:count]), choices)):
                left = left[count:]
                self._draw(need, commits)
                decisions += commits
        if left and self._is_small(need, left):
            small = replace(need, units=left)
            if commits := take(small, need.options.exempt.small):
                self._draw(need, commits)
                return [*decisions, *commits], ()
        return decisions, left

    def _is_small(self, need: Need, units: tuple[int, ...]) -> bool:
        rule, work = need.options.exempt.de_minimis, need.job.workload
        if rule is None or work.units > rule.units or not need.options.exempt.small:
            return False
        register = self.register(need.job.agreement)
        return register.small_left(work.tenant, rule, self.now) >= len(units)

    def _commit(self, need: Need, choices: tuple[Choice, ...]) -> list[Decision]:
        terms = need.terms
        open_to = within(choices, terms, terms, EXACT)
        return self.purchases.commit(need.job, need.edition, need.units, open_to, terms, None)

    def _draw(self, need: Need, decisions: list[Decision]) -> None:
        for made in decisions:
            if isinstance(made, Commit) and not made.to_holder:
                register = self.register(need.job.agreement)
                small = SmallPlacement(
                    commitment="",
                    tenant=need.job.workload.tenant,
                    units=len(made.units),
                    at=self.now,
                )
                self.registers[need.job.agreement] = register.drew(made.basis, made.cites, small)

    def released(self, need: Need, clause: str) -> ReleaseStanding | None:
        """T4: the right is suspended, or its holder is not there."""
        register = self.register(need.job.agreement)
        if off := register.conduct.suspended(clause, self.now):
            return need.release(clause, Basis.SUSPENSION, (off.id,), off.until)
        if away := register.health.unavailable:
            return need.release(clause, Basis.UNAVAILABILITY, (away.id,), None)
        return None

    def accepted(self, need: Need, clause: str) -> tuple[list[Decision], tuple[int, ...]]:
        """T5: what fresh standing acceptances cover; and the units that are left."""
        register = self.register(need.job.agreement)
        decisions: list[Decision] = []
        left = need.units
        for one in register.acceptances:
            rest = replace(need, units=left)
            count = rest.whole(self.register(need.job.agreement).left_of(one))
            max_age = need.edition.right(clause).acceptance_max_age_s
            if (
                count
                and register.stands(one.id)
                and one.fresh(self.now, max_age)
                and one.covers(clause, need.options.asked, need.terms.price_usd_hour)
                and any(one.at(pool.place) for pool in need.options.holder)
            ):
                part = replace(need, units=left[:count])
                left = left[count:]
                offer = part.offer(OfferKind.RIGHT, clause)
                decisions.append(AcceptStanding(offer=offer, acceptance=one))
                drawn = self.register(need.job.agreement).moved((one.id,), count)
                self.registers[need.job.agreement] = drawn
            if not left:
                break
        return decisions, left

    def continued(self, need: Need, take: Taking | None = None) -> list[Decision]:
        """While an exclusive holder is unavailable its continuity clause opens other pools."""
        take = take or self._commit
        away = self.register(need.job.agreement).health.unavailable
        choices = need.options.exempt.continuity
        if away is None or not choices:
            return []
        return take(need, tuple(one._replace(cites=(away.id,)) for one in choices))

    def held(self, need: Need) -> Wait:
        """No notice may reach a holder in conflict with the tenant, and nothing spills silently."""
        because = (
            f"{need.edition.holder.id}, which is to be asked first, is in the conflict set of "
            f"{need.job.workload.tenant}"
        )
        return Wait(until=self.now + NOTHING_NEW, because=because, held=need.units)
