"""What AWS's face says of its stock where it is only asked about it: bodies, as EC2 names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from providers.emulators.aws_reserved import described
from providers.emulators.cloud import Cloud
from providers.emulators.wire import Reply, Request, json_reply

Asked: TypeAlias = Mapping[str, str]
Said: TypeAlias = Mapping[str, object]

_VCPUS: Final = 8
"""What every machine here has; real ones differ, and nobody here counts them."""
_PLENTY: Final = 10_000.0
_FAMILIES: Final = {
    "L-417A185B": ("p",),
    "L-DB2E81BA": ("g", "vt"),
    "L-1216C47A": ("a", "c", "d", "h", "i", "m", "r", "t", "z"),
}
_IN_BLOCKS: Final = ("p4", "p5", "p6", "trn")
_JSON: Final = {"Content-Type": "application/x-amz-json-1.1"}


def _offerings(cloud: Cloud, region: str, asked: Asked) -> Said:
    wanted = _values(asked, "Filter.1.Value.")
    sold = [
        {"instanceType": sku, "locationType": "availability-zone", "location": zone}
        for place in _places(cloud, region)
        for zone in ([place] if place != region else [f"{region}a"])
        for sku in cloud.sold_in(place)
        if sku in wanted
    ]
    return {"instanceTypeOfferingSet": sold}


def _types(cloud: Cloud, region: str, asked: Asked) -> Said:
    wanted = _values(asked, "InstanceType.")
    known = {sku for place in _places(cloud, region) for sku in cloud.sold_in(place)}
    return {
        "instanceTypeSet": [
            {"instanceType": sku, "vCpuInfo": {"defaultVCpus": _VCPUS}}
            for sku in wanted
            if sku in known
        ]
    }


def _blocks(cloud: Cloud, region: str, asked: Asked) -> Said:
    """A block is on offer from tomorrow noon wherever there is a machine left."""
    sku, hours = asked.get("InstanceType", ""), int(asked["CapacityDurationHours"])
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    start = tomorrow.replace(hour=11, minute=30, second=0, microsecond=0)
    return {
        "capacityBlockOfferingSet": [
            {
                "capacityBlockOfferingId": f"cb-{place}-{sku}",
                "instanceType": sku,
                "availabilityZone": place if place != region else f"{region}a",
                "instanceCount": int(asked.get("InstanceCount", 1)),
                "startDate": _instant(start),
                "endDate": _instant(start + timedelta(hours=hours)),
                "capacityBlockDurationHours": hours,
                "upfrontFee": "1000.00",
                "currencyCode": "USD",
                "tenancy": "default",
            }
            for place in _places(cloud, region)
            if sku.startswith(_IN_BLOCKS) and (cloud.tells(place, sku) or 0) > 0
        ]
    }


def _spot(cloud: Cloud, region: str, asked: Asked) -> Said:
    """Ten where there is room for it, one where there is none."""
    skus, size = _values(asked, "InstanceType."), int(asked["TargetCapacity"])
    wanted = _values(asked, "RegionName.") or [region]
    scores = []
    for where in wanted:
        places = _places(cloud, where)
        left = [cloud.tells(place, f"{sku} spot") or 0 for place in places for sku in skus]
        scores.append({"region": where, "score": 10 if sum(left) >= size else 1})
    return {"spotPlacementScoreSet": scores}


SAYS: Final[Mapping[str, Callable[[Cloud, str, Asked], Said]]] = {
    "DescribeInstanceTypeOfferings": _offerings,
    "DescribeInstanceTypes": _types,
    "DescribeCapacityBlockOfferings": _blocks,
    "GetSpotPlacementScores": _spot,
    "DescribeCapacityReservations": described,
}


def quotas(cloud: Cloud, region: str, target: str, request: Request) -> Reply:
    """Service Quotas, another service with another protocol: our limit of a family, in vCPUs."""
    fault = cloud.faults.take("scout")
    if fault is not None:
        return json_reply(fault.status, {"__type": fault.code, "Message": fault.message}, _JSON)
    code = str((request.json() or {}).get("QuotaCode", ""))
    if not target.endswith(".GetServiceQuota") or code not in _FAMILIES:
        body = {"__type": "NoSuchResourceException", "Message": f"There is no quota {code}."}
        return json_reply(400, body, _JSON)
    limits = [
        limit
        for (place, sku), limit in cloud.quota.items()
        if place in _places(cloud, region) and re.split(r"\d", sku)[0] in _FAMILIES[code]
    ]
    value = float(sum(limits) * _VCPUS) if limits else _PLENTY
    quota = {"ServiceCode": "ec2", "QuotaCode": code, "Value": value, "Adjustable": True}
    return json_reply(200, {"Quota": quota}, _JSON)


def _places(cloud: Cloud, region: str) -> list[str]:
    """The region and its zones, as the stock has them."""
    return [place for place in cloud.regions if re.fullmatch(f"{region}[a-z]?", place)]


def _values(asked: Asked, stem: str) -> list[str]:
    return [value for key, value in asked.items() if key.startswith(stem)]


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
