"""What an edition lets go without a notice: waived, de minimis, or while the holder is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from broker.domain.agreement import Edition
from broker.domain.clause import Clause, Effect, PoolView, Question, Waiver
from broker.domain.market import Pool
from broker.domain.release import Basis
from broker.domain.right import DeMinimis
from broker.domain.verdict import Verdict, VerdictKind, holding


class Choice(NamedTuple):
    """A pool that may be committed to, and what the commitment would stand on."""

    pool: Pool
    basis: Basis | None
    """None: only under a release, whose basis it takes."""
    cites: tuple[str, ...]
    """What the basis rests on comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemptions:
    """Each with its pools in the order of choice; the holder's own, which are free, among them."""

    waived: tuple[tuple[Waiver, tuple[Choice, ...]], ...] = ()
    de_minimis: DeMinimis | None = None
    small: tuple[Choice, ...] = ()
    """What a job too small to be offered may have."""
    continuity: tuple[Choice, ...] = ()
    """What stands open while an exclusive holder is unavailable."""

    def behind(self, existing: tuple[Choice, ...]) -> Exemptions:
        """The same, where what is paid for already is taken before anything else."""
        if not existing:
            return self
        return Exemptions(
            waived=tuple((waiver, (*existing, *choices)) for waiver, choices in self.waived),
            de_minimis=self.de_minimis,
            small=(*existing, *self.small) if self.small else (),
            continuity=(*existing, *self.continuity) if self.continuity else (),
        )


NO_EXEMPTIONS: Final = Exemptions()
_SHUT: Final = frozenset({Effect.EXCLUSIVE, Effect.DENY})


_Pools: TypeAlias = Sequence[tuple[Pool, PoolView]]
_Held: TypeAlias = Mapping[PoolView, tuple[Clause, ...]]
"""What keeps the work from each kind of pool."""


def exemptions(
    edition: Edition,
    asked: Question,
    pools: _Pools,
    said: Mapping[PoolView, Verdict],
    *,
    shut: bool,
) -> Exemptions:
    """What the edition's waivers, limits and exceptions leave open of these pools.

    `shut` says that an exclusive clause keeps the work with the holder: continuity matters then,
    and all else does otherwise.
    """
    if shut:
        if not any("continuity" in clause.exceptions for clause in edition.clauses):
            return NO_EXEMPTIONS
        held = {view: _held(edition, asked, view) for view in said}
        opened = (pool for pool, view in pools if _opens(held[view]))
        return Exemptions(continuity=tuple(Choice(p, Basis.CONTINUITY, ()) for p in opened))
    waivers = [one for one in edition.waivers if one.begins <= asked.at < one.ends]
    rule = next((c.right.de_minimis for c in edition.clauses if c.right), None)
    if not waivers and rule is None:
        return NO_EXEMPTIONS
    held = {view: _held(edition, asked, view) for view in said}
    return Exemptions(
        waived=tuple(
            (waiver, choices)
            for waiver in waivers
            if (choices := _waived(edition, asked, waiver, pools, said, held))
        ),
        de_minimis=rule,
        small=_small(pools, said, held) if rule else (),
    )


def _held(edition: Edition, asked: Question, view: PoolView) -> tuple[Clause, ...]:
    if edition.holds(view.name):
        return ()
    return holding(edition, asked._replace(pool=edition.seen(view)))


def _waived(
    edition: Edition,
    asked: Question,
    waiver: Waiver,
    pools: _Pools,
    said: Mapping[PoolView, Verdict],
    held: _Held,
) -> tuple[Choice, ...]:
    """The pools that only the waived right holds back, and those that nothing does."""
    choices: list[Choice] = []
    for pool, view in pools:
        if said[view].reads_as is VerdictKind.ALLOW:
            choices.append(Choice(pool, *stands_on(said[view])))
        elif [clause.id for clause in held[view]] == [waiver.of_clause] and waiver.match.fits(
            asked._replace(pool=edition.seen(view))
        ):
            choices.append(Choice(pool, Basis.WAIVER, (waiver.id, *_consent(said[view]))))
    return tuple(choices) if any(c.basis is Basis.WAIVER for c in choices) else ()


def _small(pools: _Pools, said: Mapping[PoolView, Verdict], held: _Held) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    for pool, view in pools:
        clauses = held[view]
        if said[view].reads_as is VerdictKind.ALLOW:
            choices.append(Choice(pool, *stands_on(said[view])))
        elif clauses and all(clause.right and clause.right.de_minimis for clause in clauses):
            cites = (f"clause:{clauses[0].id}", *_consent(said[view]))
            choices.append(Choice(pool, Basis.DE_MINIMIS, cites))
    return tuple(choices)


def _consent(said: Verdict) -> tuple[str, ...]:
    """The consent that is cited beside what the commitment stands on."""
    return (said.consent,) if said.consent else ()


def _opens(clauses: Sequence[Clause]) -> bool:
    """Whether every clause that shuts a pool has the exception for continuity."""
    shut = [clause for clause in clauses if clause.effect in _SHUT]
    return bool(shut) and all("continuity" in clause.exceptions for clause in shut)


def stands_on(said: Verdict) -> tuple[Basis | None, tuple[str, ...]]:
    """The basis of a commitment by its pool's verdict alone, and what it cites."""
    if said.reads_as is VerdictKind.OFFER:
        return None, _consent(said)
    basis = Basis(said.basis) if said.basis else Basis.FREE
    cites = said.consent or (f"clause:{said.clause}" if said.clause else None)
    return basis, (cites,) if cites else ()
