"""Faults to be planted in the real code one at a time, each with the law that must catch it.

A plant bends one function of the domain, of a step or of the store. It knows what it does to the
agreement, and nothing of how it is found out: that is the audit's part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pytest

from broker.domain import committing, desk, events, job, lease, offering, options, placement
from broker.domain.agreement import Agreement
from broker.domain.case import Case
from broker.domain.decision import Commit, PutOffer
from broker.domain.event import Event
from broker.domain.exemptions import Choice
from broker.domain.job import UnitState
from broker.domain.machine import Machine, MachineState
from broker.domain.market import Refusal
from broker.domain.offer import Mechanics, Offer, OfferKind, OfferState
from broker.domain.release import Basis, Release
from broker.domain.values import OfferId
from broker.steps import answer, offer, outcome, place
from broker.steps.rulebook import Rulebook
from broker.store.memory_log import MemoryLog
from broker.store.memory_transaction import MemoryTransaction
from tests.fuzz import directed
from tests.fuzz.world import World

Bend: TypeAlias = Callable[[pytest.MonkeyPatch], None]
Wrap: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
_HOUR: Final = timedelta(hours=1)
_U: Final = UnitState


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    name: str
    law: str
    bend: Bend
    story: Callable[[World], object] | None = None
    """What must happen for it to show, where chance alone would take too long."""


def wrapped(names: Sequence[tuple[object, str]], wrap: Wrap) -> Bend:
    """One function, bent under every name that it is called by."""

    def bend(patch: pytest.MonkeyPatch) -> None:
        for owner, name in names:
            patch.setattr(owner, name, wrap(getattr(owner, name)))

    return bend


def instead(owner: object, name: str, by: Callable[..., Any]) -> Bend:
    return lambda patch: patch.setattr(owner, name, by)


def also(*bends: Bend) -> Bend:
    def bend(patch: pytest.MonkeyPatch) -> None:
        for one in bends:
            one(patch)

    return bend


def allowed(start: UnitState, *ends: UnitState) -> Bend:
    """A move that the table of units does not have."""
    moves = job.UNIT_MOVES
    assert isinstance(moves, dict)
    return lambda patch: patch.setitem(moves, start, moves[start] | frozenset(ends))


def told_as(kind: type[Event], change: Callable[[Any], Event | None]) -> Bend:
    """A fact of one kind is told otherwise than it was, or not at all."""

    def wrap(tell: Callable[..., Any]) -> Callable[..., Any]:
        def bent(case: Case, event: Event) -> None:
            said = change(event) if isinstance(event, kind) else event
            if said is not None:
                tell(case, said)

        return bent

    return wrapped([(Case, "tell")], wrap)


# -- offers


def _spilled_while_offered(fresh: Callable[..., Any]) -> Callable[..., Any]:
    def bent(self: Any, one: Any, edition: Any, chances: Any, units: Any) -> list[Any]:  # noqa: ANN401
        decisions = list(fresh(self, one, edition, chances, units))
        if isinstance(decisions[0], PutOffer) and chances.released:
            pool = chances.released[0].pool
            commit = Commit(
                units=units,
                pool=pool,
                terms=decisions[0].terms,
                edition=edition,
                basis=Basis.REFUSAL,
                cites=(),
                release=None,
                to_holder=False,
            )
            decisions.append(commit)
        return decisions

    return bent


def _window_moved(by: timedelta) -> Bend:
    def wrap(deliver: Callable[..., Any]) -> Callable[..., Any]:
        def bent(case: Case, one: Offer, how: str) -> Offer:
            known: Offer = deliver(case, one, how)
            return replace(known, expires_at=known.expires_at and known.expires_at + by)

        return bent

    return wrapped([(answer, "deliver")], wrap)


def _as_if_open(opened: Callable[..., Any]) -> Callable[..., Any]:
    def bent(*asked: Any) -> tuple[Case, Offer]:  # noqa: ANN401
        case, one = opened(*asked)
        decided = one.state in (OfferState.ACCEPTED, OfferState.FULFILLED)
        return case, replace(one, state=OfferState.OPEN) if decided else one

    return bent


def _for_gangs_nothing(nonconforming: Callable[..., Any]) -> Callable[..., Any]:
    def bent(one: Offer, told: Any, units: Any, pools: Any) -> str:  # noqa: ANN401
        part = one.gang and told.units is not None and 0 < told.units < len(one.units)
        return "" if part else nonconforming(one, told, units, pools)

    return bent


def _put_twice(issue: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, one: Offer) -> Offer:
        issue(case, one)
        again: Offer = issue(case, replace(one, id=OfferId(f"{one.id}-again")))
        return again

    return bent


def _lapsed_unheard(case: Case, one: Offer) -> None:
    offering.lapse(case, case.put_offer(replace(one, state=OfferState.OPEN)), "unheard")


def _over_at_once(close: Callable[..., Any]) -> Callable[..., Any]:
    return lambda case, one, market: close(case, replace(one, expires_at=case.now), market)


def _looked_at_early(deliver: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, one: Offer, how: str) -> Offer:
        known: Offer = deliver(case, one, how)
        soon = case.now + timedelta(seconds=one.mechanics.window_s / 2)
        return case.put_offer(replace(known, due_at=soon)) if known is not one else known

    return bent


def _without_timer(deliver: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, one: Offer, how: str) -> Offer:
        known: Offer = deliver(case, one, how)
        return case.put_offer(replace(known, due_at=None)) if known is not one else known

    return bent


def _called_in_at_once(accept: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, *said: Any) -> Offer:  # noqa: ANN401
        accepted: Offer = accept(case, *said)
        return case.put_offer(replace(accepted, due_at=case.now))

    return bent


_DELIVER: Final = [(module, "deliver") for module in (offering, offer, answer, desk, outcome)]


def _mechanics(change: Callable[[Mechanics], dict[str, int]]) -> Bend:
    """The course of an offer is pinned otherwise than its clause has it."""

    def wrap(mechanics: Callable[..., Any]) -> Callable[..., Any]:
        def bent(*asked: Any) -> Mechanics:  # noqa: ANN401
            known: Mechanics = mechanics(*asked)
            return replace(known, **change(known))  # type: ignore[arg-type]

        return bent

    return wrapped([(Rulebook, "mechanics")], wrap)


# -- releases


def _release_on_withdrawal(withdraw: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, one: Offer, why: str) -> Offer:
        withdrawn: Offer = withdraw(case, one, why)
        offering._let_go(case, replace(one, kind=OfferKind.RIGHT), one.units, Basis.REFUSAL)  # noqa: SLF001
        return withdrawn

    return bent


def _released(change: Callable[[Case, Release], Release]) -> Bend:
    """What an offer's end releases is released otherwise."""

    def wrap(release_units: Callable[..., Any]) -> Callable[..., Any]:
        return lambda case, units, release: release_units(case, units, change(case, release))

    return wrapped([(offering, "release_units")], wrap)


