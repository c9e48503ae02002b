"""What an edition lets go without a notice: waived, de minimis, or while the holder is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

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


NO_EXEMPTIONS: Final = Exemptions()
_SHUT: Final = frozenset({Effect.EXCLUSIVE, Effect.DENY})


def exemptions(
    edition: Edition, asked: Question, pools: Sequence[tuple[Pool, Verdict]]
) -> Exemptions:
    """What the edition's waivers, limits and exceptions leave open of these pools."""
    held = [(pool, said, _held(edition, asked, pool)) for pool, said in pools]
    rule = next((c.right.de_minimis for _, _, clauses in held for c in clauses if c.right), None)
    return Exemptions(
        waived=tuple(
            (waiver, choices)
            for waiver in edition.waivers
            if waiver.begins <= asked.at < waiver.ends
            if (choices := _waived(edition, asked, waiver, held))
        ),
        de_minimis=rule,
        small=_small(held) if rule else (),
        continuity=tuple(
            Choice(pool, Basis.CONTINUITY, ()) for pool, _, clauses in held if _opens(clauses)
        ),
    )


_Held = Sequence[tuple[Pool, Verdict, tuple[Clause, ...]]]


def _held(edition: Edition, asked: Question, pool: Pool) -> tuple[Clause, ...]:
    view = PoolView(pool.place.provider.value, pool.kind)
    if edition.holds(view.name):
        return ()
    return holding(edition, asked._replace(pool=edition.seen(view)))


def _waived(edition: Edition, asked: Question, waiver: Waiver, held: _Held) -> tuple[Choice, ...]:
    """The pools that only the waived right holds back, and those that nothing does."""
    choices: list[Choice] = []
    for pool, said, clauses in held:
        view = edition.seen(PoolView(pool.place.provider.value, pool.kind))
        if said.reads_as is VerdictKind.ALLOW:
            choices.append(choice_of(pool, said))
        elif [clause.id for clause in clauses] == [waiver.of_clause] and waiver.match.fits(
            asked._replace(pool=view)
        ):
            choices.append(Choice(pool, Basis.WAIVER, (waiver.id, *_consent(said))))
    return tuple(choices) if any(c.basis is Basis.WAIVER for c in choices) else ()


def _small(held: _Held) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    for pool, said, clauses in held:
        if said.reads_as is VerdictKind.ALLOW:
            choices.append(choice_of(pool, said))
        elif clauses and all(clause.right and clause.right.de_minimis for clause in clauses):
            cites = (f"clause:{clauses[0].id}", *_consent(said))
            choices.append(Choice(pool, Basis.DE_MINIMIS, cites))
    return tuple(choices)


def _consent(said: Verdict) -> tuple[str, ...]:
    """The consent that is cited beside what the commitment stands on."""
    return (said.consent,) if said.consent else ()


def _opens(clauses: Sequence[Clause]) -> bool:
    """Whether every clause that shuts a pool has the exception for continuity."""
    shut = [clause for clause in clauses if clause.effect in _SHUT]
    return bool(shut) and all("continuity" in clause.exceptions for clause in shut)


def choice_of(pool: Pool, said: Verdict) -> Choice:
    """What a commitment to the pool would stand on by its verdict alone."""
    if said.reads_as is VerdictKind.OFFER:
        return Choice(pool, None, _consent(said))
    basis = Basis(said.basis) if said.basis else Basis.FREE
    cites = said.consent or (f"clause:{said.clause}" if said.clause else None)
    return Choice(pool, basis, (cites,) if cites else ())
