"""What each action does to the broker: the real steps, called as the history has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from broker.domain.values import ProviderName
from broker.steps.cancel import cancel_jobs
from tests.fuzz.actions import STEPS, Action, Verb
from tests.fuzz.clouds import Mood
from tests.fuzz.people import agent, answer, answer_to, fetch, submit
from tests.fuzz.seams import ProcessDied
from tests.fuzz.world import LATE, PLACES, World

Thing = TypeVar("Thing")
_SPANS_S: Final = (1, 5, 10, 20, 30, 45, 61, 90, 120, 185, 250, 301, 620, 905)
_MOODS: Final = tuple(Mood)


def perform(world: World, action: Action) -> None:
    """Do what the action says. A process that dies on the way is part of the story."""
    world.happened[action.verb] += 1
    if action.seam is not None:
        world.seams.arm(action.seam, _meanwhile(world, action))
    try:
        _DEEDS[action.verb](world, action)
    except ProcessDied as died:
        world.happened["deaths"] += 1
        world.say(f"The process dies {died}; what it had not committed never was.")
    finally:
        world.seams.disarm()


def _meanwhile(world: World, action: Action) -> Callable[[str], object] | None:
    if not action.meanwhile:
        return None

    def others(where: str) -> None:
        world.happened["overtaken"] += 1
        world.say(f"It is held up {where}; meanwhile:")
        for other in action.meanwhile:
            perform(world, other)
        world.say("It goes on.")

    return others


def chosen(things: Sequence[Thing], number: int) -> Thing | None:
    """One of them; the later ones come up more often."""
    if not things:
        return None
    among = things if number % 3 == 0 else things[-3:]
    return among[number // 3 % len(among)]


def _cancel(world: World, action: Action) -> None:
    job = chosen(world.jobs, action.a)
    if job is not None:
        world.say(f"The tenant cancels {job}.")
        cancel_jobs([job], "asked", action.b % 2 * 10, world.store)


def _step(world: World, action: Action) -> None:
    steps = world.steps()
    names = [name for name in steps if name.startswith(_NAMED[action.verb])]
    name = names[action.a % len(names)]
    world.say(f"A worker runs {name}.")
    for _ in range(1 + (action.b % 5 == 0)):  # the same message, delivered twice
        steps[name]()


_NAMED: Final = {
    Verb.PLACE: "place",
    Verb.OFFERS: "put",
    Verb.PROVISION: "provision",
    Verb.RECONCILE: "reconcile",
    Verb.SWEEP: "sweep",
}


def _settle(world: World, _: Action) -> None:
    world.say("Workers do all that is due.")
    world.settle()


def _pass(world: World, action: Action) -> None:
    seconds = _SPANS_S[action.a % len(_SPANS_S)]
    late = LATE * (action.b % 3) / 2
    world.say(f"{seconds} s pass; workers come {late.total_seconds():g} s late.")
    world.pass_to(world.clock.at + timedelta(seconds=seconds), late)


def _brink(world: World, action: Action) -> None:
    """To the end of an open offer's window, and nothing is done; sometimes somebody answers it."""
    open_, names = [], world.offers()[-6:]
    with world.quietly() as store, store.transaction() as tx:
        for name in names:
            offer = tx.offer(name)
            if offer is not None and offer.state == "open" and offer.expires_at is not None:
                open_.append(offer)
    offer = chosen(open_, action.a)
    if offer is None or offer.expires_at is None:
        return
    microseconds = (-1, 0, 0, 1, 15_000_000)[action.b % 5]
    end = offer.expires_at + timedelta(microseconds=microseconds)
    if end < world.clock.at:
        return
    world.say(f"Time passes to {microseconds} us after the end of {offer.id}'s window.")
    world.happened["brink"] += 1
    world.pass_to(end, LATE)
    if action.c % 2:
        answer_to(world, offer, action)


def _mood(world: World, action: Action) -> None:
    names = list(ProviderName)[:1] * 3 + list(world.clouds)  # the holder's cloud above all
    name = names[action.a % len(names)]
    mood, calls = _MOODS[action.b % len(_MOODS)], (1, 1, 2, 3, 15)[action.c % 5]
    world.happened[mood] += 1
    world.say(f"For its next {calls} calls {name} {mood.value}.")
    world.clouds[name].moods.extend([mood] * calls)


def _stock(world: World, action: Action) -> None:
    place, count = PLACES[action.a % len(PLACES)], (0, 0, 0, 1, 2, 4)[action.b % 6]
    world.say(f"{place} now has {count} free.")
    world.clouds[place.provider].stock[place] = count


def _break(world: World, action: Action) -> None:
    there = [(cloud, name) for cloud in world.clouds.values() for name in sorted(cloud.there)]
    found = chosen(there, action.a)
    if found is not None:
        cloud, name = found
        world.say(f"A machine of {cloud.name}'s breaks down: {name}.")
        world.happened["broken"] += 1
        cloud.lose(name)


_DEEDS: Final[Mapping[Verb, Callable[[World, Action], None]]] = {
    Verb.SUBMIT: submit,
    Verb.CANCEL: _cancel,
    Verb.ANSWER: answer,
    Verb.FETCH: fetch,
    Verb.SETTLE: _settle,
    Verb.WAIT: _pass,
    Verb.BRINK: _brink,
    Verb.MOOD: _mood,
    Verb.STOCK: _stock,
    Verb.AGENT: agent,
    Verb.BREAK: _break,
    **dict.fromkeys(STEPS, _step),
}
