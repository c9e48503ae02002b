"""What is paid for already is used first, and for it nobody is offered anything (5.1, 3a)."""

from __future__ import annotations

from broker.agreements.registry import shipped
from broker.domain.market import Place
from broker.domain.values import ProviderName, Purchase
from broker.domain.workload import WorkClass
from broker.ports import Fault, FaultKind
from tests.support.broker import AWS, EAST, GCP, a_broker, a_gang, pool, work

KEPT = Place(ProviderName.AWS, AWS.region, AWS.sku, Purchase.RESERVED)
OURS = Place(ProviderName.AZURE, EAST.region, EAST.sku, Purchase.RESERVED)
POOLS = (pool(EAST), pool(AWS), pool(GCP), pool(KEPT, "0"), pool(OURS, "0"))


def test_a_reservation_is_used_first_and_triggers_no_offer() -> None:
    with a_broker({EAST: 5, AWS: 5, KEPT: 1}, pools=POOLS) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [KEPT]
        assert broker.facts("OfferIssued") == []
        (bought,) = broker.facts("ThirdPartyCommitted")
        assert bought.data["basis"] == "free"
        assert bought.data["purchase"] == "reserved"
        broker.wait(3600)
        broker.exit(job)
        (bill,) = broker.facts("LeaseBilled")
        assert bill.data["usd"] == "0"


def test_what_it_has_no_room_for_goes_the_usual_way() -> None:
    with a_broker({EAST: 1, AWS: 5, GCP: 5, KEPT: 2}, pools=POOLS) as broker:
        (job,) = broker.placed(work(units=5))
        broker.wait(60)
        assert sorted(broker.where(job)) == sorted([KEPT, KEPT, EAST, AWS, AWS])
        offered = [unit for fact in broker.facts("OfferIssued") for unit in fact.data["units"]]
        assert len(offered) == 3


def test_the_holder_s_reservation_is_used_without_asking_the_holder() -> None:
    with a_broker({EAST: 5, OURS: 1}, pools=(pool(EAST), pool(OURS, "0"))) as broker:
        (job,) = broker.placed(work())
        assert broker.where(job) == [OURS]
        assert broker.facts("OfferIssued") == []


def test_a_gang_takes_a_reservation_whole_or_not_at_all() -> None:
    with a_broker({EAST: 5, KEPT: 2}, pools=POOLS) as broker:
        (job,) = broker.placed(a_gang(3))
        broker.wait(60)
        assert broker.where(job) == [EAST] * 3
        assert broker.clouds[ProviderName.AWS].stock[KEPT] == 2


def test_a_released_unit_takes_what_has_come_free_in_the_reservation() -> None:
    with a_broker({EAST: 0, AWS: 0, GCP: 0, KEPT: 1}, pools=POOLS) as broker:
        first, second = broker.placed(work(), work(name="second"))
        broker.wait(60)
        assert broker.where(first) == [KEPT]
        broker.exit(first)
        broker.wait(60)
        assert broker.where(second) == [KEPT]


def test_an_exclusive_clause_on_existing_capacity_shuts_it_too() -> None:
    with a_broker({EAST: 1, KEPT: 1}, pools=POOLS) as broker:
        (job,) = broker.placed(work(work_class=WorkClass.INFERENCE_API))
        assert broker.where(job) == [EAST]


def test_a_reservation_that_is_not_ours_buys_nothing_and_the_holder_is_offered_the_job() -> None:
    with a_broker({EAST: 1, AWS: 5, KEPT: 1}, pools=POOLS) as broker:
        cloud = broker.clouds[ProviderName.AWS]
        cloud.fault = Fault(FaultKind.INVALID, "ReservationNotOurs", "name one that is ours")
        (job,) = broker.placed(work())
        assert broker.where(job) == [EAST]
        assert cloud.made == []
        (trouble,) = broker.facts("PlaceTroubled")
        assert trouble.data["message"] == "name one that is ours"


def test_a_lease_there_has_no_term_and_cannot_be_asked_back() -> None:
    agreement = shipped()["azure-first-refusal"]
    with a_broker({EAST: 0, KEPT: 1}, pools=POOLS, agreement=agreement) as broker:
        broker.placed(work())
        (lease,) = broker.facts("LeaseActivated")
        assert lease.data["term_until"] is None
