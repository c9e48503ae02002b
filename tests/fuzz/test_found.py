"""What random histories have found, told again as stories. Each was wrong once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from broker.agreements.registry import shipped
from broker.domain.offer import Desk
from broker.domain.values import ProviderName, usd
from broker.domain.workload import Limits, WorkClass
from broker.ports import Order
from broker.steps.provision import CLAIMED_FOR, provision
from broker.steps.record import record_editions
from tests.fuzz.actions import Action, Verb
from tests.fuzz.directed import a_defaulted_job_asks_for_more, an_acceptance_stands, arrives
from tests.fuzz.history import lived
from tests.fuzz.parties import key
from tests.fuzz.world import World
from tests.support.broker import AWS, EAST, OWN, WEST, Broker, a_broker, work

PROVISION_S, CURE_S = 7200, 900
AZURE = ProviderName.AZURE


def test_a_carve_out_that_fails_leaves_its_units_under_the_release_they_had() -> None:
    with a_broker({EAST: 0, OWN: 0, AWS: 1}) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.FINE_TUNING))
        tried = [fact.data["basis"] for fact in broker.facts("ThirdPartyCommitted")]
        assert tried == ["carve_out", "refusal"]
        assert len(broker.facts("UnitsReleased")) == 1
        assert broker.where(job) == [AWS]


def test_a_job_with_part_of_its_units_is_not_looked_at_without_end_when_patience_is_over() -> None:
    with a_broker({EAST: 1, AWS: 0}) as broker:
        (job,) = broker.placed(work(units=2, patience_s=60))
        broker.wait(120)
        assert sorted(broker.states(job)) == ["active", "released"]


def test_an_order_is_not_put_without_end_when_patience_is_over() -> None:
    """One place of the holder's is full and the other too dear, so that an order is always due."""
    with a_broker({EAST: 1, WEST: 9}) as broker:
        limits = Limits(max_price_usd_hour=usd("3.05"))
        exclusive = work(work_class=WorkClass.INFERENCE_API, limits=limits)
        (job,) = broker.placed(replace(exclusive, units=2, patience_s=60))
        broker.wait(120)
        assert sorted(broker.states(job)) == ["active", "pending"]


def test_a_person_who_answers_for_the_automatic_desk_leaves_none_of_its_machines_behind() -> None:
    with a_broker({EAST: 9, AWS: 9}) as broker:
        broker.clouds[AZURE].takes_s = 30
        (job,) = broker.placed(work())
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(120)
        assert list(broker.clouds[AZURE].there) == [broker.machine(job).name]


def test_a_refusal_met_without_a_right_is_no_older_to_those_who_have_one() -> None:
    """Azure's own shortages last an hour; the clause of others lets a refusal stand 15 minutes."""
    with a_broker({EAST: 0, AWS: 0}) as broker:
        also_open(broker, tenant="free")
        (first,) = broker.placed(work(tenant="free"))
        broker.cancel(first)
        (refused,) = broker.facts("PlaceRefused", provider="azure")
        broker.wait(15 * 60)
        broker.placed(work())
        assert len(broker.facts("OfferIssued")) == 1
        assert not broker.facts("UnitsReleased", cites=[refused.data["refusal"]])


def test_what_was_delivered_of_an_acceptance_is_not_owed_when_the_rest_is_in_default() -> None:
    with a_broker({EAST: 1, WEST: 0, AWS: 9}, desk=Desk.PERSON) as broker:
        (job,) = broker.placed(work(units=2))
        broker.answer(job, holds=[(EAST, 2)])
        broker.wait(PROVISION_S + CURE_S + 600)
        assert len(broker.facts("HolderDefaulted")) == 1
        assert sorted(place.provider for place in broker.where(job)) == ["aws", "azure"]
        broker.placed(work())  # the log goes on beyond the grace of the timers


def test_a_holder_of_an_exclusive_class_that_defaults_is_ordered_from_again() -> None:
    with a_broker({EAST: 0}) as broker:
        broker.clouds[AZURE].takes_s = 100
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        broker.answer(job, holds=[(EAST, 1)])
        broker.wait(PROVISION_S + CURE_S)
        assert len(broker.facts("HolderDefaulted")) == 1
        assert broker.states(job) == ["pending"]
        broker.clouds[AZURE].stock[EAST] = 1
        broker.wait(3600)
        assert broker.active(job)


def test_a_worker_that_took_too_long_writes_nothing_over_what_another_wrote() -> None:
    with a_broker({EAST: 1, AWS: 1}) as broker:
        azure = broker.clouds[AZURE]

        def overtaken(_: Order) -> None:
            azure.before_launch = lambda _: None
            broker.clock.at += CLAIMED_FOR + timedelta(seconds=1)
            broker.settle()

        azure.before_launch = overtaken
        (job,) = broker.placed(work())
        assert provision(AZURE, azure, broker.store, broker.rules) == 0
        assert broker.where(job) == [EAST]
        assert len(broker.facts("LeaseActivated")) == 1


def test_a_defaulted_job_that_asks_for_more_is_released_again_while_the_right_is_off() -> None:
    """On other terms and another ground; the default itself still releases its units once."""
    verdict = lived(a_defaulted_job_asks_for_more)
    bases = [fact.data["basis"] for fact in verdict.facts if fact.type == "UnitsReleased"]
    assert bases[-2:] == ["default", "suspension"]
    assert verdict.broken == frozenset()


def test_what_was_accepted_beforehand_shows_no_key_when_it_is_used() -> None:
    """Whoever gave it showed theirs then; the holder's desk was given one in between."""

    def story(world: World) -> None:
        an_acceptance_stands(world)
        key(world, Action(Verb.KEY, a=1))
        arrives(world, "people")

    verdict = lived(story)
    assert [f.data["standing"] for f in verdict.facts if f.type == "OfferAccepted"] == [
        "beforehand"
    ]
    assert verdict.broken == frozenset()


def also_open(broker: Broker, tenant: str) -> None:
    """One tenant stands under no right."""
    known = shipped()["open"]
    record_editions(broker.store, [known])
    agreements = {**broker.rules.agreements, known.name: known}
    broker.rules = replace(broker.rules, agreements=agreements, by_tenant={tenant: known.name})
