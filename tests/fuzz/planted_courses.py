"""Faults planted in the course of an offer while we are away or its terms move, and in bills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from broker.domain import requote
from broker.domain.case import Case
from broker.domain.event import Event
from broker.domain.events import (
    LeaseBilled,
    OfferIssued,
    ReclaimAsked,
    UnitStarted,
)
from broker.domain.offer import Offer, OfferKind
from broker.domain.offering import _let_go
from broker.domain.release import Basis
from broker.steps import amend, beat, offer
from tests.fuzz import directed
from tests.fuzz.planted import Plant, also, instead, told_as, wrapped


def _told_twice(tell: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, event: Event) -> None:
        for _ in range(1 + isinstance(event, LeaseBilled)):
            tell(case, event)

    return bent


def _with_a_release(supersede: Callable[..., Any]) -> Callable[..., Any]:
    def bent(case: Case, old: Offer) -> None:
        supersede(case, old)
        _let_go(case, replace(old, kind=OfferKind.RIGHT), old.units, Basis.REFUSAL)

    return bent


_STORIES: Final = {"requotes without end": directed.a_tenant_bids_higher_and_higher}
PLANTS: Final = tuple(
    Plant(name=name, law=law, bend=bend, story=_STORIES.get(name))
    for name, law, bend in (
        ("outage at the holder's expense", "I12", instead(beat, "toll", lambda *_: None)),
        (
            "timers end while we are away",
            "I12",
            instead(offer, "somebody_is_away", lambda _: False),
        ),
        (
            "requotes without end",
            "I21",
            also(
                instead(amend, "room_from", lambda *_: None),
                instead(requote, "room_from", lambda *_: None),
            ),
        ),
        (
            "superseded offer releases",
            "I20",
            wrapped([(amend, "supersede")], _with_a_release),
        ),
        (
            "new version names none before it",
            "I21",
            told_as(OfferIssued, lambda told: replace(told, supersedes=None)),
        ),
        ("reclaim that nobody asked for", "I29", told_as(ReclaimAsked, lambda _: None)),
        (
            "process started under no lease",
            "I30",
            told_as(UnitStarted, lambda told: replace(told, epoch=told.epoch + 1)),
        ),
        (
            "notice altered after its hash",
            "I10",
            told_as(OfferIssued, lambda told: replace(told, notice_sha256="0" * 64)),
        ),
        ("lease billed twice", "I31", wrapped([(Case, "tell")], _told_twice)),
        ("lease not billed", "I31", told_as(LeaseBilled, lambda _: None)),
        (
            "renewed lease billed only at its end",
            "I31",
            told_as(LeaseBilled, lambda told: None if told.goes_on else told),
        ),
        (
            "lease billed for less",
            "I31",
            told_as(LeaseBilled, lambda told: replace(told, gpus=told.gpus + 1)),
        ),
    )
)
