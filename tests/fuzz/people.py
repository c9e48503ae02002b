"""What tenants, the holder's people and the agents on machines do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from broker.domain.key import LinkOf
from broker.domain.machine import RunState
from broker.domain.market import Place
from broker.domain.offer import Offer
from broker.domain.values import JobId, LeaseId, MachineName, OfferId, RefusalReason, usd
from broker.domain.workload import Kind, Limits, Shape, WorkClass, Workload
from broker.ports import KeyTakenError
from broker.steps.answer import acknowledge, record_answer
from broker.steps.authority import UnauthorisedError
from broker.steps.run import Report, TokenError, enrol, hear, token_of
from broker.steps.said import Answer, AnswerKind, Hold
from broker.steps.submit import InvalidJobError, Submission, submit_jobs
from tests.fuzz.actions import Action
from tests.fuzz.world import World
from tests.support.broker import EAST, WEST

AGENTS_SECRET: Final = b"a secret of the fuzz"
_TENANTS: Final = ("lab", "lab", "lab", "people", "people", "free", "closed", "mild", "mild people")
_QUOTED_TENANTS: Final = ("quoted", "quoted people", "quoted people", "kept people")
_CLASSES: Final = (
    *[WorkClass.BATCH_INFERENCE] * 4,
    WorkClass.FINE_TUNING,
    WorkClass.EVALUATION,
    WorkClass.INFERENCE_FIRST_PARTY,
    WorkClass.INFERENCE_API,
    WorkClass.PRETRAINING,
)
_LIMITS: Final = (
    *[Limits()] * 6,
    Limits(max_price_usd_hour=usd("2.55")),
    Limits(max_price_usd_hour=usd("3.05")),
    Limits(max_price_usd_hour=usd("0.50")),
    Limits(regions=("*east*",)),
    Limits(regions=("us-*", "westus")),
)
_SHAPES: Final = (
    ("A100-80GB",),
    ("A100-80GB",),
    ("A100-80GB", "H100-80GB"),
    (),
)
_PATIENCE_S: Final = (None, None, None, 40, 150, 700)


def _work(action: Action) -> Workload:
    a, b, c = action.a, action.b, action.c
    units = 1 + a % 4
    gang = units > 1 and b % 3 == 0
    chunk = units if gang else (2 if units % 2 == 0 and c % 3 == 0 else 1)
    return Workload(
        name="job",
        tenant=_TENANTS[a // 4 % len(_TENANTS)],
        kind=Kind.BATCH,
        work_class=_CLASSES[b // 3 % len(_CLASSES)],
        run="true",
        units=units,
        gang=gang,
        chunk=chunk,
        shape=Shape(accelerators=_SHAPES[c // 3 % len(_SHAPES)], gpus=1),
        limits=_LIMITS[c // 16 % len(_LIMITS)],
        checkpointable=c % 3 > 0,
        patience_s=_PATIENCE_S[a // 32 % len(_PATIENCE_S)],
        priority=b // 32 % 2,
    )


def submit(world: World, action: Action) -> None:
    """A job is submitted; one whose answer was lost is submitted again under its key."""
    take_in(world, action, _work(action))


def submit_quoted(world: World, action: Action) -> None:
    """One whose holder is shown a third party's price."""
    tenant = _QUOTED_TENANTS[action.a // 4 % len(_QUOTED_TENANTS)]
    take_in(world, action, replace(_work(action), tenant=tenant))


def take_in(world: World, action: Action, work: Workload) -> None:
    key = f"key-{action.c % 7}" if action.c % 2 else None
    if key is not None and action.a % 5:
        work = world.keys.get(key, work)
    form = "gang" if work.gang else f"chunks of {work.chunk}"
    world.say(
        f"{work.tenant} submits {work.units} units ({form}) of {work.work_class}"
        f"{f', patience {work.patience_s} s' if work.patience_s else ''}"
        f"{f', key {key}' if key else ''}, limits {_limits(work.limits)}."
    )
    try:
        one = Submission(workload=work, key=key)
        (job,) = submit_jobs([one], world.store, world.rules, world.ids)
    except (InvalidJobError, KeyTakenError) as wrong:
        world.say(f"It is not taken: {wrong}.")
        return
    if key is not None:
        world.keys[key] = work
    if job in world.jobs:
        world.happened["submitted again"] += 1
    else:
        world.jobs.append(job)


def _limits(limits: Limits) -> str:
    price = limits.max_price_usd_hour
    said = [*limits.regions, *([f"at most {price} USD/h"] if price else [])]
    return ", ".join(said) or "none"


def some_offer(world: World, number: int) -> Offer | None:
    """One of the offers there ever were; the last ones come up more often."""
    names = world.offers()
    if not names:
        return None
    among = names if number % 4 == 0 else names[-2:]
    with world.quietly() as store, store.transaction() as tx:
        return tx.offer(OfferId(among[number // 4 % len(among)]))


def fetch(world: World, action: Action) -> None:
    offer = some_offer(world, action.a)
    if offer is not None:
        world.say(f"The holder's desk fetches the notice of {offer.id}.")
        _received(world, offer, action)


def _received(world: World, offer: Offer, action: Action) -> None:
    try:
        acknowledge(offer.id, world.store, world.rules, shown(world, action))
    except UnauthorisedError as wrong:
        world.happened["desks turned away"] += 1
        world.say(f"It is turned away: {wrong}.")


def shown(world: World, action: Action) -> str | None:
    """The last key a desk was given; now and then an old one, a wrong one or none."""
    if not world.secrets or action.c % 13 == 0:
        return None if action.c % 2 else "made up"
    return world.secrets[0 if action.c % 5 == 0 else -1][1]


def answer(world: World, action: Action) -> None:
    offer = some_offer(world, action.a)
    if offer is not None:
        answer_to(world, offer, action)


def answer_to(world: World, offer: Offer, action: Action, link: LinkOf | None = None) -> None:
    """The holder's people say something; every third time they say it twice, or change it."""
    told = _ANSWERS[action.b % len(_ANSWERS)](offer, action.c)
    told = replace(told, shown=link or shown(world, action))
    for time in range(1 + (action.c % 3 == 0)):
        if time and action.c % 2:
            told = _said(AnswerKind.REFUSE)(offer, action.c)
        said = f"{told.kind} {'all' if told.units is None else told.units}"
        world.say(
            f"The holder's people answer {offer.id} ({len(offer.units)} units): {said}, "
            f"holds {[(hold.hold, hold.region, hold.units) for hold in told.holds]}."
        )
        judged = record_answer(offer.id, told, world.store, world.rules, world.ids)
        world.happened[f"answers {judged.rejected or 'taken'}"] += 1
        world.say(f"It is {judged.rejected or 'taken'}: {judged.because or judged.state}.")


def _held(offer: Offer, units: int, number: int, places: tuple[Place, ...] = (EAST,)) -> Answer:
    """Accept so many, with a hold for each in these places."""
    counts = [units // len(places)] * len(places)
    counts[0] += units - sum(counts)
    holds = tuple(
        Hold(
            hold=f"hold-{offer.id if number % 5 % 2 else 'again'}-{n}",
            units=count,
            region=p.region,
            sku=p.sku,
        )
        for n, (p, count) in enumerate(zip(places, counts, strict=True))
        if count
    )
    return Answer(kind=AnswerKind.ACCEPT, units=units, holds=holds, by="clerk")


def _whole(offer: Offer, number: int) -> Answer:
    return _held(offer, len(offer.units), number, (EAST,) if number % 2 else (WEST,))


def _spread(offer: Offer, number: int) -> Answer:
    return _held(offer, len(offer.units), number, (EAST, WEST))


def _part(offer: Offer, number: int) -> Answer:
    return _held(offer, max(1, len(offer.units) - 1 - number % 2), number)


def _too_many(offer: Offer, number: int) -> Answer:
    return _held(offer, len(offer.units) + 1, number)


def _without_hold(offer: Offer, number: int) -> Answer:
    return Answer(kind=AnswerKind.ACCEPT, units=1 + number % len(offer.units), by="clerk")


def _elsewhere(offer: Offer, number: int) -> Answer:
    return _held(offer, len(offer.units), number, (Place(EAST.provider, "nowhere", "nd"),))


def _said(kind: AnswerKind) -> Callable[[Offer, int], Answer]:
    def say(_: Offer, number: int) -> Answer:
        reason = list(RefusalReason)[number % len(RefusalReason)]
        return Answer(kind=kind, reason=reason, by="clerk")

    return say


_ANSWERS: Final = (
    _whole,
    _whole,
    _whole,
    _spread,
    _part,
    _part,
    _too_many,
    _without_hold,
    _elsewhere,
    _said(AnswerKind.REFUSE),
    _said(AnswerKind.REFUSE),
    _said(AnswerKind.COUNTER),
    _said(AnswerKind.QUERY),
)

_REPORTS: Final[Mapping[int, tuple[RunState, int | None]]] = {
    0: (RunState.IDLE, None),
    1: (RunState.RUNNING, None),
    2: (RunState.RUNNING, None),
    3: (RunState.ENDED, 0),
    4: (RunState.ENDED, 0),
    5: (RunState.ENDED, 1),
}


def agent(world: World, action: Action) -> None:
    """An agent speaks: in its time, again, or long after its machine or its lease is over."""
    leased = [m.name for m in world.machines() if m.lease is not None]
    names = [*world.agents, *(name for name in leased if name not in world.agents)]
    if not names:
        return
    name = (leased or names)[action.a % len(leased or names)] if action.a % 3 else names[0]
    state, code = _REPORTS[action.b % len(_REPORTS)]
    world.say(f"The agent of {name} reports {state}{'' if code is None else f' with {code}'}.")
    names = [name]
    if action.c % 4 == 0:  # and so do those of its siblings
        of = {machine.name: machine.job for machine in world.machines()}
        names += [other for other in leased if of.get(other) == of.get(name) and other != name]
    for one in names:
        _speak(world, one, state, code, action)


def _speak(
    world: World, name: MachineName, state: RunState, code: int | None, action: Action
) -> None:
    session = f"session of {name}" + (" stolen" if action.c % 11 == 0 else "")
    try:
        if name not in world.agents or action.c % 5 == 0:
            enrol(token_of(name, AGENTS_SECRET), session, AGENTS_SECRET, world.store)
            if name not in world.agents:
                world.agents.append(name)
        lease = _lease(world, name, action)
        if code is not None:
            hear(session, Report(state=RunState.RUNNING, lease=lease, port=1), world.store)
        hear(session, Report(state=state, lease=lease, exit_code=code, port=1), world.store)
    except TokenError as wrong:
        world.happened["agents turned away"] += 1
        world.say(f"It is turned away: {wrong}.")


def _lease(world: World, name: MachineName, action: Action) -> LeaseId | None:
    """The machine's lease as its agent knows it; sometimes an older one."""
    with world.quietly() as store, store.transaction() as tx:
        machine = tx.machine(name)
    if machine is None or machine.lease is None:
        return None
    if action.c % 7 == 0 and machine.epoch > 1:
        return LeaseId(f"{JobId(machine.job)}.{machine.unit}.{machine.epoch - 1}")
    return machine.lease