def _dearer(_: Case, release: Release) -> Release:
    price = release.ceiling.price_usd_hour
    return replace(release, ceiling=release.ceiling.priced(price and price * 2))


def _longer(_: Case, release: Release) -> Release:
    return replace(release, tail_until=release.tail_until + timedelta(days=1))


def _stale_at_once(case: Case, release: Release) -> Release:
    fresh = release.basis is not Basis.DEFAULT
    return release if fresh else replace(release, stale_at=case.now + timedelta(seconds=1))


def _default_never_released(let_go: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, one: Offer, units: tuple[int, ...], basis: Basis) -> None:
        if basis is Basis.DEFAULT and units:
            case.move(units, _U.PENDING, offer=None, commitment=None)
            case.set_job(due_at=case.now)
        else:
            let_go(case, one, units, basis)

    return bent


def _default_twice(let_go: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, one: Offer, units: tuple[int, ...], basis: Basis) -> None:
        for _ in range(2 if basis is Basis.DEFAULT else 1):
            let_go(case, one, units, basis)

    return bent


def _orders_release(let_go: Callable[..., Any]) -> Callable[..., Any]:
    return lambda case, one, *said: let_go(case, replace(one, kind=OfferKind.RIGHT), *said)


_TAIL_FORGOTTEN: Final = also(
    wrapped(
        [(Release, "over")],
        lambda _: lambda self, now: "tail" if now >= self.tail_until + _HOUR else None,
    ),
    instead(Release, "ends_at", lambda self: self.tail_until + _HOUR),
)

# -- commitments


def _first_of_a_gang(plan: Callable[..., Any]) -> Callable[..., Any]:
    def bent(*asked: Any) -> list[Any]:  # noqa: ANN401
        return [
            tuple(replace(d, units=d.units[:1]) if isinstance(d, Commit) else d for d in one)
            for one in plan(*asked)
        ]

    return bent


