"""What AWS says of its places: what is offered, what our limits are, how spot and blocks stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Any, Final

from broker.domain.advice import Thought
from broker.domain.market import Advice, Place
from broker.domain.place import region_of
from broker.domain.values import ProviderName
from broker.ports import Scout
from providers.aws.adapter import FAILURES
from providers.aws.client import Clients
from providers.findings import Findings

_LIMITS: Final = {"p": "L-417A185B", "g": "L-DB2E81BA", "vt": "L-DB2E81BA"}
"""The quota of on-demand machines by family, in vCPUs (dstack's AWS backend names the codes)."""
_STANDARD: Final = "L-1216C47A"
_OF_STANDARD: Final = frozenset("acdhimrtz")
_IN_BLOCKS: Final = ("p4", "p5", "p6", "trn")
_LOWEST: Final = 1
_BLOCK: Final = timedelta(days=1)


def scout(account: Mapping[str, str]) -> Scout:
    """The scout for an account, whose fields are those of `build`."""
    for needed in ("access_key_id", "secret_access_key"):
        account[needed]
    return AwsScout(account)


class AwsScout:
    def __init__(self, account: Mapping[str, str]) -> None:
        self._clients = Clients(account)

    @property
    def name(self) -> ProviderName:
        return ProviderName.AWS

    def advice(self, places: Sequence[Place]) -> Iterable[Advice]:
        found = Findings(FAILURES)
        found.look(lambda: self._offered(places))
        sold = found.places()
        if on_demand := [place for place in sold if not place.interruptible]:
            found.look(lambda: self._limits(on_demand))
        for place in sold:
            if place.interruptible:
                found.look(lambda place=place: self._spot(place))  # type: ignore[misc]
            elif place.sku.startswith(_IN_BLOCKS):
                found.look(lambda place=place: self._blocks(place))  # type: ignore[misc]
        return found.all()

    def _offered(self, places: Sequence[Place]) -> Iterator[Advice]:
        client = self._clients.of("ec2", places[0].region)
        skus = sorted({place.sku for place in places})
        pages = client.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": skus}]
        )
        offers = [offer for page in pages for offer in page["InstanceTypeOfferings"]]
        for place in places:
            zones = sorted(o["Location"] for o in offers if _is(o, place))
            told = f"instance type offerings: {', '.join(zones) or 'none'}"
            yield Advice(
                place=place, thought=Thought.SOLD if zones else Thought.NOT_SOLD, because=told
            )

    def _limits(self, places: Sequence[Place]) -> Iterator[Advice]:
        """Our quota is in vCPUs, and says nothing of what is in use already."""
        region = places[0].region
        skus = sorted({place.sku for place in places})
        answer = self._clients.of("ec2", region).describe_instance_types(InstanceTypes=skus)
        vcpus = {
            kind["InstanceType"]: int(kind["VCpuInfo"]["DefaultVCpus"])
            for kind in answer["InstanceTypes"]
        }
        quotas: dict[str, float] = {}
        for place in places:
            code, needed = quota_code(place.sku), vcpus.get(place.sku, 0)
            if code is None or not needed:
                continue
            if code not in quotas:
                quotas[code] = self._quota(region, code)
            if quotas[code] < needed:
                told = f"quota {code}: {quotas[code]:g} vCPUs, and one needs {needed}"
                yield Advice(place=place, thought=Thought.OVER_QUOTA, units=0, because=told)

    def _quota(self, region: str, code: str) -> float:
        client = self._clients.of("service-quotas", region)
        answer = client.get_service_quota(ServiceCode="ec2", QuotaCode=code)
        return float(answer["Quota"]["Value"])

    def _spot(self, place: Place) -> Iterator[Advice]:
        """AWS scores a request for one kind of machine low, so only the lowest score counts."""
        region = region_of(ProviderName.AWS, place.region)
        answer = self._clients.of("ec2", region).get_spot_placement_scores(
            InstanceTypes=[place.sku], TargetCapacity=1, RegionNames=[region]
        )
        scores = [int(one["Score"]) for one in answer["SpotPlacementScores"]]
        if scores:
            short = max(scores) <= _LOWEST
            yield Advice(
                place=place,
                thought=Thought.SHORT if short else Thought.LIKELY,
                because=f"spot placement score: {max(scores)} of 10",
            )

    def _blocks(self, place: Place) -> Iterator[Advice]:
        """A block can be bought for a date; whether it should is not for us to decide."""
        answer = self._clients.of("ec2", place.region).describe_capacity_block_offerings(
            InstanceType=place.sku,
            InstanceCount=1,
            CapacityDurationHours=_BLOCK // timedelta(hours=1),
        )
        blocks = [b for b in answer["CapacityBlockOfferings"] if _at(b, place)]
        if blocks:
            first = min(blocks, key=lambda block: block["StartDate"])
            told = f"capacity block of a day from {first['StartDate']:%Y-%m-%d %H:%MZ}"
            fee = f"for {first['UpfrontFee']} {first['CurrencyCode']}"
            yield Advice(place=place, thought=Thought.SOLD, because=f"{told} {fee}")


def quota_code(sku: str) -> str | None:
    """The quota that an on-demand machine of this kind counts against, where it is known."""
    family = "".join(takewhile(str.isalpha, sku))
    return _LIMITS.get(family, _STANDARD if family in _OF_STANDARD else None)


def _is(offer: Mapping[str, Any], place: Place) -> bool:
    return offer["InstanceType"] == place.sku and place.region in (
        offer["Location"],
        region_of(ProviderName.AWS, offer["Location"]),
    )


def _at(block: Mapping[str, Any], place: Place) -> bool:
    return place.region in (
        block["AvailabilityZone"],
        region_of(ProviderName.AWS, block["AvailabilityZone"]),
    )
