"""Stories of leases that chance tells too rarely: asked back, fenced, and heard of afterwards."""

from __future__ import annotations

from typing import Final

from broker.domain.machine import Machine, RunState
from broker.domain.values import JobId, ProviderName
from broker.steps.reclaim import Replacement, ask_back
from broker.steps.run import Report, enrol, hear, token_of
from tests.fuzz.clouds import Mood
from tests.fuzz.directed import arrives, later
from tests.fuzz.people import AGENTS_SECRET
from tests.fuzz.world import World
from tests.support.broker import EAST

NOTICE_S: Final = 60
"""What the mild agreement grants before a unit is taken back."""


def _spilled(world: World) -> JobId:
    """Two units run with a third party, for the holder had no room; now it has some."""
    azure = world.clouds[ProviderName.AZURE]
    for place in azure.stock:
        azure.stock[place] = 0
    arrives(world, "mild", units=2, checkpointable=True)
    azure.stock[EAST] = 9
    return world.jobs[-1]


def _asked_back(world: World) -> JobId:
    job = _spilled(world)
    later(world, 90)  # a machine that has just come up is not missed by its cloud's list yet
    kept = Replacement(hold="kept", region=EAST.region, sku=EAST.sku, by="clerk")
    said = ask_back(job, 0, kept, world.store, world.rules)
    assert said.refused is None, said.because
    return job


def _leased(world: World, unit: int) -> Machine:
    return next(m for m in world.machines() if m.unit == unit and m.lease is not None)


def a_unit_is_asked_back(world: World) -> None:
    _asked_back(world)
    later(world, NOTICE_S + 30)


def a_sibling_breaks_within_the_notice(world: World) -> None:
    """So that its job is looked at before the notice is over."""
    _asked_back(world)
    later(world, NOTICE_S / 2)
    other = _leased(world, 1)
    world.clouds[other.place.provider].lose(other.name)
    world.steps()[f"reconcile {other.place.provider}"]()
    world.settle()
    later(world, NOTICE_S)


def a_fenced_agent_starts_late(world: World) -> None:
    """Its cloud is slow to end the machine, and its agent has only just come up."""
    _asked_back(world)
    old = _leased(world, 0)
    world.clouds[old.place.provider].moods.extend([Mood.KEEPS] * 40)
    later(world, NOTICE_S + 1)
    session = f"session of {old.name}"
    enrol(token_of(old.name, AGENTS_SECRET), session, AGENTS_SECRET, world.store)
    hear(session, Report(state=RunState.RUNNING, lease=old.lease, port=1), world.store)
    later(world, 120)
