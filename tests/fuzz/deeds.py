"""What each action does to the broker: the real steps, called as the history has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from broker.domain.offer import Desk, Offer, OfferState
from broker.domain.values import ProviderName, usd
from broker.steps.amend import amend_job
from broker.steps.beat import Part, note_beat
from broker.steps.cancel import cancel_jobs
from broker.steps.clear_cool_downs import Within, clear_cool_downs
from broker.steps.submit import InvalidJobError
from tests.fuzz.actions import STEPS, Action, Verb
from tests.fuzz.clouds import Mood
from tests.fuzz.desks import endpoint, link
from tests.fuzz.parties import enter, key, reclaim, revoke
from tests.fuzz.people import agent, answer, answer_to, fetch, submit, submit_quoted
from tests.fuzz.seams import ProcessDied
from tests.fuzz.terms import another_edition, quote_withdrawn
from tests.fuzz.world import LATE, PLACES, World

Thing = TypeVar("Thing")
_SPANS_S: Final = (1, 5, 10, 20, 30, 45, 61, 90, 120, 185, 250, 301, 620, 905)
_MOODS: Final = tuple(Mood)
_GONE_S: Final = (3, 6, 20, 60, 130, 400)
_CHANGES: Final[Sequence[Mapping[str, object]]] = (
    {"max_price_usd_hour": usd("3.00")},
    {"max_price_usd_hour": usd("3.50")},
    {"max_price_usd_hour": usd("4.00")},
    {"max_price_usd_hour": usd("5.00")},
    {"max_price_usd_hour": None},
    {"regions": ("*east*",)},
    {"regions": ()},
    {"exclude": (ProviderName.AWS,)},
)
_RENEGED_S: Final = (180, 250, 330, 420)
_ABSENT: Final = (Mood.UNREACHABLE, Mood.TRANSIENT, Mood.UNSURE_NOT, Mood.AUTH)


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


def _clear(world: World, action: Action) -> None:
    place = PLACES[action.a % len(PLACES)]
    within = Within(provider=place.provider, region=place.region if action.b % 2 else None)
    gone = clear_cool_downs(within, "operator", "asked", world.store)
    world.say(f"The operator clears {within.provider} {within.region or ''}: {len(gone)} things.")


_NAMED: Final = {
    Verb.PLACE: "place",
    Verb.OFFERS: "put",
    Verb.PROVISION: "provision",
    Verb.RECONCILE: "reconcile",
    Verb.SWEEP: "sweep",
    Verb.ANNOUNCE: "announce",
}


def _settle(world: World, _: Action) -> None:
    world.say("Workers do all that is due.")
    world.settle()


def _pass(world: World, action: Action) -> None:
    seconds = _SPANS_S[action.a % len(_SPANS_S)]
    late = LATE * (action.b % 3) / 2
    world.say(f"{seconds} s pass; workers come {late.total_seconds():g} s late.")
    world.pass_to(world.clock.at + timedelta(seconds=seconds), late)


def _open_offers(world: World, *states: OfferState) -> list[Offer]:
    """Those of the last offers that are in one of these states."""
    names = world.offers()[-6:]
    with world.quietly() as store, store.transaction() as tx:
        known = [tx.offer(name) for name in names]
    return [offer for offer in known if offer is not None and offer.state in states]


def _brink(world: World, action: Action) -> None:
    """To the end of an open offer's window, and nothing is done; sometimes somebody answers it."""
    offer = chosen(_open_offers(world, OfferState.OPEN), action.a)
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


def _renege(world: World, action: Action) -> None:
    """People accept what their cloud has not, and the time to deliver and to cure passes."""
    undecided = _open_offers(world, OfferState.SENT, OfferState.OPEN)
    offer = chosen([one for one in undecided if one.desk is Desk.PERSON], action.a)
    if offer is None:
        return
    world.say("Azure has nothing any more, and for some minutes it stays so.")
    azure = world.clouds[ProviderName.AZURE]
    for place in azure.stock:
        azure.stock[place] = 0
    answer_to(world, offer, replace(action, b=0, c=1))
    world.pass_to(world.clock.at + timedelta(seconds=_RENEGED_S[action.b % 4]), LATE)


def _away(world: World, action: Action) -> None:
    """The holder's cloud cannot be reached from anywhere for a while; then it can, or not yet."""
    mood = _ABSENT[action.a % len(_ABSENT)]
    seconds = (50, 70, 100, 150)[action.b % 4]
    world.say(f"For {seconds} s azure {mood.value}.")
    world.happened["away"] += 1
    azure = world.clouds[ProviderName.AZURE]
    azure.moods.extendleft([mood] * 200)
    world.pass_to(world.clock.at + timedelta(seconds=seconds), timedelta(seconds=action.c % 3))
    if action.c % 4:
        azure.moods.clear()


def _outage(world: World, action: Action) -> None:
    """One part is away, or all and nobody does anything; then one after the other comes back."""
    seconds = _GONE_S[action.a % len(_GONE_S)]
    parts = list(Part)[:: -1 if action.b % 2 else 1][: 1 + action.b // 2 % 2]
    world.say(f"For {seconds} s {' and '.join(parts)} are away.")
    for part in Part if not world.beating else ():
        note_beat(world.store, part)
    world.beating = frozenset(Part) - frozenset(parts)
    if world.beating:  # and workers go on working
        world.pass_to(world.clock.at + timedelta(seconds=seconds), LATE * (action.b % 3) / 2)
    else:
        world.clock.at += timedelta(seconds=seconds)
    for part in parts:
        world.beating |= {part}
        note_beat(world.store, part)
        world.say(f"The {part} is there again.")
        if action.c % 3:
            world.settle()


def _amend(world: World, action: Action) -> None:
    """Another price, other regions: better for a rival, worse, or not to be compared."""
    job = chosen(world.jobs, action.a)
    if job is None:
        return
    changes = _CHANGES[action.b % len(_CHANGES)]
    world.say(f"The tenant of {job} asks for {changes} from now on.")
    try:
        amended = amend_job(job, changes, world.store, world.rules)
    except InvalidJobError as wrong:
        world.say(f"It is not taken: {wrong}.")
        return
    world.happened[f"jobs {amended.became.value}"] += 1
    world.say(f"It is {amended.became} {amended.because}.")


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
    Verb.ENTER: enter,
    Verb.REVOKE: revoke,
    Verb.RENEGE: _renege,
    Verb.AWAY: _away,
    Verb.OUTAGE: _outage,
    Verb.AMEND: _amend,
    Verb.KEY: key,
    Verb.RECLAIM: reclaim,
    Verb.CLEAR: _clear,
    Verb.QUOTED: submit_quoted,
    Verb.WITHDRAW: quote_withdrawn,
    Verb.EDITION: another_edition,
    Verb.ENDPOINT: endpoint,
    Verb.LINK: link,
    **dict.fromkeys(STEPS, _step),
}