def _uncited(commit: Callable[..., Any]) -> Callable[..., Any]:
    return lambda case, decision, *said: commit(case, replace(decision, cites=()), *said)


def _skipped_uncited(release: Callable[..., Any]) -> Callable[..., Any]:
    return lambda case, decision, rules: release(case, replace(decision, cites=()), rules)


def _narrowed(**terms: Any) -> Bend:  # noqa: ANN401
    return wrapped(
        [(committing, "at")], lambda at: lambda pool, ceiling: replace(at(pool, ceiling), **terms)
    )


def _everywhere_free(*, exclusive: bool) -> Bend:
    """Nobody's right, or nobody's exclusive class, is remembered."""

    def wrap(options_for: Callable[..., Any]) -> Callable[..., Any]:
        def bent(work: Any, market: Any, *asked: Any) -> options.Options:  # noqa: ANN401
            found: options.Options = options_for(work, market, *asked)
            if found.exclusive is None if exclusive else found.right is None:
                return found
            pools = [p for p in market.pools if p not in found.holder and p.fits(work.shape)]
            free = tuple(Choice(pool, Basis.FREE, ("clause:any-cloud",)) for pool in pools)
            return replace(found, right=None, exclusive=None, free=free)

        return bent

    return wrapped([(options, "options_for")], wrap)


def _called_the_holders(told: events.ThirdPartyCommitted) -> events.HolderCommitted:
    return events.HolderCommitted(
        commitment=told.commitment,
        job=told.job,
        units=told.units,
        provider=told.provider,
        pool_kind=told.pool_kind,
        region=told.region,
        sku=told.sku,
        terms=told.terms,
        agreement=told.agreement,
        edition=told.edition,
        offer=None,
        holds=(),
    )


# -- editions, refusals, leases, the log


def _edition(choose: Callable[[Agreement], object]) -> Bend:
    return instead(Rulebook, "edition", lambda self, name, _: choose(self.agreements[name]))


def _stands(stands: Callable[[Refusal, Any, int], bool]) -> Bend:
    return instead(Refusal, "stands", stands)


def _kept_running(give_back: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, machine: Machine, because: str) -> Machine:
        running = machine.state is MachineState.RUNNING and machine.lease is None
        return machine if running else give_back(case, machine, because)

    return bent


def _one_left_out(tell: Callable[..., Any]) -> Callable[..., Any]:
    def bent(self: Any, stream: str, version: int, told: Any, at: Any) -> None:  # noqa: ANN401
        tell(self, stream, version + (len(told) > 1), told[1:] if len(told) > 1 else told, at)

    return bent


def _dated_back(tell: Callable[..., Any]) -> Callable[..., Any]:
    def bent(self: Any, stream: str, version: int, told: Any, at: Any) -> None:  # noqa: ANN401
        early = any(isinstance(event, events.UnitsReleased) for event in told)
        tell(self, stream, version, told, at - _HOUR if early else at)

    return bent


def _altered(facts: Callable[..., Any]) -> Callable[..., Any]:
    def bent(*asked: Any) -> list[Any]:  # noqa: ANN401
        return [
            fact._replace(data={**fact.data, "reason": "strategic"})
            if fact.type == "OfferRefused"
            else fact
            for fact in facts(*asked)
        ]

    return bent


