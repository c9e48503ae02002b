"""The law of choice where a cheaper place lies in an area that was closed or had refused."""

from __future__ import annotations

from typing import Any, Final

import pytest

from broker.domain.laws import audit
from broker.domain.place import Reach, area, areas, family_of, reach_of, region_of
from broker.domain.values import ProviderName, Purchase, instant_text
from tests.support.broker import AWS
from tests.support.logs import Draft, sealed
from tests.support.spoils import changed, nth, relisted
from tests.support.stories import a_spilled_job

ELSEWHERE: Final = {"provider": "gcp", "region": "us-central1", "sku": "a3-highgpu-8g"}
BESIDE: Final = {"provider": "gcp", "region": "eu-central-1", "sku": "a3-highgpu-8g"}


def a_cheaper_place_passed_over(why: str, fact: str, **data: Any) -> list[Draft]:  # noqa: ANN401
    """A spilled job: Google is cheaper than what was taken, and something stood there."""
    drafts = a_spilled_job().drafts
    relisted("gcp", price_usd_hour="20")(drafts)
    changed("ThirdPartyCommitted", passed_over=[why])(drafts)
    bought = nth(drafts, "ThirdPartyCommitted")
    later = instant_text(bought.at.replace(year=bought.at.year + 1))
    ends = {"until": later} if fact == "PlaceTroubled" else {"valid_until": later}
    place = f"place/gcp/{data['region']}/{data['sku']}"
    told = Draft(at=bought.at, stream=place, type=fact, data={**ends, **data})
    drafts.insert(drafts.index(bought), told)
    return drafts


def closed(scope: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"kind": "auth", "code": "Expired", "message": "", "scope": scope, **more}


def refused(scope: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    what = {"refusal": "r9", "units": 1, "code": "QuotaExceeded", "reason": "over_quota"}
    return {**what, "offer": None, "scope": scope, **more}


@pytest.mark.parametrize(
    ("why", "fact", "data", "holds"),
    [
        ("closed gcp * *", "PlaceTroubled", closed("cloud", **ELSEWHERE), True),
        ("closed gcp eu-central-1 *", "PlaceTroubled", closed("region", **BESIDE), True),
        ("closed gcp * *", "PlaceTroubled", closed("place", **ELSEWHERE), False),
        ("closed gcp us-central1 *", "PlaceTroubled", closed("region", **ELSEWHERE), False),
        ("closed gcp * *", "PlaceTroubled", closed("cloud", **ELSEWHERE, kind="throttled"), False),
        ("closed aws * *", "PlaceTroubled", closed("cloud", **ELSEWHERE), False),
        ("r9", "PlaceRefused", refused("cloud", **ELSEWHERE), True),
        ("r9", "PlaceRefused", refused("region", **BESIDE), True),
        ("r9", "PlaceRefused", refused("family", **BESIDE), False),
        ("r9", "PlaceRefused", refused("place", **BESIDE), False),
        ("r9", "PlaceRefused", refused("region", **ELSEWHERE), False),
    ],
)
def test_a_cheaper_place_may_be_passed_over_for_what_was_said_of_an_area_around_it(
    why: str,
    fact: str,
    data: dict[str, Any],
    holds: bool,  # noqa: FBT001
) -> None:
    report = audit(sealed(a_cheaper_place_passed_over(why, fact, **data)))
    assert [breach.law for breach in report.breaches] == ([] if holds else ["I25"])


def test_areas_are_named_and_read_back() -> None:
    zone = AWS._replace(region="us-east-1a", sku="p5.48xlarge", purchase=Purchase.SPOT)
    around = {reach: str(area(zone, reach)) for reach in Reach}
    assert around == {
        Reach.PLACE: "aws us-east-1a p5.48xlarge spot",
        Reach.ZONE: "aws us-east-1a *",
        Reach.FAMILY: "aws us-east-1 family:p spot",
        Reach.REGION: "aws us-east-1 *",
        Reach.CLOUD: "aws * *",
    }
    assert [reach_of(one) for one in areas(zone)] == list(Reach)


@pytest.mark.parametrize(
    ("provider", "sku", "family"),
    [
        (ProviderName.AWS, "p5.48xlarge", "p"),
        (ProviderName.AWS, "trn2.48xlarge", "trn"),
        (ProviderName.AZURE, "Standard_NC24ads_A100_v4", "NCads_A100_v4"),
        (ProviderName.AZURE, "Standard_NC96ads_A100_v4", "NCads_A100_v4"),
        (ProviderName.AZURE, "Standard_ND96isr_H100_v5", "NDisr_H100_v5"),
        (ProviderName.GCP, "a2-ultragpu-8g", "a2-ultragpu"),
        (ProviderName.ORACLE, "BM.GPU.H100.8", "BM.GPU.H100"),
        (ProviderName.OWN, "rack", "rack"),
    ],
)
def test_a_family_is_read_from_the_name_of_its_machine(
    provider: ProviderName, sku: str, family: str
) -> None:
    assert family_of(provider, sku) == family


@pytest.mark.parametrize(
    ("provider", "zone", "region"),
    [
        (ProviderName.AWS, "us-gov-east-1b", "us-gov-east-1"),
        (ProviderName.AWS, "eu-west-1", "eu-west-1"),
        (ProviderName.GCP, "us-central1-f", "us-central1"),
        (ProviderName.GCP, "us-central1", "us-central1"),
        (ProviderName.AZURE, "eastus2", "eastus2"),
        (ProviderName.ORACLE, "us-phoenix-1", "us-phoenix-1"),
    ],
)
def test_a_region_is_read_from_the_name_of_its_zone(
    provider: ProviderName, zone: str, region: str
) -> None:
    assert region_of(provider, zone) == region
