"""How the holder's desk is reached: by its webhook, and by signed links."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.domain.key import LinkOf
from broker.domain.link import Link, LinkTo
from broker.domain.values import NoticeId, OfferId
from broker.steps.answer import acknowledge
from broker.steps.authority import UnauthorisedError
from broker.steps.notices import fetch_notice
from tests.fuzz.actions import Action
from tests.fuzz.parties import key
from tests.fuzz.people import answer_to, some_offer
from tests.fuzz.webhooks import Answers
from tests.fuzz.world import World

_SECRET: Final = b"what the fuzz signs its links with"
_GOOD_FOR_S: Final = (30, 120, 600, 3600)
_ANSWERS: Final = tuple(Answers)


def endpoint(world: World, action: Action) -> None:
    answers = _ANSWERS[action.a % len(_ANSWERS)]
    calls = (1, 1, 2, 4, 9)[action.b % 5]
    world.say(f"For the next {calls} notices the webhook {answers.value}.")
    world.webhook.moods.extend([answers] * calls)


def link(world: World, action: Action) -> None:
    """Half of them are followed: in time, too late, by hands they were not meant for."""
    if not world.links or action.b % 2:
        _make(world, action)
    else:
        _follow(world, action)


def _make(world: World, action: Action) -> None:
    offer = some_offer(world, action.a)
    if offer is None:
        return
    if not world.secrets and action.c % 3 == 0:
        key(world, replace(action, a=1))
    stands_for = world.secrets[-1][0] if world.secrets and action.c % 5 else None
    to_notice = offer.notice is not None and action.c % 2
    made = Link(
        to=LinkTo.NOTICE if to_notice else LinkTo.OFFER,
        name=str(offer.notice if to_notice else offer.id),
        version=1 if to_notice else offer.version,
        key=stands_for,
        until=int(world.clock.at.timestamp()) + _GOOD_FOR_S[action.b // 2 % len(_GOOD_FOR_S)],
    )
    world.links.append((made, made.signature(_SECRET)))
    world.say(f"A link to {made.name} is made that stands for {stands_for}.")


def _follow(world: World, action: Action) -> None:
    made, signature = world.links[-1 - action.a % min(3, len(world.links))]
    if action.c % 7 == 0:  # somebody has changed it on its way
        made = replace(made, until=made.until + 3600, key=None)
    world.say(f"Somebody follows the link to {made.name}.")
    if not made.is_signed(signature, _SECRET) or made.over(world.clock.at):
        world.happened["links turned away"] += 1
        world.say("It is forged, or over.")
        return
    shown = LinkOf(made.key)
    try:
        names = _opened(world, made, shown)
    except UnauthorisedError as wrong:
        world.happened["links turned away"] += 1
        world.say(f"It opens nothing: {wrong}.")
        return
    world.happened["links followed"] += 1
    with world.quietly() as store, store.transaction() as tx:
        found = [tx.offer(name) for name in names]
    for offer in filter(None, found):
        if action.c % 3:
            world.happened["answers by link"] += 1
            answer_to(world, offer, action, shown)


def _opened(world: World, made: Link, shown: LinkOf) -> tuple[OfferId, ...]:
    """The offers that the link leads to; whoever follows it has received them."""
    if made.to is LinkTo.NOTICE:
        return fetch_notice(NoticeId(made.name), world.store, world.rules, shown).offers
    acknowledge(OfferId(made.name), world.store, world.rules, shown)
    return (OfferId(made.name),)
