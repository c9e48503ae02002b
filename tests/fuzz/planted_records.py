"""Faults planted in what the register of an agreement lets go, each with its law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from broker.domain import learning, options, recording, register, unavailability
from broker.domain.agreement import Edition
from broker.domain.clause import Consent, Match, Waiver
from broker.domain.register import Register
from broker.domain.right import Suspension
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.suspension import Conduct
from broker.domain.unasked import Unasked
from broker.domain.unavailability import Health, Unavailable
from broker.steps.rulebook import Rulebook
from tests.fuzz import directed
from tests.fuzz.planted import Bend, Plant, instead, wrapped

_LONG: Final = timedelta(hours=1)
_PLENTY: Final = 99


def _waivers(**changed: Callable[[Any], object]) -> Bend:
    """The waivers of an edition are read otherwise than they were given."""

    def misread(one: Waiver) -> dict[str, Any]:
        return {name: change(one) for name, change in changed.items()}

    def wrap(exemptions: Callable[..., Any]) -> Callable[..., Any]:
        def bent(edition: Edition, *asked: Any, **also: Any) -> object:  # noqa: ANN401
            read = tuple(replace(one, **misread(one)) for one in edition.waivers)
            return exemptions(replace(edition, waivers=read), *asked, **also)

        return bent

    return wrapped([(options, "exemptions")], wrap)


def _whatever_size(is_small: Callable[..., Any]) -> Callable[..., Any]:
    def bent(self: Any, need: Any, units: tuple[int, ...]) -> bool:  # noqa: ANN401
        small = replace(need.job.workload, units=1, gang=False)
        return bool(is_small(self, replace(need, job=replace(need.job, workload=small)), units))

    return bent


def _citing_nothing(released: Callable[..., Any]) -> Callable[..., Any]:
    def bent(*asked: Any) -> object:  # noqa: ANN401
        found = released(*asked)
        return found and replace(found, cites=())

    return bent


def _after_one(mechanics: Callable[..., Any]) -> Callable[..., Any]:
    def bent(*asked: Any) -> object:  # noqa: ANN401
        known = mechanics(*asked)
        rule: Suspension | None = known.suspension
        return replace(known, suspension=rule and replace(rule, defaults=1))

    return bent


def _counted_again(count: Callable[..., Any]) -> Callable[..., Any]:
    """Defaults that have suspended the right once count once more."""

    def bent(conduct: Conduct, *said: Any) -> object:  # noqa: ANN401
        after, told = count(conduct, *said)
        return (replace(after, defaults=conduct.defaults), told) if told else (after, told)

    return bent


def _from_anywhere(enough: Callable[..., Any]) -> Callable[..., Any]:
    return lambda probes, evidence: enough(probes, replace(evidence, vantage=1))


def _as_if_away(continued: Callable[..., Any]) -> Callable[..., Any]:
    def bent(self: Unasked, need: Any) -> object:  # noqa: ANN401
        known = self.register(need.job.agreement)
        away = Unavailable(id="nothing", since=self.now, probes=())
        self.registers[need.job.agreement] = replace(known, health=Health(unavailable=away))
        found = continued(self, need)
        self.registers[need.job.agreement] = known
        return found

    return bent


def _told_all_the_same(options_for: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *asked: replace(options_for(*asked), holder_barred=False)


_STORIES: Final = {
    "waiver over its cap": directed.a_waiver_is_used_up,
    "revoked waiver used": directed.a_waiver_is_revoked,
    "waiver used before its day": directed.a_waiver_begins_and_ends,
    "waiver used when it is over": directed.a_waiver_begins_and_ends,
    "waiver used for other work": directed.a_waiver_is_of_other_work,
    "de minimis over its cap": directed.many_small_jobs_arrive,
    "default that suspends twice": directed.the_holder_reneges,
    "revoked consent used": directed.a_consent_is_revoked,
    "absence seen from one place": directed.only_here_nobody_answers,
    "revoked acceptance used": directed.an_acceptance_is_revoked,
    "acceptance beforehand of other work": directed.an_acceptance_is_of_other_work,
}

PLANTS: Final = tuple(
    Plant(name=name, law=law, bend=bend, story=_STORIES.get(name))
    for name, law, bend in (
        ("waiver over its cap", "I16", instead(Register, "left", lambda *_: _PLENTY)),
        ("revoked waiver used", "I22", instead(register, "_standing", lambda records, _: records)),
        ("waiver used before its day", "I16", _waivers(begins=lambda one: one.begins - _LONG)),
        ("waiver used when it is over", "I16", _waivers(ends=lambda one: one.ends + _LONG)),
        ("waiver used for other work", "I22", _waivers(match=lambda _: Match())),
        ("de minimis over its cap", "I17", instead(Register, "small_left", lambda *_: _PLENTY)),
        (
            "de minimis for many units",
            "I17",
            wrapped([(Unasked, "_is_small")], _whatever_size),
        ),
        (
            "suspension that never ends",
            "I22",
            instead(
                Conduct,
                "suspended",
                lambda self, clause, _: next(
                    (one for one in self.suspensions if one.clause == clause), None
                ),
            ),
        ),
        (
            "release that cites no suspension and no absence",
            "I22",
            wrapped([(Unasked, "released")], _citing_nothing),
        ),
        ("suspension after one default", "I22", wrapped([(Rulebook, "mechanics")], _after_one)),
        (
            "default that suspends twice",
            "I22",
            wrapped([(learning, "count_default")], _counted_again),
        ),
        ("absence without evidence", "I22", instead(unavailability, "_enough", lambda *_: True)),
        (
            "absence seen from one place",
            "I22",
            wrapped([(unavailability, "_enough")], _from_anywhere),
        ),
        (
            "attestation by the wrong party",
            "I23",
            instead(recording, "_attestable", lambda *_: None),
        ),
        (
            "continuity while the holder is there",
            "I15",
            wrapped([(Unasked, "continued")], _as_if_away),
        ),
        ("revoked consent used", "I15", instead(register, "_standing", lambda records, _: records)),
        (
            "consent used at any time",
            "I15",
            instead(Consent, "covers", lambda self, asked: self.match.fits(asked)),
        ),
        (
            "acceptance beforehand over its units",
            "I35",
            instead(Register, "left_of", lambda *_: _PLENTY),
        ),
        (
            "acceptance beforehand used when it is stale",
            "I35",
            instead(StandingAcceptance, "fresh", lambda *_: True),
        ),
        (
            "revoked acceptance used",
            "I35",
            instead(Register, "stands", lambda *_: True),
        ),
        (
            "acceptance beforehand of other work",
            "I35",
            instead(StandingAcceptance, "covers", lambda *_: True),
        ),
        (
            "placement with a party in conflict",
            "I32",
            instead(Register, "barred", lambda *_: frozenset()),
        ),
        (
            "notice to a holder in conflict",
            "I32",
            wrapped([(options, "options_for")], _told_all_the_same),
        ),
    )
)
