"""What whoever runs local clouds may do with them, from outside of the process.

Each call is a JSON object sent by POST with the token that the host prints. `/evict` takes
the machines of a `cloud` back that bear a `tag` (`name=value`; without one, every one on spot),
after `notice_s`. `/price` sets what a spot machine of a `region` and `sku` costs. `/restock` says
how many a place holds, on spot where `spot` is true.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from http.client import HTTPConnection
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from providers.emulators.cloud import Cloud, Spot
from providers.emulators.launches import sold_as
from providers.emulators.orders import ORDERS, Order
from providers.emulators.wire import Reply, Request, Route, json_reply

Said: TypeAlias = Mapping[str, Any]
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Control:
    """A face for the clouds' owner."""

    clouds: Mapping[str, Cloud]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def routes(self) -> Iterable[Route]:
        for name, do in (("evict", self._evict), ("price", self._price), ("restock", self._stock)):
            yield Route("POST", f"/{name}", self._guarded(do))
        for name, order in ORDERS.items():
            yield Route("POST", f"/{name}", self._guarded(partial(_ordered, order)))

    def no_route(self, request: Request) -> Reply:
        return json_reply(404, {"error": f"there is nothing at {request.path}"})

    def _guarded(self, do: Callable[[Cloud, Said], object]) -> Callable[[Request], Reply]:
        def checked(request: Request) -> Reply:
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return json_reply(401, {"error": "the token is not the one that was printed"})
            try:
                said = request.json()
                return json_reply(200, {"done": do(self.clouds[said["cloud"]], said)})
            except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
                return json_reply(400, {"error": f"this is no such call: {wrong!r}"})

        return checked

    def _evict(self, cloud: Cloud, said: Said) -> int:
        tag, _, value = str(said.get("tag", "")).partition("=")
        notice = said.get("notice_s")
        wait = None if notice is None else float(notice)
        found = [m for m in cloud.list() if not tag or m.tags.get(tag) == value]
        return sum(cloud.evict(machine.id, wait) for machine in found)

    def _price(self, cloud: Cloud, said: Said) -> int:
        cloud.price(said["region"], said["sku"], Decimal(str(said["usd_hour"])))
        return 1

    def _stock(self, cloud: Cloud, said: Said) -> int:
        sold = sold_as(said["sku"], Spot() if said.get("spot") else None)
        cloud.restock(said["region"], sold, int(said["units"]))
        return 1


def _ordered(order: Order, cloud: Cloud, said: Said) -> object:
    return order(said["cloud"], cloud, said["what"])


def tell(desk: Mapping[str, str], verb: str, said: Said) -> Any:  # noqa: ANN401 - what it tells
    """Make one of the calls; returns what came of it. Raises RuntimeError, OSError."""
    line = HTTPConnection(urlsplit(desk["endpoint"]).netloc, timeout=_PATIENCE_S)
    try:
        headers = {"Authorization": f"Bearer {desk['token']}"}
        line.request("POST", f"/{verb}", json.dumps(said), headers)
        with line.getresponse() as answer:
            told = json.loads(answer.read())
    finally:
        line.close()
    if "done" not in told:
        raise RuntimeError(told["error"])
    return told["done"]
