"""What a running host of local clouds is told to do: one line of JSON each, answered by another.

`{"cloud": "aws", "fault": {"operation": "launch", "status": 503, "code": "Unavailable"}}`, and in
the place of `fault`: `break`, `limit`, `slow`, `lie`, `calm`, `restock`, `fill` or `tell`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from providers.emulators.breaks import Break, How, Stage
from providers.emulators.cloud import Cloud, Launched
from providers.emulators.faults import InjectedFault, Lie, Limit

_THROTTLED: Final = {
    "azure": (429, "TooManyRequests"),
    "aws": (503, "RequestLimitExceeded"),
    "gcp": (403, "rateLimitExceeded"),
    "oracle": (429, "TooManyRequests"),
}
"""How each cloud says that it was asked too often."""


def obey(clouds: Mapping[str, Cloud], line: str) -> dict[str, Any]:
    """Do what one line orders. Where it orders nothing, the answer says so: `error`."""
    try:
        order = dict(json.loads(line))
        name = order.pop("cloud")
        ((verb, what),) = order.items()
        return {"done": _ORDERS[verb](name, clouds[name], what)}
    except (KeyError, TypeError, ValueError) as wrong:
        return {"error": f"this is no order for a local cloud: {line.strip()} ({wrong!r})"}


def _fault(_: str, cloud: Cloud, what: dict[str, Any]) -> None:
    cloud.faults.add(InjectedFault(**what))


def _break(_: str, cloud: Cloud, what: dict[str, Any]) -> None:
    meant = {**what, "how": How(what["how"]), "stage": Stage(what["stage"])}
    cloud.faults.add(Break(**meant))


def _limit(name: str, cloud: Cloud, what: dict[str, Any]) -> None:
    status, code = _THROTTLED[name]
    cloud.faults.add(Limit(**{"status": status, "code": code, **what}))


def _slow(_: str, cloud: Cloud, what: dict[str, Any]) -> None:
    cloud.faults.slow_s[what["operation"]] = float(what["seconds"])


def _lie(_: str, cloud: Cloud, what: dict[str, Any]) -> None:
    cloud.faults.lie(
        Lie(what["lie"]), times=what.get("times", 0), for_s=float(what.get("for_s", 0))
    )


def _calm(_: str, cloud: Cloud, __: object) -> None:
    cloud.faults.calm()


def _restock(_: str, cloud: Cloud, what: dict[str, Any]) -> None:
    cloud.restock(what["region"], what["sku"], what["units"])


_NAMED: Final = {"azure": "local/{}", "aws": "{region}", "gcp": "{region}-a/{}", "oracle": "{}"}
"""Under which name each face looks its machines up."""


def _fill(name: str, cloud: Cloud, what: dict[str, Any]) -> int:
    """Make a machine for each name, with these tags and `broker-machine`; returns how many."""
    made = 0
    for one in what["names"]:
        launched = cloud.launch(
            key=f"filled/{one}",
            name=_NAMED[name].format(one, region=what["region"]),
            region=what["region"],
            sku=what["sku"],
            tags={**what.get("tags", {}), "broker-machine": one},
        )
        made += isinstance(launched, Launched)
    return made


def _tell(_: str, cloud: Cloud, __: object) -> dict[str, Any]:
    """The machines that are not gone, and how often each operation was called, at once at most."""
    machines = [{"name": m.name, "sku": m.sku, "state": m.state} for m in cloud.list()]
    return {"machines": machines, "calls": cloud.faults.calls, "most": cloud.faults.most}


_ORDERS: Final[Mapping[str, Callable[[str, Cloud, Any], object]]] = {
    "fault": _fault,
    "break": _break,
    "limit": _limit,
    "slow": _slow,
    "lie": _lie,
    "calm": _calm,
    "restock": _restock,
    "fill": _fill,
    "tell": _tell,
}