PLANTS: Final = (
    Plant(
        name="hold behind two promises",
        law="I18",
        bend=instead(answer, "not_its_own", lambda *_: ""),
        story=directed.a_hold_is_named_twice,
    ),
    *(
        Plant(name=name, law=law, bend=bend)
        for name, law, bend in (
            (
                "early spill",
                "I3",
                also(
                    allowed(_U.OFFERED, _U.COMMITTED),
                    wrapped([(placement._Round, "_fresh")], _spilled_while_offered),  # noqa: SLF001
                ),
            ),
            ("late yes honoured", "I7", _window_moved(_HOUR)),
            ("tie counted as in time", "I7", _window_moved(timedelta(microseconds=1))),
            ("answer in time turned down as late", "I7", _window_moved(-_HOUR)),
            ("duplicate applied", "I6", wrapped([(answer, "_opened")], _as_if_open)),
            (
                "gang split at acceptance",
                "I18",
                wrapped([(answer, "nonconforming")], _for_gangs_nothing),
            ),
            ("gang split at commitment", "I18", wrapped([(place, "plan")], _first_of_a_gang)),
            (
                "better price to a rival",
                "I8",
                instead(options, "better_for_supplier", lambda *_: None),
            ),
            ("better region to a rival", "I8", _narrowed(regions=("anywhere",))),
            ("better accelerator to a rival", "I8", _narrowed(accelerators=None)),
            ("ceiling above the notice", "I8", _released(_dearer)),
            ("use after the tail", "I9", _TAIL_FORGOTTEN),
            ("tail longer than the clause's", "I9", _released(_longer)),
            (
                "withdrawal releases",
                "I20",
                wrapped([(lease, "withdraw"), (offer, "withdraw")], _release_on_withdrawal),
            ),
            (
                "two offers for one unit",
                "I4",
                also(allowed(_U.OFFERED, _U.OFFERED), wrapped([(place, "issue")], _put_twice)),
            ),
            ("lapse without receipt", "I11", instead(offer, "_deliver", _lapsed_unheard)),
            (
                "lapse before the window's end",
                "I12",
                also(
                    wrapped(_DELIVER, _looked_at_early),
                    wrapped([(offer, "_close")], _over_at_once),
                ),
            ),
            (
                "window cut short",
                "I12",
                _mechanics(lambda known: {"window_s": known.window_s // 2}),
            ),
            ("time to cure left out", "I19", _mechanics(lambda _: {"cure_s": 0})),
            ("timer dropped", "I28", wrapped(_DELIVER, _without_timer)),
            (
                "patience forgotten",
                "I28",
                instead(placement._Round, "_out_of_patience", lambda *_: False),  # noqa: SLF001
            ),
            ("stale edition", "I13", _edition(lambda known: known.editions[0])),
            (
                "draft edition",
                "I13",
                told_as(events.OfferIssued, lambda told: replace(told, edition="draft")),
            ),
            (
                "defaulted units offered again",
                "I19",
                wrapped([(offering, "_let_go")], _default_never_released),
            ),
            ("release of a default called stale", "I19", _released(_stale_at_once)),
            (
                "default released twice",
                "I19",
                also(
                    allowed(_U.RELEASED, _U.RELEASED),
                    wrapped([(offering, "_let_go")], _default_twice),
                ),
            ),
            (
                "default before the cure is over",
                "I19",
                wrapped([(answer, "accept")], _called_in_at_once),
            ),
            (
                "two live leases",
                "I5",
                told_as(events.LeaseEnded, lambda told: None if told.cause == "lost" else told),
            ),
            (
                "epoch used twice",
                "I5",
                told_as(events.LeaseActivated, lambda e: replace(e, epoch=1)),
            ),
            ("lost unit", "I1", instead(offering, "_rest", lambda *_: ())),
            (
                "standing refusal used after its validity",
                "I35",
                _stands(lambda self, _, units: units >= self.units),
            ),
            (
                "standing refusal of many used for few",
                "I35",
                _stands(lambda self, now, _: bool(now < self.valid_until)),
            ),
            (
                "skipped offer without citation",
                "I22",
                wrapped([(place, "_release")], _skipped_uncited),
            ),
            ("order releases", "I15", wrapped([(offering, "_let_go")], _orders_release)),
            ("exclusive class sent abroad", "I15", _everywhere_free(exclusive=True)),
            ("right forgotten", "I2", _everywhere_free(exclusive=False)),
            (
                "commitment that cites nothing",
                "I2",
                wrapped([(place, "commit_third_party")], _uncited),
            ),
            (
                "third party called the holder",
                "I2",
                told_as(events.ThirdPartyCommitted, _called_the_holders),
            ),
            (
                "lease without a commitment",
                "I2",
                told_as(events.LeaseActivated, lambda told: replace(told, provider="oracle")),
            ),
            ("job over with an offer open", "I6", instead(lease, "withdraw", lambda *_: None)),
            ("fact left out", "I27", wrapped([(MemoryTransaction, "_tell")], _one_left_out)),
            ("fact dated back", "I34", wrapped([(MemoryTransaction, "_tell")], _dated_back)),
            ("fact altered after sealing", "I26", wrapped([(MemoryLog, "facts")], _altered)),
            (
                "machine that nobody leases",
                "surprise",
                wrapped([(Case, "give_back")], _kept_running),
            ),
        )
    ),
)
