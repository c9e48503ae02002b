"""Stories of terms that move: quotes that go, editions that come, webhooks and links that fail."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from datetime import timedelta
from typing import Any, Final

from broker.agreements.errors import AgreementError
from broker.domain.key import LinkOf, Role
from broker.domain.values import JobId, KeyId, OfferId, ProviderName, RefusalReason
from broker.domain.workload import WorkClass
from broker.steps.answer import record_answer
from broker.steps.authority import Grant, grant_key, revoke_key
from broker.steps.new_edition import record_edition
from broker.steps.said import Answer, AnswerKind, Hold
from broker.steps.withdraw_quote import withdraw_quote
from tests.fuzz.agreements import HOUSE
from tests.fuzz.directed import arrives, later
from tests.fuzz.parties import GRANTOR, HOLDER
from tests.fuzz.terms import last_edition
from tests.fuzz.webhooks import Answers
from tests.fuzz.world import World
from tests.support.broker import EAST

_QUOTE_S: Final = 18 * 60
"""Longer than any quote lasts here."""


def _offer(world: World) -> OfferId:
    return world.offers()[-1]


def _refused(world: World, shown: LinkOf | None = None) -> None:
    """The holder's people refuse; nobody else does anything yet."""
    told = Answer(kind=AnswerKind.REFUSE, reason=RefusalReason.NO_CAPACITY, by="clerk", shown=shown)
    record_answer(_offer(world), told, world.store, world.rules, world.ids)


def _taken_back(world: World) -> None:
    told = [fact.data for fact in world.facts() if fact.type == "QuoteReceived"][-1]
    withdraw_quote(JobId(told["job"]), told["quote"], "sold out", world.store)
    world.settle()


def _nobody_has_room(world: World) -> None:
    for cloud in world.clouds.values():
        for place in cloud.stock:
            cloud.stock[place] = 0


def a_quote_is_taken_back_before_an_answer(world: World) -> None:
    arrives(world, "quoted people")
    _taken_back(world)


def a_quote_is_taken_back_after_a_refusal(world: World) -> None:
    arrives(world, "quoted people")
    _refused(world)
    _taken_back(world)


def a_quote_is_taken_back_after_an_acceptance(world: World) -> None:
    _nobody_has_room(world)
    arrives(world, "quoted people")
    offer = _offer(world)
    hold = Hold(hold="kept", units=1, region=EAST.region, sku=EAST.sku)
    told = Answer(kind=AnswerKind.ACCEPT, holds=(hold,), by="clerk")
    record_answer(offer, told, world.store, world.rules, world.ids)
    _taken_back(world)


def a_quote_ends_before_anybody_has_room(world: World) -> None:
    _nobody_has_room(world)
    arrives(world, "kept people")
    _refused(world)
    later(world, _QUOTE_S)
    world.clouds[ProviderName.OWN].calm()
    later(world, 10 * 60)


def a_webhook_is_down(world: World) -> None:
    world.webhook.moods.extend([Answers.DOWN] * 2)
    arrives(world, "quoted people")
    later(world, 10)


def _next(world: World, begins_s: int, open_offers: str, **changed: str) -> dict[str, Any]:
    last = last_edition(world, HOUSE)
    begins = world.clock.at + timedelta(seconds=begins_s)
    return {
        **deepcopy(dict(last.document)),
        "edition": "later",
        "status": "in_force",
        "supersedes": last.id,
        "effective": {"from": f"{begins:%Y-%m-%dT%H:%M:%SZ}", "to": None},
        "transition": {"open_offers": open_offers, "active_leases": "grandfather"},
        **changed,
    }


def _recorded(world: World, said: dict[str, Any]) -> None:
    with suppress(AgreementError):
        record_edition(HOUSE, said, GRANTOR, world.store, world.rules)


def an_edition_is_recorded_late(world: World) -> None:
    later(world, 20 * 60)
    _recorded(world, _next(world, -60, "run_off"))
    arrives(world, "lab")


def an_edition_leaves_another_in_force(world: World) -> None:
    """It says that it supersedes one that never was."""
    later(world, 20 * 60)
    _recorded(world, _next(world, 60, "run_off", supersedes="none"))
    later(world, 120)


def an_edition_ends_open_offers(world: World) -> None:
    later(world, 20 * 60)
    arrives(world, "people", work_class=WorkClass.PRETRAINING)
    _recorded(world, _next(world, 20, "withdraw"))
    later(world, 300)


def _key(world: World, lasts_s: int | None = None) -> KeyId:
    until = world.clock.at + timedelta(seconds=lasts_s) if lasts_s else None
    grant = Grant(party=HOLDER, role=Role.DESK, valid_until=until, by=GRANTOR)
    return grant_key(grant, "secret", world.store, world.rules, world.ids).id


def a_link_is_followed_after_its_key_was_taken_back(world: World) -> None:
    key = _key(world)
    arrives(world, "people")
    revoke_key(key, GRANTOR, "lost", world.store)
    _refused(world, LinkOf(key))


def a_link_is_followed_after_its_keys_day(world: World) -> None:
    key = _key(world, 20)
    arrives(world, "people")
    later(world, 30)
    _refused(world, LinkOf(key))


def a_link_without_a_key_is_followed(world: World) -> None:
    _key(world)
    arrives(world, "people")
    _refused(world, LinkOf(None))
