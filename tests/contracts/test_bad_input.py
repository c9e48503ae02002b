"""What a wrong account or a wrong place comes to: one sentence, nothing bought, nothing refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from broker.domain.machine import machine_name
from broker.domain.market import Place
from broker.domain.place import Reach
from broker.domain.values import ProviderName, RefusalReason
from broker.ports import Fault, FaultKind, Launching, Order, Outcome, Provider, Refused
from providers.emulators.azure import LONG_AGO
from providers.emulators.cloud import Cloud, InjectedFault
from providers.emulators.wire import Face, Wire
from providers.registry import provider
from tests.support.clouds import CLOUDS, OWNER, Kind

HOUR = timedelta(hours=1)


@dataclass(kw_only=True)
class Bench:
    kind: Kind
    cloud: Cloud
    account: dict[str, str]
    face: Any

    @property
    def who(self) -> str:
        """How the account is called in every sentence."""
        known = {
            ProviderName.AZURE: ("Azure, subscription ", "subscription"),
            ProviderName.AWS: ("AWS, access key ", "access_key_id"),
            ProviderName.GCP: ("Google, project ", "project"),
            ProviderName.ORACLE: ("Oracle, tenancy ", "tenancy"),
        }
        word, key = known[self.kind.name]
        return word + self.account[key]

    def launch(
        self,
        region: str | None = None,
        *,
        face: Face | None = None,
        sku: str | None = None,
        changed: Mapping[str, str] | None = None,
    ) -> Outcome:
        wire = Wire(face or self.face)
        try:
            account = {**self.account, **(changed or {}), "endpoint": wire.url}
            place = Place(self.kind.name, region or self.kind.region, sku or self.kind.sku)
            return settled(provider(self.kind.name, account), order(place))
        finally:
            wire.close()


def order(place: Place) -> Order:
    return Order(name=machine_name("one", 0, place), place=place, owner=OWNER, start_up="")


def settled(cloud: Provider, wanted: Order) -> Outcome:
    outcome = cloud.launch(wanted)
    for _ in range(5):
        if isinstance(outcome, Launching):
            outcome = cloud.poll(wanted, outcome.handle)
    return outcome


@pytest.fixture(params=CLOUDS, ids=lambda kind: kind.name.value)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    kind: Kind = request.param
    cloud = Cloud(stock={(kind.region, kind.sku): 2}, keys_stay=kind.keys_stay)
    face, account = import_module(f"providers.emulators.{kind.name.value}").open_account(cloud)
    one = Bench(kind=kind, cloud=cloud, account=dict(account), face=face)
    yield one
    assert cloud.list(gone=True) == []


def a_fault(bench: Bench, told: Outcome, kind: FaultKind, reach: Reach, *words: str) -> None:
    assert isinstance(told, Fault), told
    assert (told.kind, told.reach) == (kind, reach)
    assert told.message.startswith(bench.who)
    for word in words:
        assert word in told.message
    for key in ("token", "secret_access_key", "key"):
        assert bench.account.get(key, "a secret") not in told.message


FIELDS = {
    ProviderName.AZURE: "client_id, client_secret and tenant_id, or token",
    ProviderName.AWS: "access_key_id and secret_access_key",
    ProviderName.GCP: "token",
    ProviderName.ORACLE: "user, fingerprint and key",
}


def test_bad_credentials_name_the_account_and_its_field(bench: Bench) -> None:
    told = bench.launch(changed=bench.kind.wrong)
    a_fault(bench, told, FaultKind.AUTH, Reach.CLOUD, FIELDS[bench.kind.name], "; give ")


def test_a_clock_that_is_off_is_named_as_such(bench: Bench) -> None:
    match bench.kind.name:
        case ProviderName.GCP:
            pytest.skip("Google says the same of every token; its own sentence is tested apart")
        case ProviderName.AZURE:
            now = datetime.now(UTC)  # noqa: TID251 - the face has the true time
            face = replace(bench.face, valid=(now + HOUR, now + 2 * HOUR))
        case _:
            face = replace(bench.face, now=lambda: datetime.now(UTC) + HOUR)  # noqa: TID251 - as above
    told = bench.launch(face=face)
    a_fault(bench, told, FaultKind.AUTH, Reach.CLOUD, "clock: ", "set this computer's clock")


def test_a_token_of_azure_that_has_ended_is_to_be_renewed(bench: Bench) -> None:
    if bench.kind.name is not ProviderName.AZURE:
        pytest.skip("the keys of the others do not end by themselves")
    face = replace(bench.face, valid=(LONG_AGO, LONG_AGO + HOUR))
    told = bench.launch(face=face)
    a_fault(bench, told, FaultKind.AUTH, Reach.CLOUD, "token: ", "renew it")


WRONG_REGIONS = {
    ProviderName.AZURE: ("atlantis", "name a region of Azure"),
    ProviderName.GCP: ("atlantis-north1", "name zones that there are"),
    ProviderName.ORACLE: ("at-lantis-1", "name the availability domains"),
}


def test_a_region_that_there_is_not_is_our_mistake_and_no_refusal(bench: Bench) -> None:
    if bench.kind.name is ProviderName.AWS:
        pytest.skip("a region of AWS that is not there has no address; tested apart")
    region, remedy = WRONG_REGIONS[bench.kind.name]
    a_fault(bench, bench.launch(region), FaultKind.INVALID, Reach.REGION, remedy)


@pytest.mark.parametrize(
    ("region", "kind"),
    [("us-atlantis-7", FaultKind.INVALID), ("us-east-1", FaultKind.UNREACHABLE)],
)
def test_a_region_of_aws_without_an_address_is_told_from_an_outage(
    region: str, kind: FaultKind
) -> None:
    account = {"access_key_id": "AKIA1", "secret_access_key": "secret", "regions": region}
    account |= {"image": "ami-1", "endpoint": "http://127.0.0.1:9"}
    told = provider(ProviderName.AWS, account).launch(order(Place(ProviderName.AWS, region, "p5")))
    assert isinstance(told, Fault)
    assert told.kind is kind
    assert told.message.startswith("AWS, access key AKIA1: ")
    assert ("name a region" in told.message) is (kind is FaultKind.INVALID)


def test_a_shape_that_is_not_sold_there_is_a_no_of_that_place(bench: Bench) -> None:
    told = bench.launch(sku=f"{bench.kind.sku}9")
    assert isinstance(told, Refused)
    assert (told.reason, told.reach) == (RefusalReason.NOT_STOCKED, Reach.PLACE)
    assert told.message


IMAGE = {
    ProviderName.AZURE: (
        404,
        "PlatformImageNotFound",
        "The platform image is not there.",
    ),
    ProviderName.AWS: (400, "InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist"),
    ProviderName.GCP: (404, "notFound", "The resource 'projects/p/global/images/i' was not found"),
    ProviderName.ORACLE: (400, "InvalidParameter", "Invalid imageId ocid1.image.oc1..none"),
}
PERMISSION = {
    ProviderName.AZURE: (403, "AuthorizationFailed", "does not have authorization to perform"),
    ProviderName.AWS: (403, "UnauthorizedOperation", "You are not authorized to perform this"),
    ProviderName.GCP: (403, "forbidden", "Required 'compute.instances.create' permission"),
    ProviderName.ORACLE: (403, "NotAuthorized", "Authorization failed"),
}
RESERVATION = {
    ProviderName.AZURE: (
        404,
        "ResourceNotFound",
        "The Resource 'Microsoft.Compute/capacityReservationGroups/theirs' was not found.",
    ),
    ProviderName.AWS: (
        400,
        "InvalidCapacityReservationId.NotFound",
        "The capacity reservation 'cr-1' does not exist",
    ),
    ProviderName.GCP: (404, "notFound", "The resource 'reservations/theirs' was not found"),
    ProviderName.ORACLE: (
        404,
        "NotAuthorizedOrNotFound",
        "Authorization failed or capacityReservation not found",
    ),
}


@pytest.mark.parametrize(
    ("said", "field"),
    [(IMAGE, "image: "), (PERMISSION, "permission: "), (RESERVATION, "reservation: ")],
    ids=["image", "permission", "reservation"],
)
def test_what_a_person_must_mend_names_its_field_and_the_remedy(
    bench: Bench, said: dict[ProviderName, tuple[int, str, str]], field: str
) -> None:
    status, code, text = said[bench.kind.name]
    bench.cloud.faults.add(
        InjectedFault(operation="launch", status=status, code=code, message=text)
    )
    told = bench.launch()
    assert isinstance(told, Fault)
    assert told.kind in (FaultKind.AUTH, FaultKind.INVALID)
    assert told.message.startswith(bench.who)
    assert field in told.message
    assert text in told.message
    assert told.message.partition("; ")[2]


def test_a_cloud_that_is_asked_too_often_says_where_and_for_how_long(bench: Bench) -> None:
    status, code = bench.kind.throttled
    bench.cloud.faults.add(
        InjectedFault(operation="launch", status=status, code=code, headers={"Retry-After": "7"})
    )
    told = bench.launch()
    assert isinstance(told, Fault)
    assert (told.kind, told.retry_after_s) == (FaultKind.THROTTLED, 7.0)
    assert told.reach in (Reach.REGION, Reach.CLOUD)


QUOTAS = {
    ProviderName.AZURE: Reach.REGION,  # its local cloud counts the cores of a region
    ProviderName.AWS: Reach.FAMILY,
    ProviderName.GCP: Reach.FAMILY,
    ProviderName.ORACLE: Reach.PLACE,  # its limits are of one availability domain
}


def test_a_quota_in_use_speaks_of_what_shares_it(bench: Bench) -> None:
    bench.cloud.quota[bench.kind.region, bench.kind.sku] = 5
    vars(bench.cloud)["_held"] = {(bench.kind.region, bench.kind.sku): 5}
    told = bench.launch()
    assert isinstance(told, Refused)
    assert told.reason is RefusalReason.OVER_QUOTA
    assert told.reach is QUOTAS[bench.kind.name]
