"""Stories that chance tells too rarely: what a planted fault needs in order to show."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from broker.domain.clause import Consent, Match, Waiver
from broker.domain.recording import Entry, Revocation
from broker.domain.standing_answers import StandingAcceptance
from broker.domain.values import ProviderName, usd
from broker.domain.workload import Limits, Shape, WorkClass
from broker.steps.amend import amend_job
from broker.steps.answer import record_answer
from broker.steps.put_on_record import put_on_record
from broker.steps.said import Answer, AnswerKind, Hold
from broker.steps.submit import Submission, submit_jobs
from tests.fuzz.agreements import CLOSED, HOUSE
from tests.fuzz.clouds import Mood
from tests.fuzz.world import World
from tests.support.broker import EAST, work

_HOLDER: Final = "azure"
_BATCH: Final = Match(classes=frozenset({WorkClass.BATCH_INFERENCE}))
_EVALUATION: Final = WorkClass.EVALUATION


def arrives(world: World, tenant: str, **changed: object) -> None:
    """A job is submitted, and workers do all that is due."""
    one = work(tenant=tenant, shape=Shape(accelerators=("A100-80GB",), gpus=1), **changed)
    world.jobs += submit_jobs([Submission(workload=one)], world.store, world.rules, world.ids)
    world.settle()


def stands(world: World, agreement: str, entry: Entry) -> None:
    told = put_on_record(agreement, entry, _HOLDER, world.store, world.rules)
    assert told.refused is None, told.refused


def later(world: World, seconds: float) -> None:
    world.pass_to(world.clock.at + timedelta(seconds=seconds), timedelta(0))


def _waiver(world: World, starts_s: int = 0, lasts_s: int = 600) -> Waiver:
    begins = world.clock.at + timedelta(seconds=starts_s)
    return Waiver(
        id="some-batch",
        of_clause="compute-rofr",
        given_by=_HOLDER,
        begins=begins,
        ends=begins + timedelta(seconds=lasts_s),
        match=_BATCH,
        cap_units=3,
    )


def a_waiver_is_used_up(world: World) -> None:
    stands(world, HOUSE, _waiver(world))
    for _ in range(4):
        arrives(world, "lab")


def a_waiver_is_revoked(world: World) -> None:
    stands(world, HOUSE, _waiver(world))
    arrives(world, "lab")
    stands(world, HOUSE, Revocation(record="some-batch"))
    arrives(world, "lab")


def a_waiver_begins_and_ends(world: World) -> None:
    stands(world, HOUSE, _waiver(world, 60, 60))
    for _ in range(3):
        arrives(world, "lab")
        later(world, 60)


def a_waiver_is_of_other_work(world: World) -> None:
    stands(world, HOUSE, _waiver(world))
    arrives(world, "lab", work_class=WorkClass.INFERENCE_FIRST_PARTY)


def a_consent_is_revoked(world: World) -> None:
    consent = Consent(
        id="any-cloud",
        of_clause="all-workloads-exclusive",
        given_by=_HOLDER,
        begins=world.clock.at,
        ends=None,
        match=Match(),
    )
    stands(world, CLOSED, consent)
    arrives(world, "closed", work_class=_EVALUATION)
    stands(world, CLOSED, Revocation(record="any-cloud"))
    arrives(world, "closed", work_class=_EVALUATION)


def many_small_jobs_arrive(world: World) -> None:
    for _ in range(5):
        arrives(world, "mild")


def _acceptance(world: World) -> StandingAcceptance:
    return StandingAcceptance(
        id="beforehand",
        of_clause="compute-rofr",
        given_by=_HOLDER,
        given_at=world.clock.at,
        begins=world.clock.at,
        ends=world.clock.at + timedelta(hours=1),
        match=_BATCH,
        units=4,
        price_usd_hour=usd("3.00"),
        hold="kept",
        region=EAST.region,
        sku=EAST.sku,
    )


def an_acceptance_stands(world: World) -> None:
    stands(world, HOUSE, _acceptance(world))


def an_acceptance_is_revoked(world: World) -> None:
    an_acceptance_stands(world)
    arrives(world, "lab")
    stands(world, HOUSE, Revocation(record="beforehand"))
    arrives(world, "lab")


def an_acceptance_is_of_other_work(world: World) -> None:
    stands(world, HOUSE, _acceptance(world))
    arrives(world, "lab", work_class=WorkClass.INFERENCE_FIRST_PARTY)


def the_holder_reneges(world: World, times: int = 4) -> None:
    """Two defaults suspend the right; a third one, after that, does not."""
    azure = world.clouds[ProviderName.AZURE]
    for _ in range(times):
        for place in azure.stock:
            azure.stock[place] = 0
        arrives(world, "people")
        later(world, 1)
        offer = world.offers()[-1]
        hold = Hold(hold=f"hold-{offer}", units=1, region=EAST.region, sku=EAST.sku)
        told = Answer(kind=AnswerKind.ACCEPT, holds=(hold,), by="clerk")
        record_answer(offer, told, world.store, world.rules, world.ids)
        later(world, 330)


def a_defaulted_job_asks_for_more(world: World) -> None:
    """Its release ends with its terms; the right is suspended, so that the next stands on that."""
    the_holder_reneges(world, 1)
    for cloud in world.clouds.values():
        for place in cloud.stock:
            cloud.stock[place] = 0
    the_holder_reneges(world, 1)
    amend_job(world.jobs[-1], {"max_price_usd_hour": usd("4.00")}, world.store, world.rules)
    later(world, 60)


def a_tenant_bids_higher_and_higher(world: World) -> None:
    arrives(world, "people", limits=Limits(max_price_usd_hour=usd("3.10")))
    for price in ("3.20", "3.30", "3.40", "3.50", "3.60"):
        amend_job(world.jobs[-1], {"max_price_usd_hour": usd(price)}, world.store, world.rules)
        later(world, 1)


def only_here_nobody_answers(world: World) -> None:
    """For minutes, and to all who work at one place; from the other nobody calls."""
    here, there = world.rulebooks
    world.rulebooks = (here, here)
    world.clouds[ProviderName.AZURE].moods.extend([Mood.UNREACHABLE] * 400)
    arrives(world, "mild", units=2)
    later(world, 120)
    world.rulebooks = (here, there)


def a_hold_is_named_twice(world: World) -> None:
    """Behind the acceptance of one offer, and of another."""
    for _ in range(2):
        arrives(world, "people")
        hold = Hold(hold="the same", units=1, region=EAST.region, sku=EAST.sku)
        told = Answer(kind=AnswerKind.ACCEPT, holds=(hold,), by="clerk")
        record_answer(world.offers()[-1], told, world.store, world.rules, world.ids)
