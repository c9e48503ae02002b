"""What a running host of local clouds is told to do wrong: the orders of its control.

`fault`, `break` and `limit` say what goes wrong with calls; `slow` how long an operation takes;
`lie` what is told that is not so; `calm` ends all of it. `fill` makes many machines, `tell` says
which there are and what was called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from providers.emulators.breaks import Break, How, Stage
from providers.emulators.cloud import Cloud, Launched
from providers.emulators.faults import InjectedFault, Lie, Limit

Order: TypeAlias = Callable[[str, Cloud, Any], object]
"""Takes the cloud's name, the cloud, and what is ordered of it."""

_THROTTLED: Final = {
    "azure": (429, "TooManyRequests"),
    "aws": (503, "RequestLimitExceeded"),
    "gcp": (403, "rateLimitExceeded"),
    "oracle": (429, "TooManyRequests"),
}
"""How each cloud says that it was asked too often."""


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


ORDERS: Final[Mapping[str, Order]] = {
    "fault": _fault,
    "break": _break,
    "limit": _limit,
    "slow": _slow,
    "lie": _lie,
    "calm": _calm,
    "fill": _fill,
    "tell": _tell,
}
